using System.Runtime.InteropServices;

namespace RnnLm.Torch.Interop;

internal static partial class NativeMethods
{
    [LibraryImport(Library)]
    public static partial int rnnlm_cuda_device_count(out int result);

    [LibraryImport(Library)]
    public static partial int rnnlm_cuda_synchronize(long deviceIndex);

    [LibraryImport(Library)]
    public static partial int rnnlm_num_threads(out int result);

    [LibraryImport(Library)]
    public static partial int rnnlm_set_num_threads(int count);
}
