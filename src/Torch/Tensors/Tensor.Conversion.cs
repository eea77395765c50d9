using RnnLm.Torch.Interop;
using static RnnLm.Torch.Interop.NativeError;
using static RnnLm.Torch.Interop.NativeMethods;

namespace RnnLm.Torch;

public static partial class torch
{
    public partial class Tensor
    {
        /// <summary>The tensor in row-major order; the same memory where it already is.</summary>
        public Tensor contiguous()
        {
            Check(rnnlm_tensor_contiguous(this, out Tensor result));
            return result;
        }

        public Tensor cpu() => to(CPU);

        public Tensor cuda(Device? device = null, bool non_blocking = false) => to(device ?? CUDA, non_blocking: non_blocking);

        public Tensor to(ScalarType type, bool copy = false, bool disposeAfter = false, bool non_blocking = false)
        {
            TensorPlace place = Place();
            return To((int)type, place.DeviceType, place.DeviceIndex, copy, disposeAfter, non_blocking);
        }

        public Tensor to(Device device, bool copy = false, bool disposeAfter = false, bool non_blocking = false) =>
            To(Place().DType, (int)device.type, device.index, copy, disposeAfter, non_blocking);

        public Tensor to(ScalarType type, Device device, bool copy = false, bool disposeAfter = false, bool non_blocking = false) =>
            To((int)type, (int)device.type, device.index, copy, disposeAfter, non_blocking);

        private Tensor To(int type, int deviceType, int deviceIndex, bool copy, bool disposeAfter, bool nonBlocking)
        {
            Check(rnnlm_tensor_to(this, type, deviceType, deviceIndex, copy ? 1 : 0, nonBlocking ? 1 : 0, out Tensor result));
            if (disposeAfter)
            {
                Dispose();
            }

            return result;
        }
    }
}
