namespace RnnLm.Storage;

/// <summary>One float32 tensor of a safetensors file.</summary>
/// <param name="Name">Its key.</param>
/// <param name="Shape">Row-major shape; empty for a scalar.</param>
/// <param name="ElementCount">Product of the shape.</param>
/// <param name="FileOffset">Position of its first byte in the file.</param>
public sealed record SafetensorsEntry(string Name, IReadOnlyList<long> Shape, long ElementCount, long FileOffset)
{
    /// <summary>One past its last byte in the file.</summary>
    public long FileEnd => FileOffset + (ElementCount * sizeof(float));
}
