using System.Buffers.Binary;
using System.Runtime.InteropServices;

namespace RnnLm.Storage;

/// <summary>
/// An open safetensors file of float32 tensors. All that its header claims is checked against the length of the file
/// before memory is taken for it, so that any content, whoever made it, is read or refused with exit code 3.
/// </summary>
public sealed class SafetensorsFile : IDisposable
{
    internal const string MetadataKey = "__metadata__";
    internal const string Float32 = "F32";

    // The limit of the reference implementation.
    private const long MaximumHeaderBytes = 100_000_000;
    private const int PieceElements = 1 << 24;

    private readonly string _path;
    private readonly Stream _stream;
    private readonly Dictionary<string, SafetensorsEntry> _byName;

    private SafetensorsFile(string path, Stream stream, IReadOnlyList<SafetensorsEntry> tensors)
    {
        _path = path;
        _stream = stream;
        Tensors = tensors;
        _byName = tensors.ToDictionary(tensor => tensor.Name, StringComparer.Ordinal);
    }

    /// <summary>The tensors in the order of their data.</summary>
    public IReadOnlyList<SafetensorsEntry> Tensors { get; }

    /// <summary>Opens a file and checks its header.</summary>
    /// <exception cref="RnnLmException">Exit code 3: the file is missing, damaged or not float32, or may not be read.
    /// Exit code 6: the disk does not give it.</exception>
    public static SafetensorsFile Open(string path) => Open(FileOperations.Default, path);

    /// <summary>The tensor of that name, or null.</summary>
    public SafetensorsEntry? Find(string name) => _byName.GetValueOrDefault(name);

    /// <summary>Reads a whole tensor.</summary>
    /// <param name="tensor">One of <see cref="Tensors"/>.</param>
    /// <param name="destination">As many elements as the tensor has, row-major.</param>
    /// <exception cref="RnnLmException">Exit code 3: the file ended early. Exit code 6: it cannot be read.</exception>
    public void Read(SafetensorsEntry tensor, Span<float> destination)
    {
        ArgumentNullException.ThrowIfNull(tensor);
        if (destination.Length != tensor.ElementCount)
        {
            throw new ArgumentException(
                $"tensor {tensor.Name} has {tensor.ElementCount} elements", nameof(destination));
        }

        long offset = tensor.FileOffset;
        for (int start = 0; start < destination.Length; start += PieceElements)
        {
            int count = Math.Min(PieceElements, destination.Length - start);
            Span<byte> bytes = MemoryMarshal.AsBytes(destination.Slice(start, count));
            ReadExactly(_path, _stream, bytes, offset);
            offset += bytes.Length;
        }
    }

    /// <summary>Reads one tensor into its place in a flat buffer.</summary>
    /// <exception cref="RnnLmException">Exit code 3: it is missing or of another shape.</exception>
    public void Read(ParameterSegment segment, Span<float> flat)
    {
        ArgumentNullException.ThrowIfNull(segment);
        Read(Fitting(segment, string.Empty), flat.Slice(segment.Offset, segment.Length));
    }

    /// <summary>Reads all parameters of a model into its flat buffer. Names and shapes must be exactly those of the
    /// layout.</summary>
    /// <param name="layout">Names, shapes and offsets.</param>
    /// <param name="flat">The flat buffer (layout.Length).</param>
    /// <param name="prefix">What stands before each name; tensors whose names begin otherwise are left alone.</param>
    /// <exception cref="RnnLmException">Exit code 3: a tensor is missing, of another shape, or not of this
    /// model.</exception>
    public void ReadLayout(ParameterLayout layout, Span<float> flat, string prefix = "")
    {
        ArgumentNullException.ThrowIfNull(layout);
        var expected = layout.Segments.Select(segment => prefix + segment.Name).ToHashSet(StringComparer.Ordinal);
        var ours = Tensors.Where(tensor => tensor.Name.StartsWith(prefix, StringComparison.Ordinal));
        if (ours.FirstOrDefault(tensor => !expected.Contains(tensor.Name)) is { } extra)
        {
            throw RnnLmException.BadInput(
                $"cannot use '{_path}': tensor {extra.Name} is not one of this model; check --layers and the file");
        }

        // All shapes first: a file that does not fit leaves the buffer as it was.
        var found = layout.Segments.Select(segment => (Segment: segment, Tensor: Fitting(segment, prefix))).ToList();
        foreach ((ParameterSegment segment, SafetensorsEntry tensor) in found)
        {
            Read(tensor, flat.Slice(segment.Offset, segment.Length));
        }
    }

