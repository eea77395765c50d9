namespace RnnLm.Worker;

/// <summary>
/// The first parameters of a run: uniform over one range for all, or over the range that the cell declares, else Xavier
/// uniform for those of two or more dimensions (Glorot, Bengio, AISTATS 2010) and uniform over [0, 1) for the others;
/// then a padding row of zeros. Every operation on the way rounds as IEEE 754 prescribes, so the bits are the same on
/// every machine; no libtorch takes part.
/// </summary>
public static class ParameterInitialization
{
    /// <summary>Fills the flat buffer of a whole model.</summary>
    /// <param name="model">Sizes and padding row.</param>
    /// <param name="seed">The job's seed.</param>
    /// <param name="destination">As many values as <see cref="ParameterLayout.Length"/>.</param>
    /// <param name="uniform">X for the range [-X, X) of all parameters; 0 for their own.</param>
    /// <exception cref="ArgumentException">The buffer has another length.</exception>
    public static void Fill(ModelSettings model, long seed, Span<float> destination, double uniform = 0)
    {
        ArgumentNullException.ThrowIfNull(model);
        ParameterLayout layout = ParameterLayout.For(model);
        if (destination.Length != layout.Length)
        {
            throw new ArgumentException(
                $"a buffer of {destination.Length} values cannot hold {layout.Length} parameters");
        }

        for (int index = 0; index < layout.Segments.Count; index++)
        {
            ParameterSegment segment = layout.Segments[index];
            (double low, double high) = uniform > 0 ? (-uniform, uniform) : segment.InitialRange ?? Range(segment);
            var random = new CounterRandom(seed, RandomPurpose.Initialization, (ulong)index);
            Draw(random, low, high, destination.Slice(segment.Offset, segment.Length));
        }

        if (model.PaddingId >= 0)
        {
            destination.Slice(layout.Embedding.Offset + (model.PaddingId * model.Dimension), model.Dimension).Clear();
        }
    }

    private static (double Low, double High) Range(ParameterSegment segment)
    {
        if (segment.Shape.Count < 2)
        {
            return (0, 1);
        }

        double bound = Math.Sqrt(6.0 / ((double)segment.Shape[0] + segment.Shape[1]));
        return (-bound, bound);
    }

    private static void Draw(CounterRandom random, double low, double high, Span<float> destination)
    {
        double width = high - low;
        for (int i = 0; i < destination.Length; i++)
        {
            // A product and a sum, each rounded by itself: the compiler never fuses them.
            destination[i] = (float)(low + (width * random.UniformSingle((ulong)i)));
        }
    }
}
