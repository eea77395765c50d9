using System.Runtime.InteropServices;

namespace RnnLm.Torch.Interop;

/// <summary>Turns a failed native call into an exception.</summary>
internal static partial class NativeError
{
    /// <summary>Does nothing for status 0.</summary>
    /// <exception cref="ExternalException">With libtorch's message, when the call failed.</exception>
    public static void Check(int status)
    {
        if (status != 0)
        {
#pragma warning disable CA2201 // TorchSharp throws this type, and code written for it catches this type.
            throw new ExternalException(Marshal.PtrToStringUTF8(rnnlm_last_error()) ?? "unknown native error");
#pragma warning restore CA2201
        }
    }

    [LibraryImport(NativeMethods.Library)]
    private static partial nint rnnlm_last_error();
}