    public void Dispose() => _stream.Dispose();

    /// <inheritdoc cref="Open(string)"/>
    internal static SafetensorsFile Open(FileOperations operations, string path)
    {
        Stream? stream = null;
        try
        {
            stream = operations.OpenRead(path);
            var file = new SafetensorsFile(path, stream, ReadHeader(path, stream));
            stream = null;
            return file;
        }
        catch (Exception failure) when (failure is FileNotFoundException or DirectoryNotFoundException)
        {
            throw RnnLmException.BadInput($"cannot read '{path}': there is no such file; check the path", failure);
        }
        catch (UnauthorizedAccessException failure)
        {
            string cause = operations.DirectoryExists(path)
                ? "it is a directory; name a file in it"
                : "permission denied; make it readable";
            throw RnnLmException.BadInput($"cannot read '{path}': {cause}", failure);
        }
        catch (IOException failure)
        {
            throw Unreadable(path, failure);
        }
        finally
        {
            stream?.Dispose();
        }
    }

    internal static RnnLmException Damaged(string path, string what, Exception? inner = null) =>
        RnnLmException.BadInput($"'{path}' is not a usable safetensors file: {what}; use an undamaged copy", inner);

    private static RnnLmException Unreadable(string path, IOException failure) =>
        RnnLmException.Storage($"cannot read '{path}': {failure.Message}; check the path and the device", failure);

    private static IReadOnlyList<SafetensorsEntry> ReadHeader(string path, Stream stream)
    {
        long fileBytes = stream.Length;
        if (fileBytes < sizeof(ulong))
        {
            throw Damaged(path, $"it has {fileBytes} bytes, fewer than the 8 of a header length");
        }

        Span<byte> prefix = stackalloc byte[sizeof(ulong)];
        ReadExactly(path, stream, prefix, 0);
        ulong headerBytes = BinaryPrimitives.ReadUInt64LittleEndian(prefix);
        if (headerBytes is < 2 or > MaximumHeaderBytes || (long)headerBytes > fileBytes - sizeof(ulong))
        {
            throw Damaged(path, $"its header claims {headerBytes} bytes of a file of {fileBytes}");
        }

        byte[] json = new byte[headerBytes];
        ReadExactly(path, stream, json, sizeof(ulong));
        long dataStart = sizeof(ulong) + (long)headerBytes;
        return new SafetensorsHeader(path, dataStart, fileBytes - dataStart).Parse(json);
    }

    private static void ReadExactly(string path, Stream stream, Span<byte> bytes, long offset)
    {
        while (!bytes.IsEmpty)
        {
            int count;
            try
            {
                stream.Position = offset;
                count = stream.Read(bytes);
            }
            catch (IOException failure)
            {
                throw Unreadable(path, failure);
            }

            if (count == 0)
            {
                throw Damaged(path, "it was truncated while being read");
            }

            bytes = bytes[count..];
            offset += count;
        }
    }

    private SafetensorsEntry Fitting(ParameterSegment segment, string prefix)
    {
        SafetensorsEntry tensor = Find(prefix + segment.Name) ??
            throw RnnLmException.BadInput(
                $"cannot use '{_path}': it has no tensor {prefix}{segment.Name}; it holds another kind of model");
        if (!tensor.Shape.SequenceEqual(segment.Shape.Select(extent => (long)extent)))
        {
            throw RnnLmException.BadInput(
                $"cannot use '{_path}': tensor {tensor.Name} has shape [{string.Join(", ", tensor.Shape)}] " +
                $"but the model needs [{string.Join(", ", segment.Shape)}]; train with the settings it was made with");
        }

        return tensor;
    }
}

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
