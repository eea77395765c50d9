using System.Runtime.InteropServices;
using static RnnLm.Torch.torch;

namespace RnnLm.Torch.Interop;

internal static partial class NativeMethods
{
    [LibraryImport(Library)]
    public static partial int rnnlm_matmul(Tensor left, Tensor right, out Tensor result);

    [LibraryImport(Library)]
    public static partial int rnnlm_mm(Tensor left, Tensor right, out Tensor result);

    [LibraryImport(Library)]
    public static partial int rnnlm_addmm(Tensor input, Tensor left, Tensor right, double beta, double alpha, out Tensor result);

    [LibraryImport(Library)]
    public static partial int rnnlm_addmm_(Tensor input, Tensor left, Tensor right, double beta, double alpha);

    [LibraryImport(Library)]
    public static partial int rnnlm_norm(Tensor input, double p, out Tensor result);
}
