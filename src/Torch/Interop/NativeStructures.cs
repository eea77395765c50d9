using System.Runtime.InteropServices;

namespace RnnLm.Torch.Interop;

/// <summary>A number as the shim takes it; <c>ScalarValue</c> in native/api.h.</summary>
[StructLayout(LayoutKind.Sequential)]
internal readonly record struct ScalarValue(long Integer, double Real, ScalarKind Kind);

internal enum ScalarKind
{
    Real = 0,
    Integer = 1,
    Boolean = 2,
}

/// <summary>Element type, device and gradient recording of a tensor; <c>TensorPlace</c> in native/api.h.</summary>
[StructLayout(LayoutKind.Sequential)]
internal readonly record struct TensorPlace(int DType, int DeviceType, int DeviceIndex, int RequiresGrad);
