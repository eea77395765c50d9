namespace RnnLm.Worker;

/// <summary>
/// The first parameters of a run: uniform over one range for all, or over the range that the cell declares, else as its
/// <see cref="FirstValues"/> say; then a padding row of zeros, and behind the parameters states of zeros. Every
/// operation on the way rounds as IEEE 754 prescribes, so the bits are the same on every machine; no
/// libtorch takes part.
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
        if (destination.Length != layout.Length && destination.Length != layout.BufferLength)
        {
            throw new ArgumentException(
                $"a buffer of {destination.Length} values cannot hold {layout.Length} parameters");
        }

        if (uniform == 0 && CellDeclaration.Of(model.Cell).FirstValues == FirstValues.PyTorch)
        {
            FillAsPyTorch(model, layout, seed, destination);
        }
        else
        {
            for (int index = 0; index < layout.Segments.Count; index++)
            {
                var segment = layout.Segments[index];
                var range = uniform > 0 ? (-uniform, uniform) : segment.InitialRange ?? Xavier(segment);
                Draw(seed, index, segment, range, destination);
            }
        }

        destination[layout.Length..].Clear();
        if (model.PaddingId >= 0)
        {
            int width = model.EmbeddingWidth;
            destination.Slice(layout.Embedding.Offset + (model.PaddingId * width), width).Clear();
        }
    }

    private static void FillAsPyTorch(ModelSettings model, ParameterLayout layout, long seed, Span<float> destination)
    {
        double ofDimension = 1 / Math.Sqrt(model.Dimension);
        double unitVariance = Math.Sqrt(3);
        var generator = new MersenneTwister(seed);
        for (int index = 0; index < layout.Segments.Count; index++)
        {
            var segment = layout.Segments[index];
            bool isOfCell = segment != layout.Embedding && segment != layout.OutputWeight &&
                segment != layout.OutputBias;
            if (isOfCell && segment.InitialRange is null)
            {
                generator.Uniform(
                    (float)-ofDimension,
                    (float)ofDimension,
                    destination.Slice(segment.Offset, segment.Length));
            }
            else
            {
                // A tied embedding is an output weight first: unit variance would make logits of √D.
                double bound = segment == layout.Embedding && !layout.IsTied ? unitVariance : ofDimension;
                Draw(seed, index, segment, segment.InitialRange ?? (-bound, bound), destination);
            }
        }
    }

    private static (double Low, double High) Xavier(ParameterSegment segment)
    {
        if (segment.Shape.Count < 2)
        {
            return (0, 1);
        }

        double bound = Math.Sqrt(6.0 / ((double)segment.Shape[0] + segment.Shape[1]));
        return (-bound, bound);
    }

    private static void Draw(
        long seed, int index, ParameterSegment segment, (double Low, double High) range, Span<float> destination)
    {
        var random = new CounterRandom(seed, RandomPurpose.Initialization, (ulong)index);
        Draw(random, range.Low, range.High, destination.Slice(segment.Offset, segment.Length));
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
