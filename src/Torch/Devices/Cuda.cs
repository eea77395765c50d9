using static RnnLm.Torch.Interop.NativeError;
using static RnnLm.Torch.Interop.NativeMethods;

namespace RnnLm.Torch;

public static partial class torch
{
    public static bool cuda_is_available() => cuda.is_available();

    public static class cuda
    {
        /// <summary>True if libtorch was built with CUDA and sees a device.</summary>
        public static bool is_available() => device_count() > 0;

        public static int device_count()
        {
            Check(rnnlm_cuda_device_count(out int result));
            return result;
        }

        /// <summary>Waits until everything queued on the device is done.</summary>
        public static void synchronize(Device? device = null) => Check(rnnlm_cuda_synchronize(device?.index ?? -1));
    }
}
