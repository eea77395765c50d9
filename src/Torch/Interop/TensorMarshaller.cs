using System.Runtime.InteropServices.Marshalling;
using static RnnLm.Torch.torch;

namespace RnnLm.Torch.Interop;

/// <summary>
/// Passes tensors to native code and wraps the handles that come back. A tensor that is passed stays alive until the call has returned:
/// without that its finaliser could free it in mid-call.
/// </summary>
[CustomMarshaller(typeof(Tensor), MarshalMode.ManagedToUnmanagedIn, typeof(In))]
[CustomMarshaller(typeof(Tensor), MarshalMode.ManagedToUnmanagedOut, typeof(Out))]
internal static class TensorMarshaller
{
    public ref struct In
    {
        private Tensor? _tensor;

        public void FromManaged(Tensor? tensor) => _tensor = tensor;

        public readonly nint ToUnmanaged() => _tensor is null ? 0 : _tensor.Handle;

        public readonly void Free() => GC.KeepAlive(_tensor);
    }

    public static class Out
    {
        // Null after a failed call, whose status is checked before anyone looks, and where null is an answer.
        public static Tensor ConvertToManaged(nint handle) => handle == 0 ? null! : new Tensor(handle);
    }
}
