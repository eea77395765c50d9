using System.Runtime.InteropServices;
using RnnLm.Torch.Interop;
using static RnnLm.Torch.Interop.NativeError;
using static RnnLm.Torch.Interop.NativeMethods;

namespace RnnLm.Torch;

public static partial class torch
{
    public static Tensor tensor(float scalar, Device? device = null, bool requires_grad = false) =>
        FromMemory([scalar], [], null, device, requires_grad, null);

    /// <summary>A copy of the values, in one dimension.</summary>
    public static Tensor tensor(float[] rawArray, ScalarType? dtype = null, Device? device = null, bool requires_grad = false, string[]? names = null) =>
        FromMemory<float>(rawArray, [rawArray.Length], dtype, device, requires_grad, names);

    /// <summary>A copy of the values, in row-major order.</summary>
    public static Tensor tensor(float[] rawArray, ReadOnlySpan<long> dimensions, ScalarType? dtype = null, Device? device = null, bool requires_grad = false, string[]? names = null) =>
        FromMemory<float>(rawArray, dimensions, dtype, device, requires_grad, names);

    public static Tensor tensor(double scalar, ScalarType? dtype = null, Device? device = null, bool requires_grad = false) =>
        FromMemory([scalar], [], dtype, device, requires_grad, null);

    /// <summary>A copy of the values, in one dimension.</summary>
    public static Tensor tensor(double[] rawArray, ScalarType? dtype = null, Device? device = null, bool requires_grad = false, string[]? names = null) =>
        FromMemory<double>(rawArray, [rawArray.Length], dtype, device, requires_grad, names);

    /// <summary>A copy of the values, in row-major order.</summary>
    public static Tensor tensor(double[] rawArray, ReadOnlySpan<long> dimensions, ScalarType? dtype = null, Device? device = null, bool requires_grad = false, string[]? names = null) =>
        FromMemory<double>(rawArray, dimensions, dtype, device, requires_grad, names);

    public static Tensor tensor(long scalar, ScalarType? dtype = null, Device? device = null, bool requires_grad = false) =>
        FromMemory([scalar], [], dtype, device, requires_grad, null);

    /// <summary>A copy of the values, in one dimension.</summary>
    public static Tensor tensor(long[] dataArray, ScalarType? dtype = null, Device? device = null, bool requires_grad = false, string[]? names = null) =>
        FromMemory<long>(dataArray, [dataArray.Length], dtype, device, requires_grad, names);

    /// <summary>A copy of the values, in row-major order.</summary>
    public static Tensor tensor(long[] dataArray, ReadOnlySpan<long> dimensions, ScalarType? dtype = null, Device? device = null, bool requires_grad = false, string[]? names = null) =>
        FromMemory<long>(dataArray, dimensions, dtype, device, requires_grad, names);

    public static Tensor tensor(int scalar, Device? device = null, bool requires_grad = false) =>
        FromMemory([scalar], [], null, device, requires_grad, null);

    /// <summary>A copy of the values, in one dimension.</summary>
    public static Tensor tensor(int[] rawArray, ScalarType? dtype = null, Device? device = null, bool requires_grad = false, string[]? names = null) =>
        FromMemory<int>(rawArray, [rawArray.Length], dtype, device, requires_grad, names);

    /// <summary>A copy of the values, in row-major order.</summary>
    public static Tensor tensor(int[] rawArray, ReadOnlySpan<long> dimensions, ScalarType? dtype = null, Device? device = null, bool requires_grad = false, string[]? names = null) =>
        FromMemory<int>(rawArray, dimensions, dtype, device, requires_grad, names);

    public static Tensor tensor(bool scalar, ScalarType? dtype = null, Device? device = null, bool requires_grad = false) =>
        FromMemory([scalar], [], dtype, device, requires_grad, null);

    /// <summary>A copy of the values, in one dimension.</summary>
    public static Tensor tensor(bool[] rawArray, ScalarType? dtype = null, Device? device = null, bool requires_grad = false, string[]? names = null) =>
        FromMemory<bool>(rawArray, [rawArray.Length], dtype, device, requires_grad, names);

    /// <summary>A copy of the values, in row-major order.</summary>
    public static Tensor tensor(bool[] rawArray, ReadOnlySpan<long> dimensions, ScalarType? dtype = null, Device? device = null, bool requires_grad = false, string[]? names = null) =>
        FromMemory<bool>(rawArray, dimensions, dtype, device, requires_grad, names);

    public static Tensor tensor(float[,] rawArray, ScalarType? dtype = null, Device? device = null, bool requires_grad = false, string[]? names = null) =>
        from_array(rawArray, dtype, device, requires_grad, names);

    public static Tensor tensor(double[,] rawArray, ScalarType? dtype = null, Device? device = null, bool requires_grad = false, string[]? names = null) =>
        from_array(rawArray, dtype, device, requires_grad, names);

    public static Tensor tensor(long[,] rawArray, ScalarType? dtype = null, Device? device = null, bool requires_grad = false, string[]? names = null) =>
        from_array(rawArray, dtype, device, requires_grad, names);

    /// <summary>A copy of an array of any rank.</summary>
    public static Tensor from_array(Array rawArray, ScalarType? dtype, Device? device = null, bool requires_grad = false, string[]? names = null)
    {
        ScalarType source = TypeOf(rawArray.GetType().GetElementType()!);
        var sizes = new long[rawArray.Rank];
        for (int i = 0; i < sizes.Length; i++)
        {
            sizes[i] = rawArray.GetLongLength(i);
        }

        int byteCount = Buffer.ByteLength(rawArray);
        ReadOnlySpan<byte> bytes = MemoryMarshal.CreateReadOnlySpan(ref MemoryMarshal.GetArrayDataReference(rawArray), byteCount);
        return FromMemory(bytes, source, sizes, dtype, device, requires_grad, names);
    }

    public static Tensor from_array(Array rawArray, Device? device = null) => from_array(rawArray, null, device);

    private static Tensor FromMemory<T>(
        ReadOnlySpan<T> values, ReadOnlySpan<long> sizes, ScalarType? dtype, Device? device, bool requiresGrad, string[]? names)
        where T : unmanaged =>
        FromMemory(MemoryMarshal.AsBytes(values), TypeOf<T>(), sizes, dtype, device, requiresGrad, names);

    private static Tensor FromMemory(
        ReadOnlySpan<byte> bytes, ScalarType source, ReadOnlySpan<long> sizes, ScalarType? dtype, Device? device, bool requiresGrad, string[]? names)
    {
        RequireUnnamed(names);
        TensorPlace place = PlaceOf(dtype ?? source, device, requiresGrad);
        Check(rnnlm_from_memory(bytes, bytes.Length, (int)source, sizes, sizes.Length, place, out Tensor result));
        return result;
    }
}
