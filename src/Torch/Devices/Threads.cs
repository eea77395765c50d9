using static RnnLm.Torch.Interop.NativeError;
using static RnnLm.Torch.Interop.NativeMethods;

namespace RnnLm.Torch;

public static partial class torch
{
    /// <summary>Threads that one operation may use on the CPU.</summary>
    public static int get_num_threads()
    {
        Check(rnnlm_num_threads(out int result));
        return result;
    }

    /// <inheritdoc cref="get_num_threads"/>
    public static void set_num_threads(int num) => Check(rnnlm_set_num_threads(num));
}
