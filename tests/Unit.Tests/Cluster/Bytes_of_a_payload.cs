using System.IO.Hashing;
using System.Runtime.InteropServices;
using FsCheck.Fluent;

namespace RnnLm.Tests;

public sealed class Bytes_of_a_payload
{
    private static readonly ParameterLayout s_layout = ParameterLayout.For(new ModelSettings(7, 3, 2, -1));

    [Fact]
    public void Runs_are_read_and_written_like_one_array()
    {
        var cases =
            from lengths in Gen.Choose(0, 40).ArrayOf().Resize(6)
            from seed in Gen.Choose(0, int.MaxValue)
            select (lengths, seed);
        Property.Holds(cases, it =>
        {
            var random = new Random(it.seed);
            byte[][] runs = [.. it.lengths.Select(length => Drawn(random, length))];
            byte[] flat = [.. runs.SelectMany(run => run)];
            var payload = new Payload([.. runs.Select(run => new Payload.Run(() => run))]);
            Assert.Equal(flat.Length, payload.Length);
            Assert.Equal(XxHash128.HashToUInt128(flat), payload.Hash());
            for (int chunk = 0; chunk < 20; chunk++)
            {
                int offset = random.Next(flat.Length + 1);
                byte[] read = new byte[random.Next(flat.Length - offset + 1)];
                payload.Read(offset, read);
                Assert.Equal(flat[offset..(offset + read.Length)], read);

                byte[] written = Drawn(random, random.Next(flat.Length - offset + 1));
                payload.Write(offset, written, new XxHash128());
                written.CopyTo(flat.AsSpan(offset));
                Assert.Equal(flat, runs.SelectMany(run => run));
            }

            Assert.Equal(XxHash128.HashToUInt128(flat), payload.Hash());
        });
    }

    [Fact]
    public void What_is_asked_for_beyond_the_end_is_left_as_it_is()
    {
        byte[] run = [1, 2, 3];
        var payload = new Payload(() => run, () => []);
        byte[] read = [9, 9, 9, 9];
        payload.Read(1, read);
        Assert.Equal([2, 3, 9, 9], read);
        payload.Read(3, read);
        Assert.Equal([2, 3, 9, 9], read);
        var hash = new XxHash128();
        payload.Write(2, [7, 8], hash);
        Assert.Equal(XxHash128.HashToUInt128([7]), hash.GetCurrentHashAsUInt128());
        Assert.Equal([1, 2, 7], run);
    }

    [Fact]
    public void Parameters_are_their_floats_and_a_gradient_is_dense_part_ids_and_rows()
    {
        using var parameters = new FloatBuffer(s_layout.Length);
        using var gradient = new Gradient(s_layout);
        Fill(parameters.Span, 1);
        Fill(gradient.Dense.Span, 2);
        Fill(gradient.Rows.Span, 3);
        gradient.RowCount = 2;
        (gradient.RowIds[0], gradient.RowIds[1]) = (1, 5);
        Assert.Equal(MemoryMarshal.AsBytes<float>(parameters.Span).ToArray(), All(Payload.Of(parameters)));
        byte[] expected =
        [
            .. MemoryMarshal.AsBytes<float>(gradient.Dense.Span),
            .. MemoryMarshal.AsBytes<int>([1, 5]),
            .. MemoryMarshal.AsBytes<float>(gradient.Rows.Span[..6]),
        ];
        Assert.Equal(expected, All(Payload.Of(gradient)));
        Assert.Equal(expected.Length, Payload.LengthOf(s_layout, 2));
    }

    /// <summary>The pages in between are never touched, so that they take no memory.</summary>
    [Fact]
    public void Parameters_of_more_than_two_gibibytes_have_bytes_too()
    {
        const int Floats = (1 << 29) + 3;
        using var parameters = new FloatBuffer(Floats);
        var payload = Payload.Of(parameters);
        Assert.Equal(4L * Floats, payload.Length);
        foreach (long offset in new[] { 0, (1L << 30) - 6, payload.Length - 12 })
        {
            byte[] written = Drawn(new Random((int)(offset >> 3)), 12);
            payload.Write(offset, written, new XxHash128());
            byte[] read = new byte[12];
            payload.Read(offset, read);
            Assert.Equal(written, read);
            Assert.Equal(written, InMemory(parameters, offset, 12));
        }
    }

    private static unsafe byte[] InMemory(FloatBuffer buffer, long offset, int count) =>
        new Span<byte>((byte*)buffer.Address + offset, count).ToArray();

    private static byte[] All(Payload payload)
    {
        byte[] all = new byte[payload.Length];
        payload.Read(0, all);
        return all;
    }

    private static byte[] Drawn(Random random, int length)
    {
        byte[] bytes = new byte[length];
        random.NextBytes(bytes);
        return bytes;
    }

    private static void Fill(Span<float> values, float first)
    {
        for (int i = 0; i < values.Length; i++)
        {
            values[i] = first + (i / 64f);
        }
    }
}
