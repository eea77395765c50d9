using System.Runtime.InteropServices;
using static RnnLm.Torch.torch;

namespace RnnLm.Torch.Interop;

internal static partial class NativeMethods
{
    [LibraryImport(Library)]
    public static partial int rnnlm_manual_seed(long seed);

    [LibraryImport(Library)]
    public static partial int rnnlm_generator_default(out nint result);

    [LibraryImport(Library)]
    public static partial int rnnlm_generator_new(ulong seed, int deviceType, int deviceIndex, out nint result);

    [LibraryImport(Library)]
    public static partial void rnnlm_generator_dispose(nint generator);

    [LibraryImport(Library)]
    public static partial int rnnlm_generator_manual_seed(nint generator, long seed);

    [LibraryImport(Library)]
    public static partial int rnnlm_generator_initial_seed(nint generator, out long result);

    [LibraryImport(Library)]
    public static partial int rnnlm_rand(ReadOnlySpan<long> sizes, int count, nint generator, in TensorPlace place, out Tensor result);

    [LibraryImport(Library)]
    public static partial int rnnlm_randn(ReadOnlySpan<long> sizes, int count, nint generator, in TensorPlace place, out Tensor result);

    [LibraryImport(Library)]
    public static partial int rnnlm_randint(long low, long high, ReadOnlySpan<long> sizes, int count, nint generator, in TensorPlace place, out Tensor result);

    [LibraryImport(Library)]
    public static partial int rnnlm_uniform_(Tensor tensor, double from, double to, nint generator);

    [LibraryImport(Library)]
    public static partial int rnnlm_normal_(Tensor tensor, double mean, double deviation, nint generator);
}
