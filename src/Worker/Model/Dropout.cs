namespace RnnLm.Worker;

/// <summary>
/// What training drops between the layers: each value that goes into a layer, or into the output layer, is zero with
/// probability p, else divided by 1 - p (Srivastava et al., 2014; only between layers, never from step to step of one:
/// Zaremba, Sutskever, Vinyals, 2014). What becomes of a value follows from the seed, the step, the example's number in
/// the step's batch, its place in the example and the layer: not from who computes it.
/// </summary>
/// <param name="model">Its sizes, share and seed.</param>
/// <param name="step">Version of the parameters.</param>
internal readonly struct Dropout(ModelSettings model, long step)
{
    private const int WordsInBlock = 4;
    private const int TokenBits = 20;
    private const int PlaceBits = 24;

    /// <summary>Whether anything is dropped.</summary>
    public bool IsActive => model.Dropout > 0;

    /// <summary>Factors of the values that go into a layer.</summary>
    /// <param name="layer">Which; the output layer is the one after the last.</param>
    /// <param name="example">Number of the example in the step's batch.</param>
    /// <param name="token">Its input, from 0.</param>
    /// <param name="factors">Receives them.</param>
    public void Fill(int layer, int example, int token, Span<float> factors)
    {
        // The counter has room for the purpose, the step, the example, the token and the layers' blocks beside each
        // other: 2²⁴ blocks of four words hold the values of any model that fits a buffer, one layer behind the other.
        int before = layer == 0 ? 0 : BlocksOf(model.EmbeddingWidth) + ((layer - 1) * BlocksOf(model.Dimension));
        UInt128 counter = ((UInt128)(uint)RandomPurpose.Dropout << 96) |
            ((UInt128)(uint)step << (TokenBits + TokenBits + PlaceBits)) |
            ((UInt128)((ulong)example & ((1UL << TokenBits) - 1)) << (TokenBits + PlaceBits)) |
            ((UInt128)((ulong)token & ((1UL << TokenBits) - 1)) << PlaceBits);
        ulong dropped = (ulong)(model.Dropout * (1UL << 32));
        float kept = (float)(1 / (1 - model.Dropout));
        for (int first = 0; first < factors.Length; first += WordsInBlock)
        {
            ulong place = (ulong)(before + (first / WordsInBlock));
            var (w0, w1, w2, w3) = Philox.Block(unchecked((ulong)model.DropoutSeed), counter | place);
            factors[first] = w0 < dropped ? 0 : kept;
            Set(factors, first + 1, w1 < dropped ? 0 : kept);
            Set(factors, first + 2, w2 < dropped ? 0 : kept);
            Set(factors, first + 3, w3 < dropped ? 0 : kept);
        }
    }

    private static int BlocksOf(int width) => (width + WordsInBlock - 1) / WordsInBlock;

    private static void Set(Span<float> factors, int index, float factor)
    {
        if (index < factors.Length)
        {
            factors[index] = factor;
        }
    }
}
