using System.Runtime.InteropServices;
using System.Security.Cryptography;

namespace RnnLm.Shared;

/// <summary>
/// The sum over the tokens of a range of shards of the loss and of its gradient. Embedding: only the rows that occur,
/// ids ascending, unless it is tied. All other
/// parameters: dense. In the place of the carried states are those of the range's rows after the step, and zeros for
/// others. A range without tokens is the identity of addition: <see cref="IsIdentity"/>, buffers undefined
/// (adding zeros
/// instead would turn -0 into +0).
/// </summary>
public sealed class Gradient : IDisposable
{
    private readonly GradientPool? _pool;

    /// <summary>Takes buffers for a model with this layout.</summary>
    /// <param name="layout">Of the model.</param>
    /// <param name="pool">Where the buffers go when nobody needs them.</param>
    public Gradient(ParameterLayout layout, GradientPool? pool = null)
    {
        ArgumentNullException.ThrowIfNull(layout);
        _pool = pool;
        Layout = layout;
        Dense = new FloatBuffer(layout.DenseLength);
        RowIds = new int[layout.EmbeddingRows];
        Rows = new FloatBuffer(layout.DenseStart);
    }

    /// <summary>Where each parameter lies.</summary>
    public ParameterLayout Layout { get; }

    /// <summary>Gradient of every parameter but those of embedding rows, and states: what lies at offset o of a
    /// version's buffer lies at o - Layout.DenseStart here.</summary>
    public FloatBuffer Dense { get; }

    /// <summary>Ids of the embedding rows present, ascending, in the first <see cref="RowCount"/> elements; room for
    /// the whole vocabulary.</summary>
    public int[] RowIds { get; }

    /// <summary>Gradient of row RowIds[i] at [i·D, (i+1)·D).</summary>
    public FloatBuffer Rows { get; }

    /// <summary>Number of embedding rows present.</summary>
    public int RowCount { get; set; }

    /// <summary>Sum of the tokens' losses, in nats.</summary>
    public double LossSum { get; set; }

    /// <summary>Number of predicted tokens.</summary>
    public long TokenCount { get; set; }

    /// <summary>Seconds of a processor that computing it took.</summary>
    public double ComputeSeconds { get; set; }

    /// <summary>Whether this is the sum over nothing.</summary>
    public bool IsIdentity => TokenCount == 0;

    /// <summary>Makes this the sum over nothing.</summary>
    public void Clear()
    {
        RowCount = 0;
        LossSum = 0;
        TokenCount = 0;
        ComputeSeconds = 0;
    }

    /// <summary>
    /// SHA-256 (hex) of loss, token count and gradient, bit by bit: what two computations of a range are compared by.
    /// </summary>
    public string Digest()
    {
        using var sha = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        sha.AppendData(BitConverter.GetBytes(LossSum));
        sha.AppendData(BitConverter.GetBytes(TokenCount));
        if (!IsIdentity)
        {
            sha.AppendData(MemoryMarshal.AsBytes<float>(Dense.Span));
            sha.AppendData(MemoryMarshal.AsBytes(RowIds.AsSpan(0, RowCount)));
            sha.AppendData(MemoryMarshal.AsBytes<float>(Rows.Span[..(RowCount * Layout.Embedding.Shape[1])]));
        }

        return Convert.ToHexStringLower(sha.GetHashAndReset());
    }

    /// <summary>Gives the buffers back to the pool they came from; the owner must not touch them again.</summary>
    public void Release() => _pool?.Return(this);

    /// <inheritdoc/>
    public void Dispose()
    {
        Dense.Dispose();
        Rows.Dispose();
    }
}
