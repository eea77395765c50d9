using System.Runtime.InteropServices;
using static RnnLm.Torch.torch;

namespace RnnLm.Torch.Interop;

internal static partial class NativeMethods
{
    [LibraryImport(Library)]
    public static partial int rnnlm_empty(ReadOnlySpan<long> sizes, int count, in TensorPlace place, out Tensor result);

    [LibraryImport(Library)]
    public static partial int rnnlm_full(ReadOnlySpan<long> sizes, int count, in ScalarValue value, in TensorPlace place, out Tensor result);

    [LibraryImport(Library)]
    public static partial int rnnlm_arange(in ScalarValue start, in ScalarValue stop, in ScalarValue step, in TensorPlace place, out Tensor result);

    [LibraryImport(Library)]
    public static partial int rnnlm_from_memory(
        ReadOnlySpan<byte> bytes, long byteCount, int sourceDType, ReadOnlySpan<long> sizes, int count, in TensorPlace place, out Tensor result);
}
