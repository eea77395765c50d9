using RnnLm.Torch.Interop;
using static RnnLm.Torch.Interop.NativeError;
using static RnnLm.Torch.Interop.NativeMethods;

namespace RnnLm.Torch;

public static partial class torch
{
    public partial class Tensor
    {
        /// <summary>Number of dimensions.</summary>
        public long ndim
        {
            get
            {
                Check(rnnlm_tensor_ndim(this, out long result));
                return result;
            }
        }

        /// <summary>Extent of each dimension.</summary>
        public long[] shape => Geometry().Sizes;

        /// <summary>Number of elements.</summary>
        public long NumberOfElements
        {
            get
            {
                Check(rnnlm_tensor_numel(this, out long result));
                return result;
            }
        }

        /// <summary>Bytes of one element.</summary>
        public long ElementSize
        {
            get
            {
                Check(rnnlm_tensor_element_size(this, out long result));
                return result;
            }
        }

        public ScalarType dtype => (ScalarType)Place().DType;

        public Device device
        {
            get
            {
                TensorPlace place = Place();
                return new Device((DeviceType)place.DeviceType, place.DeviceIndex);
            }
        }

        public DeviceType device_type => (DeviceType)Place().DeviceType;

        /// <summary>Number of the device; -1 on the CPU.</summary>
        public int device_index => Place().DeviceIndex;

        public bool is_cuda => device_type == DeviceType.CUDA;

        public long dim() => ndim;

        public long numel() => NumberOfElements;

        public long[] size() => shape;

        /// <summary>Extent of one dimension; negative counts from the last.</summary>
        public long size(int dim) => At(shape, dim);

        /// <summary>Elements to skip for the next index in each dimension.</summary>
        public long[] stride() => Geometry().Strides;

        public long stride(int dim) => At(stride(), dim);

        /// <summary>True if the elements lie in memory in row-major order without gaps.</summary>
        public bool is_contiguous()
        {
            Check(rnnlm_tensor_is_contiguous(this, out int result));
            return result != 0;
        }

        public override string ToString() =>
            IsInvalid ? "disposed tensor" : $"[{string.Join("x", shape)}], type = {dtype}, device = {device}";

        /// <summary>Equal for two handles to the same native tensor.</summary>
        internal long Identity()
        {
            Check(rnnlm_tensor_identity(this, out long result));
            return result;
        }

        internal TensorPlace Place()
        {
            Check(rnnlm_tensor_place(this, out TensorPlace result));
            return result;
        }

        private static long At(long[] values, int dim) => values[dim < 0 ? values.Length + dim : dim];

        private (long[] Sizes, long[] Strides) Geometry()
        {
            var sizes = new long[ndim];
            var strides = new long[sizes.Length];
            Check(rnnlm_tensor_geometry(this, sizes, strides));
            return (sizes, strides);
        }
    }
}
