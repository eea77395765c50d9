using System.Runtime.InteropServices;
using static RnnLm.Torch.torch;

namespace RnnLm.Torch.Interop;

internal static partial class NativeMethods
{
    [LibraryImport(Library)]
    public static partial int rnnlm_set_requires_grad(Tensor tensor, int requiresGrad);

    [LibraryImport(Library)]
    public static partial int rnnlm_is_leaf(Tensor tensor, out int result);

    [LibraryImport(Library)]
    public static partial int rnnlm_grad(Tensor tensor, out Tensor? result);

    [LibraryImport(Library)]
    public static partial int rnnlm_set_grad(Tensor tensor, Tensor? gradient);

    [LibraryImport(Library)]
    public static partial int rnnlm_set_data(Tensor tensor, Tensor values);

    [LibraryImport(Library)]
    public static partial int rnnlm_detach(Tensor tensor, out Tensor result);

    [LibraryImport(Library)]
    public static partial int rnnlm_backward(
        ReadOnlySpan<nint> outputs, int outputCount, ReadOnlySpan<nint> gradients, int gradientCount, int retainGraph, int createGraph, ReadOnlySpan<nint> inputs, int inputCount);

    [LibraryImport(Library)]
    public static partial int rnnlm_autograd_grad(
        ReadOnlySpan<nint> outputs, int outputCount, ReadOnlySpan<nint> inputs, int inputCount, ReadOnlySpan<nint> gradients, int gradientCount, int retainGraph, int createGraph, int allowUnused, Span<nint> results);

    [LibraryImport(Library)]
    public static partial int rnnlm_grad_enabled(out int result);

    [LibraryImport(Library)]
    public static partial int rnnlm_set_grad_enabled(int enabled);
}
