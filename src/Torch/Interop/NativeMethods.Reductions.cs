using System.Runtime.InteropServices;
using static RnnLm.Torch.torch;

namespace RnnLm.Torch.Interop;

internal static partial class NativeMethods
{
    [LibraryImport(Library)]
    public static partial int rnnlm_sum(Tensor input, ReadOnlySpan<long> over, int count, int keepdim, int dtype, out Tensor result);

    [LibraryImport(Library)]
    public static partial int rnnlm_mean(Tensor input, ReadOnlySpan<long> over, int count, int keepdim, int dtype, out Tensor result);

    [LibraryImport(Library)]
    public static partial int rnnlm_max(Tensor input, out Tensor result);

    [LibraryImport(Library)]
    public static partial int rnnlm_max_dim(Tensor input, long dim, int keepdim, out Tensor values, out Tensor indices);

    [LibraryImport(Library)]
    public static partial int rnnlm_argmax(Tensor input, out Tensor result);

    [LibraryImport(Library)]
    public static partial int rnnlm_argmax_dim(Tensor input, long dim, int keepdim, out Tensor result);

    [LibraryImport(Library)]
    public static partial int rnnlm_all(Tensor input, out Tensor result);

    [LibraryImport(Library)]
    public static partial int rnnlm_logsumexp(Tensor input, long dim, int keepdim, out Tensor result);

    [LibraryImport(Library)]
    public static partial int rnnlm_softmax(Tensor input, long dim, int dtype, out Tensor result);

    [LibraryImport(Library)]
    public static partial int rnnlm_log_softmax(Tensor input, long dim, int dtype, out Tensor result);

    [LibraryImport(Library)]
    public static partial int rnnlm_topk(Tensor input, long k, long dim, int largest, int sorted, out Tensor values, out Tensor indices);
}
