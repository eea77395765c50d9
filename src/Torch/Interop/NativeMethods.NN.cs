using System.Runtime.InteropServices;
using static RnnLm.Torch.torch;

namespace RnnLm.Torch.Interop;

internal static partial class NativeMethods
{
    [LibraryImport(Library)]
    public static partial int rnnlm_embedding(Tensor weight, Tensor indices, long paddingIdx, int scaleGradByFreq, int sparse, out Tensor result);

    [LibraryImport(Library)]
    public static partial int rnnlm_linear(Tensor input, Tensor weight, Tensor? bias, out Tensor result);

    [LibraryImport(Library)]
    public static partial int rnnlm_cross_entropy(Tensor input, Tensor target, Tensor? weight, int reduction, long ignoreIndex, double labelSmoothing, out Tensor result);

    [LibraryImport(Library)]
    public static partial int rnnlm_rnn(
        Tensor input, Tensor hidden, ReadOnlySpan<nint> weights, int weightCount, int relu, int hasBiases, long layers, double dropout, int training, int bidirectional, int batchFirst, out Tensor output, out Tensor lastHidden);
}
