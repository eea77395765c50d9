using System.IO.Hashing;
using System.Runtime.InteropServices;

namespace RnnLm.Cluster;

/// <summary>The bytes of a bulk transfer where they lie in memory: a few runs, one after another.</summary>
/// <param name="length">Bytes of all runs.</param>
/// <param name="runs">Each gives its bytes; they stay where they are as long as the payload is used.</param>
internal sealed class Payload(long length, IReadOnlyList<Payload.Run> runs)
{
    /// <summary>Floats of one run: a span has fewer than 2³¹ bytes, a model may have more.</summary>
    private const int MostFloats = 1 << 28;

    /// <summary>The bytes of one run.</summary>
    public delegate Span<byte> Run();

    /// <summary>The bytes of some runs.</summary>
    public Payload(params IReadOnlyList<Run> runs)
        : this(runs.Sum(run => (long)run().Length), runs)
    {
    }

    /// <summary>Bytes of all runs.</summary>
    public long Length { get; } = length;

    /// <summary>All parameters of a model.</summary>
    public static Payload Of(FloatBuffer parameters) => new([.. RunsOf(parameters, parameters.Length)]);

    /// <summary>Dense parameters' gradient, row ids, rows. The row count must be set.</summary>
    public static Payload Of(Gradient gradient)
    {
        ArgumentNullException.ThrowIfNull(gradient);
        int rows = gradient.RowCount;
        int width = gradient.Layout.Embedding.Shape[1];
        return new Payload(
        [
            .. RunsOf(gradient.Dense, gradient.Dense.Length),
            () => MemoryMarshal.AsBytes(gradient.RowIds.AsSpan(0, rows)),
            .. RunsOf(gradient.Rows, rows * width),
        ]);
    }

    /// <summary>Bytes of a gradient of a model with so many embedding rows.</summary>
    public static long LengthOf(ParameterLayout layout, int rows)
    {
        ArgumentNullException.ThrowIfNull(layout);
        long width = layout.Embedding.Shape[1];
        return sizeof(float) * (layout.DenseLength + (rows * (width + 1)));
    }

    /// <summary>Copies bytes out, from an offset on; as many as the destination holds.</summary>
    public void Read(long offset, Span<byte> destination)
    {
        foreach (var run in runs)
        {
            var bytes = run();
            if (offset < bytes.Length && destination.Length > 0)
            {
                int count = (int)Math.Min(bytes.Length - offset, destination.Length);
                bytes.Slice((int)offset, count).CopyTo(destination);
                destination = destination[count..];
                offset += count;
            }

            offset -= bytes.Length;
        }
    }

    /// <summary>Copies bytes in, from an offset on, and hashes what was written while it is in the cache.</summary>
    public void Write(long offset, ReadOnlySpan<byte> source, XxHash128 hash)
    {
        ArgumentNullException.ThrowIfNull(hash);
        foreach (var run in runs)
        {
            var bytes = run();
            if (offset < bytes.Length && source.Length > 0)
            {
                int count = (int)Math.Min(bytes.Length - offset, source.Length);
                source[..count].CopyTo(bytes[(int)offset..]);
                hash.Append(bytes.Slice((int)offset, count));
                source = source[count..];
                offset += count;
            }

            offset -= bytes.Length;
        }
    }

    /// <summary>XXH128 of all bytes (https://xxhash.com): against damage, not against forgery, which TLS keeps out.
    /// </summary>
    public UInt128 Hash()
    {
        var hash = new XxHash128();
        AppendTo(hash);
        return hash.GetCurrentHashAsUInt128();
    }

    /// <summary>Appends all bytes to a hash.</summary>
    public void AppendTo(XxHash128 hash)
    {
        ArgumentNullException.ThrowIfNull(hash);
        foreach (var run in runs)
        {
            hash.Append(run());
        }
    }

    private static IEnumerable<Run> RunsOf(FloatBuffer buffer, int length)
    {
        for (long start = 0; start < length; start += MostFloats)
        {
            int first = (int)start;
            int count = (int)Math.Min(MostFloats, length - start);
            yield return () => MemoryMarshal.AsBytes(buffer.Span.Slice(first, count));
        }
    }
}
