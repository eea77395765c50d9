using RnnLm.Torch.Interop;
using static RnnLm.Torch.Interop.NativeError;
using static RnnLm.Torch.Interop.NativeMethods;

namespace RnnLm.Torch;

public static partial class torch
{
    /// <summary>A new tensor whose elements are whatever the memory held.</summary>
    public static Tensor empty(long[] size, ScalarType? dtype = null, Device? device = null, bool requires_grad = false, string[]? names = null)
    {
        RequireUnnamed(names);
        Check(rnnlm_empty(size, size.Length, PlaceOf(dtype ?? ScalarType.Float32, device, requires_grad), out Tensor result));
        return result;
    }

    public static Tensor empty(long size, ScalarType? dtype = null, Device? device = null, bool requires_grad = false, string[]? names = null) =>
        empty([size], dtype, device, requires_grad, names);

    public static Tensor empty(long rows, long columns, ScalarType? dtype = null, Device? device = null, bool requires_grad = false, string[]? names = null) =>
        empty([rows, columns], dtype, device, requires_grad, names);

    public static Tensor empty(long dim0, long dim1, long dim2, ScalarType? dtype = null, Device? device = null, bool requires_grad = false, string[]? names = null) =>
        empty([dim0, dim1, dim2], dtype, device, requires_grad, names);

    public static Tensor full(long[] size, Scalar value, ScalarType? dtype = null, Device? device = null, bool requires_grad = false, string[]? names = null)
    {
        RequireUnnamed(names);
        Check(rnnlm_full(size, size.Length, value.Value, PlaceOf(dtype ?? DefaultTypeOf(value), device, requires_grad), out Tensor result));
        return result;
    }

    public static Tensor full(long size, Scalar value, ScalarType? dtype = null, Device? device = null, bool requires_grad = false, string[]? names = null) =>
        full([size], value, dtype, device, requires_grad, names);

    public static Tensor full(long rows, long columns, Scalar value, ScalarType? dtype = null, Device? device = null, bool requires_grad = false, string[]? names = null) =>
        full([rows, columns], value, dtype, device, requires_grad, names);

    public static Tensor zeros(long[] size, ScalarType? dtype = null, Device? device = null, bool requires_grad = false, string[]? names = null) =>
        full(size, Scalar.Zero, dtype ?? ScalarType.Float32, device, requires_grad, names);

    public static Tensor zeros(long size, ScalarType? dtype = null, Device? device = null, bool requires_grad = false, string[]? names = null) =>
        zeros([size], dtype, device, requires_grad, names);

    public static Tensor zeros(long rows, long columns, ScalarType? dtype = null, Device? device = null, bool requires_grad = false, string[]? names = null) =>
        zeros([rows, columns], dtype, device, requires_grad, names);

    public static Tensor zeros(long dim0, long dim1, long dim2, ScalarType? dtype = null, Device? device = null, bool requires_grad = false, string[]? names = null) =>
        zeros([dim0, dim1, dim2], dtype, device, requires_grad, names);

    public static Tensor ones(long[] size, ScalarType? dtype = null, Device? device = null, bool requires_grad = false, string[]? names = null) =>
        full(size, Scalar.One, dtype ?? ScalarType.Float32, device, requires_grad, names);

    public static Tensor ones(long size, ScalarType? dtype = null, Device? device = null, bool requires_grad = false, string[]? names = null) =>
        ones([size], dtype, device, requires_grad, names);

    public static Tensor ones(long rows, long columns, ScalarType? dtype = null, Device? device = null, bool requires_grad = false, string[]? names = null) =>
        ones([rows, columns], dtype, device, requires_grad, names);

    public static Tensor ones(long dim0, long dim1, long dim2, ScalarType? dtype = null, Device? device = null, bool requires_grad = false, string[]? names = null) =>
        ones([dim0, dim1, dim2], dtype, device, requires_grad, names);

    public static Tensor zeros_like(Tensor input, ScalarType? dtype = null, Device? device = null, bool requires_grad = false, string[]? names = null) =>
        zeros(input.shape, dtype ?? input.dtype, device ?? input.device, requires_grad, names);

    /// <summary>The numbers from start to stop, stop not among them. Integers where all three are, else float32.</summary>
    public static Tensor arange(Scalar start, Scalar stop, Scalar step, ScalarType? dtype = null, Device? device = null, bool requires_grad = false)
    {
        bool integers = start.Value.Kind == ScalarKind.Integer && stop.Value.Kind == ScalarKind.Integer && step.Value.Kind == ScalarKind.Integer;
        TensorPlace place = PlaceOf(dtype ?? (integers ? ScalarType.Int64 : ScalarType.Float32), device, requires_grad);
        Check(rnnlm_arange(start.Value, stop.Value, step.Value, place, out Tensor result));
        return result;
    }

    public static Tensor arange(Scalar start, Scalar stop, ScalarType? dtype = null, Device? device = null, bool requires_grad = false) =>
        arange(start, stop, Scalar.One, dtype, device, requires_grad);

    public static Tensor arange(Scalar stop, ScalarType? dtype = null, Device? device = null, bool requires_grad = false) =>
        arange(Scalar.Zero, stop, Scalar.One, dtype, device, requires_grad);

    private static ScalarType DefaultTypeOf(Scalar value) => value.Value.Kind switch
    {
        ScalarKind.Integer => ScalarType.Int64,
        ScalarKind.Boolean => ScalarType.Bool,
        _ => ScalarType.Float32,
    };

    private static TensorPlace PlaceOf(ScalarType dtype, Device? device, bool requiresGrad)
    {
        Device place = device ?? CPU;
        return new TensorPlace((int)dtype, (int)place.type, place.index, requiresGrad ? 1 : 0);
    }

    private static void RequireUnnamed(string[]? names)
    {
        if (names is { Length: > 0 })
        {
            throw new NotSupportedException("Names of dimensions are not supported.");
        }
    }
}
