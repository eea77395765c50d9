using RnnLm.Torch.Utils;
using static RnnLm.Torch.Interop.NativeError;
using static RnnLm.Torch.Interop.NativeMethods;

namespace RnnLm.Torch;

public static partial class torch
{
    public partial class Tensor
    {
        /// <summary>The memory of a contiguous CPU tensor: reads and writes go to the tensor itself, without autograd noticing.</summary>
        /// <exception cref="InvalidOperationException">The tensor is not contiguous or not on the CPU.</exception>
        /// <exception cref="ArgumentException">The tensor has more bytes than a span can, or the new value another number of them.</exception>
        public Span<byte> bytes
        {
            get
            {
                if (!is_contiguous())
                {
                    throw new InvalidOperationException("The bytes of a tensor that is not contiguous cannot be had; call contiguous() first.");
                }

                long count = NumberOfElements * ElementSize;
                if (count > int.MaxValue)
                {
                    throw new ArgumentException($"A span cannot hold the {count} bytes of this tensor; use narrow() first.");
                }

                unsafe
                {
                    return new Span<byte>((void*)CpuMemory(), (int)count);
                }
            }

            set
            {
                Span<byte> target = bytes;
                if (value.Length != target.Length)
                {
                    throw new ArgumentException($"{value.Length} bytes cannot fill a tensor of {target.Length} bytes.");
                }

                value.CopyTo(target);
            }
        }

        /// <summary>The elements of a CPU tensor.</summary>
        /// <exception cref="InvalidOperationException">The tensor is not on the CPU.</exception>
        /// <exception cref="ArgumentException"><typeparamref name="T"/> is not the element type.</exception>
        public TensorAccessor<T> data<T>() where T : unmanaged
        {
            if (TypeOf<T>() != dtype)
            {
                throw new ArgumentException($"{typeof(T).Name} is not compatible with {dtype}");
            }

            return new TensorAccessor<T>(this, CpuMemory());
        }

        /// <summary>The only element of a CPU tensor.</summary>
        public T item<T>() where T : unmanaged
        {
            if (NumberOfElements != 1)
            {
                throw new ArgumentException($"Number of elements in the tensor must be 1, not {NumberOfElements}");
            }

            return data<T>()[new long[ndim]];
        }

        /// <summary>Copies values from another tensor, converting element type and device.</summary>
        public Tensor copy_(Tensor source, bool nonBlocking = false)
        {
            Check(rnnlm_tensor_copy_(this, source, nonBlocking ? 1 : 0));
            return this;
        }

        public Tensor fill_(Scalar value)
        {
            Check(rnnlm_tensor_fill_(this, value.Value));
            return this;
        }

        public Tensor zero_() => fill_(Scalar.Zero);

        public Tensor clone()
        {
            Check(rnnlm_tensor_clone(this, out Tensor result));
            return result;
        }

        private nint CpuMemory()
        {
            if (device_type != DeviceType.CPU)
            {
                throw new InvalidOperationException($"Elements on {device} cannot be read directly; call cpu() first.");
            }

            Check(rnnlm_tensor_data(this, out nint memory));
            return memory;
        }
    }
}
