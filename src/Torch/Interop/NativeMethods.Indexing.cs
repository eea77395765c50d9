using System.Runtime.InteropServices;
using static RnnLm.Torch.torch;

namespace RnnLm.Torch.Interop;

internal static partial class NativeMethods
{
    [LibraryImport(Library)]
    public static partial int rnnlm_t(Tensor input, out Tensor result);

    [LibraryImport(Library)]
    public static partial int rnnlm_transpose(Tensor input, long dim0, long dim1, out Tensor result);

    [LibraryImport(Library)]
    public static partial int rnnlm_reshape(Tensor input, ReadOnlySpan<long> sizes, int count, out Tensor result);

    [LibraryImport(Library)]
    public static partial int rnnlm_view(Tensor input, ReadOnlySpan<long> sizes, int count, out Tensor result);

    [LibraryImport(Library)]
    public static partial int rnnlm_expand(Tensor input, ReadOnlySpan<long> sizes, int count, int isImplicit, out Tensor result);

    [LibraryImport(Library)]
    public static partial int rnnlm_flip(Tensor input, ReadOnlySpan<long> over, int count, out Tensor result);

    [LibraryImport(Library)]
    public static partial int rnnlm_narrow(Tensor input, long dim, long start, long length, out Tensor result);

    [LibraryImport(Library)]
    public static partial int rnnlm_slice(Tensor input, long dim, long start, long finish, long step, out Tensor result);

    [LibraryImport(Library)]
    public static partial int rnnlm_select(Tensor input, long dim, long index, out Tensor result);

    [LibraryImport(Library)]
    public static partial int rnnlm_squeeze(Tensor input, out Tensor result);

    [LibraryImport(Library)]
    public static partial int rnnlm_squeeze_dim(Tensor input, long dim, out Tensor result);

    [LibraryImport(Library)]
    public static partial int rnnlm_unsqueeze(Tensor input, long dim, out Tensor result);

    [LibraryImport(Library)]
    public static partial int rnnlm_index_select(Tensor input, long dim, Tensor index, out Tensor result);

    [LibraryImport(Library)]
    public static partial int rnnlm_index_add_(Tensor input, long dim, Tensor index, Tensor source, in ScalarValue alpha);

    [LibraryImport(Library)]
    public static partial int rnnlm_gather(Tensor input, long dim, Tensor index, out Tensor result);

    [LibraryImport(Library)]
    public static partial int rnnlm_scatter(Tensor input, long dim, Tensor index, Tensor source, out Tensor result);

    [LibraryImport(Library)]
    public static partial int rnnlm_scatter_(Tensor input, long dim, Tensor index, Tensor source);

    [LibraryImport(Library)]
    public static partial int rnnlm_scatter_add_(Tensor input, long dim, Tensor index, Tensor source);

    [LibraryImport(Library)]
    public static partial int rnnlm_cat(ReadOnlySpan<nint> inputs, int count, long dim, out Tensor result);

    [LibraryImport(Library)]
    public static partial int rnnlm_stack(ReadOnlySpan<nint> inputs, int count, long dim, out Tensor result);
}
