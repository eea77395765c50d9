using System.Runtime.InteropServices;
using System.Security.Cryptography;

namespace RnnLm.Tests;

public class ParameterInitializationTests
{
    private static readonly ModelSettings s_settings = new(50, 8, 2, 3);
    private static readonly ParameterLayout s_layout = ParameterLayout.For(s_settings);

    [Fact]
    public void Matrices_fill_the_Xavier_range_and_vectors_the_unit_range()
    {
        float[] values = Filled(s_settings, 1);
        foreach (ParameterSegment segment in s_layout.Segments)
        {
            double bound = segment.Shape.Count > 1 ? Math.Sqrt(6.0 / (segment.Shape[0] + segment.Shape[1])) : 1;
            double low = segment.Shape.Count > 1 ? -bound : 0;
            float[] drawn = values[segment.Offset..segment.End];
            Assert.InRange(drawn.Min(), low, bound);
            Assert.InRange(drawn.Max(), low, bound);
            if (drawn.Length >= 50)
            {
                double spread = (drawn.Max() - drawn.Min()) / (bound - low);
                Assert.True(spread > 0.9, $"{segment.Name} fills only {spread:P0} of its range");
                Assert.Equal((low + bound) / 2, drawn.Average(), 0.1 * (bound - low));
            }
        }
    }

    [Fact]
    public void Each_value_is_the_scaled_draw_at_its_own_place_in_the_stream_of_its_segment()
    {
        float[] values = Filled(s_settings, 42);
        ParameterSegment matrix = s_layout.OfCell(1, 1);
        var random = new CounterRandom(42, RandomPurpose.Initialization, 5);
        double bound = Math.Sqrt(6.0 / 16);
        Assert.Equal((float)(-bound + (bound + bound) * random.UniformSingle(17)), values[matrix.Offset + 17]);
        Assert.Equal(
            new CounterRandom(42, RandomPurpose.Initialization, 8).UniformSingle(2),
            values[s_layout.OutputBias.Offset + 2]);
    }

    [Fact]
    public void The_padding_row_is_zero_and_everything_else_the_same_as_without_padding()
    {
        float[] padded = Filled(s_settings, 1);
        float[] unpadded = Filled(s_settings with { PaddingId = -1 }, 1);
        Range row = (3 * 8)..(4 * 8);
        Assert.All(padded[row], value => Assert.Equal(0, value));
        Assert.All(unpadded[row], value => Assert.NotEqual(0, value));
        unpadded.AsSpan(row).Clear();
        Assert.Equal(unpadded, padded);
    }

    /// <summary>Also where a cell declares a range, and where the bound is no number of 24 bits.</summary>
    [Fact]
    public void One_range_for_all_is_filled_from_end_to_end_but_for_the_padding_row()
    {
        var settings = s_settings with { VocabularySize = 500, Cell = CoupledGateCell.Registered };
        var values = new float[ParameterLayout.For(settings).Length];
        ParameterInitialization.Fill(settings, 1, values, uniform: 0.05);
        Range row = (3 * 8)..(4 * 8);
        Assert.All(values[row], value => Assert.Equal(0, value));
        Assert.All(values, value => Assert.True(value is >= -0.05f and < 0.05f));
        Assert.All(
            ParameterLayout.For(settings).Segments.Where(segment => segment.Length >= 50),
            segment => Assert.True(values[segment.Offset..segment.End] is var drawn &&
                drawn.Min() < -0.045 && drawn.Max() > 0.045 && Math.Abs(drawn.Average()) < 0.01, segment.Name));

        var random = new CounterRandom(1, RandomPurpose.Initialization, 0);
        Assert.Equal((float)(-0.05 + (0.1 * random.UniformSingle(7))), values[7]);
    }

    [Fact]
    public void The_bits_are_a_constant_of_settings_and_seed()
    {
        // Printed by Fixtures/initialization_hash.py.
        Assert.Equal("805A3716CDCCA3EF74D32538F6ECD3AD0269F50466F60A3B4E2BE9BAD90B2F4A", Hash(1));
        Assert.NotEqual(Hash(1), Hash(2));
    }

    [Fact]
    public void A_buffer_of_another_length_is_refused()
    {
        Assert.Throws<ArgumentException>(() => ParameterInitialization.Fill(s_settings, 1, new float[5]));
    }

    private static string Hash(long seed) =>
        Convert.ToHexString(SHA256.HashData(MemoryMarshal.AsBytes(Filled(s_settings, seed).AsSpan())));

    private static float[] Filled(ModelSettings settings, long seed)
    {
        var values = new float[ParameterLayout.For(settings).Length];
        ParameterInitialization.Fill(settings, seed, values);
        return values;
    }
}
