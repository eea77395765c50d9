using System.Runtime.InteropServices.Marshalling;
using RnnLm.Torch.Interop;
using static RnnLm.Torch.Interop.NativeError;
using static RnnLm.Torch.Interop.NativeMethods;

namespace RnnLm.Torch;

public static partial class torch
{
    /// <summary>
    /// A multi-dimensional array in native memory. Disposing it frees one reference to that memory; a tensor made inside a dispose scope is
    /// disposed with the scope, one that is forgotten is freed by its finaliser.
    /// </summary>
    /// <exception cref="System.Runtime.InteropServices.ExternalException">From every operation: libtorch refused it; the message is libtorch's.</exception>
    [NativeMarshalling(typeof(TensorMarshaller))]
    public partial class Tensor : IDisposable
    {
        private static long s_totalCount;

        private nint _handle;

        internal Tensor(nint handle)
        {
            _handle = handle;
            Interlocked.Increment(ref s_totalCount);
            DisposeScopeManager.CurrentScope?.Adopt(this);
        }

        /// <summary>Takes over the native tensor of <paramref name="source"/>, and its place in a dispose scope; the source becomes invalid.</summary>
        private protected Tensor(Tensor source)
        {
            _handle = source.Handle;
            source._handle = 0;
            source.OwningDisposeScope?.Replace(source, this);
        }

        ~Tensor() => Dispose(false);

        /// <summary>Number of tensors that managed code holds, in all threads: it stays level where nothing leaks.</summary>
        public static long TotalCount => Interlocked.Read(ref s_totalCount);

        /// <summary>True once the tensor has been disposed.</summary>
        public bool IsInvalid => _handle == 0;

        /// <summary>The native tensor.</summary>
        /// <exception cref="InvalidOperationException">The tensor has been disposed.</exception>
        public nint Handle => _handle != 0 ? _handle : throw new InvalidOperationException("Tensor invalid -- it has been disposed.");

        internal DisposeScope? OwningDisposeScope { get; set; }

        public void Dispose()
        {
            Dispose(true);
            GC.SuppressFinalize(this);
        }

        /// <summary>Another handle to the same tensor, to be disposed by itself.</summary>
        public Tensor alias()
        {
            Check(rnnlm_tensor_alias(this, out Tensor result));
            return result;
        }

        /// <summary>Moves the tensor to the scope around its own, or out of all scopes where there is none.</summary>
        public Tensor MoveToOuterDisposeScope()
        {
            OwningDisposeScope?.MoveToOuter(this);
            return this;
        }

        /// <summary>Takes the tensor out of all scopes; it lives until it is disposed.</summary>
        public Tensor DetachFromDisposeScope()
        {
            OwningDisposeScope?.Detach(this);
            return this;
        }

        protected virtual void Dispose(bool disposing)
        {
            nint handle = Interlocked.Exchange(ref _handle, 0);
            if (handle == 0)
            {
                return;
            }

            if (disposing)
            {
                OwningDisposeScope?.MarkAsDisposed(this);
            }

            Interlocked.Decrement(ref s_totalCount);
            rnnlm_tensor_dispose(handle);
        }
    }
}
