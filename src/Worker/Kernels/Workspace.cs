namespace RnnLm.Worker;

/// <summary>
/// Everything one thread needs to compute shards besides parameters and result: the temporaries, which grow to the largest shard seen and are re-used,
/// and the way to oneDNN. One computation at a time may use it. What earlier shards left in it never shows in a result.
/// </summary>
public sealed class Workspace : IDisposable
{
    /// <exception cref="RnnLmException">oneDNN is missing or unsuitable.</exception>
    public Workspace() => Products = MatrixProducts.Load();

    internal MatrixProducts Products { get; }

    internal PackedBatch Batch { get; } = new();

    internal OutputScratch Output { get; } = new();

    /// <summary>Embedding rows of the inputs (R, D).</summary>
    internal GrowingBuffer Embedded { get; } = new();

    /// <summary>Outputs of all layers (L·R, D), first layer first.</summary>
    internal GrowingBuffer Hidden { get; } = new();

    /// <summary>Gradient of a layer's outputs (R, D).</summary>
    internal GrowingBuffer OutputGradient { get; } = new();

    /// <summary>Gradient of the same layer's inputs (R, D).</summary>
    internal GrowingBuffer InputGradient { get; } = new();

    /// <summary>Gathered h_{t-1} (R, D).</summary>
    internal GrowingBuffer PreviousHidden { get; } = new();

    /// <summary>Room to sort the rows by token.</summary>
    internal long[] SortKeys { get; private set; } = [];

    internal void ReserveSortKeys(int count)
    {
        if (SortKeys.Length < count)
        {
            SortKeys = new long[count];
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Output.Dispose();
        Embedded.Dispose();
        Hidden.Dispose();
        OutputGradient.Dispose();
        InputGradient.Dispose();
        PreviousHidden.Dispose();
    }
}
