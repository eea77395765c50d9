using System.Runtime.InteropServices;
using static RnnLm.Torch.torch;

namespace RnnLm.Torch.Interop;

/// <summary>
/// The shim's C functions, one file a topic as in native/. Those that return int return 0, or 1 after recording a message for
/// <see cref="NativeError.Check"/>.
/// </summary>
internal static partial class NativeMethods
{
    public const string Library = "rnnlm_torch";

    [LibraryImport(Library)]
    public static partial void rnnlm_tensor_dispose(nint tensor);

    [LibraryImport(Library)]
    public static partial int rnnlm_tensor_alias(Tensor tensor, out Tensor result);

    [LibraryImport(Library)]
    public static partial int rnnlm_tensor_ndim(Tensor tensor, out long result);

    [LibraryImport(Library)]
    public static partial int rnnlm_tensor_geometry(Tensor tensor, Span<long> sizes, Span<long> strides);

    [LibraryImport(Library)]
    public static partial int rnnlm_tensor_numel(Tensor tensor, out long result);

    [LibraryImport(Library)]
    public static partial int rnnlm_tensor_element_size(Tensor tensor, out long result);

    [LibraryImport(Library)]
    public static partial int rnnlm_tensor_identity(Tensor tensor, out long result);

    [LibraryImport(Library)]
    public static partial int rnnlm_tensor_place(Tensor tensor, out TensorPlace result);

    [LibraryImport(Library)]
    public static partial int rnnlm_tensor_is_contiguous(Tensor tensor, out int result);

    [LibraryImport(Library)]
    public static partial int rnnlm_tensor_data(Tensor tensor, out nint result);

    [LibraryImport(Library)]
    public static partial int rnnlm_tensor_contiguous(Tensor tensor, out Tensor result);

    [LibraryImport(Library)]
    public static partial int rnnlm_tensor_clone(Tensor tensor, out Tensor result);

    [LibraryImport(Library)]
    public static partial int rnnlm_tensor_copy_(Tensor tensor, Tensor source, int nonBlocking);

    [LibraryImport(Library)]
    public static partial int rnnlm_tensor_to(Tensor tensor, int dtype, int deviceType, int deviceIndex, int copy, int nonBlocking, out Tensor result);

    [LibraryImport(Library)]
    public static partial int rnnlm_tensor_fill_(Tensor tensor, in ScalarValue value);

    [LibraryImport(Library)]
    public static partial int rnnlm_tensor_item_real(Tensor tensor, out double result);

    [LibraryImport(Library)]
    public static partial int rnnlm_tensor_item_integer(Tensor tensor, out long result);
}
