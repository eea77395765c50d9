using System.Runtime.InteropServices;
using static RnnLm.Torch.torch;

namespace RnnLm.Torch.Interop;

internal static partial class NativeMethods
{
    [LibraryImport(Library)]
    public static partial int rnnlm_abs(Tensor input, out Tensor result);

    [LibraryImport(Library)]
    public static partial int rnnlm_exp(Tensor input, out Tensor result);

    [LibraryImport(Library)]
    public static partial int rnnlm_isfinite(Tensor input, out Tensor result);

    [LibraryImport(Library)]
    public static partial int rnnlm_log(Tensor input, out Tensor result);

    [LibraryImport(Library)]
    public static partial int rnnlm_neg(Tensor input, out Tensor result);

    [LibraryImport(Library)]
    public static partial int rnnlm_relu(Tensor input, out Tensor result);

    [LibraryImport(Library)]
    public static partial int rnnlm_sigmoid(Tensor input, out Tensor result);

    [LibraryImport(Library)]
    public static partial int rnnlm_sqrt(Tensor input, out Tensor result);

    [LibraryImport(Library)]
    public static partial int rnnlm_tanh(Tensor input, out Tensor result);

    [LibraryImport(Library)]
    public static partial int rnnlm_eq(Tensor left, Tensor right, out Tensor result);

    [LibraryImport(Library)]
    public static partial int rnnlm_eq_scalar(Tensor left, in ScalarValue right, out Tensor result);

    [LibraryImport(Library)]
    public static partial int rnnlm_ge(Tensor left, Tensor right, out Tensor result);

    [LibraryImport(Library)]
    public static partial int rnnlm_ge_scalar(Tensor left, in ScalarValue right, out Tensor result);

    [LibraryImport(Library)]
    public static partial int rnnlm_gt(Tensor left, Tensor right, out Tensor result);

    [LibraryImport(Library)]
    public static partial int rnnlm_gt_scalar(Tensor left, in ScalarValue right, out Tensor result);

    [LibraryImport(Library)]
    public static partial int rnnlm_le(Tensor left, Tensor right, out Tensor result);

    [LibraryImport(Library)]
    public static partial int rnnlm_le_scalar(Tensor left, in ScalarValue right, out Tensor result);

    [LibraryImport(Library)]
    public static partial int rnnlm_lt(Tensor left, Tensor right, out Tensor result);

    [LibraryImport(Library)]
    public static partial int rnnlm_lt_scalar(Tensor left, in ScalarValue right, out Tensor result);

    [LibraryImport(Library)]
    public static partial int rnnlm_ne(Tensor left, Tensor right, out Tensor result);

    [LibraryImport(Library)]
    public static partial int rnnlm_ne_scalar(Tensor left, in ScalarValue right, out Tensor result);

    [LibraryImport(Library)]
    public static partial int rnnlm_add(Tensor left, Tensor right, in ScalarValue alpha, out Tensor result);

    [LibraryImport(Library)]
    public static partial int rnnlm_add_(Tensor left, Tensor right, in ScalarValue alpha);

    [LibraryImport(Library)]
    public static partial int rnnlm_add_scalar(Tensor left, in ScalarValue right, in ScalarValue alpha, out Tensor result);

    [LibraryImport(Library)]
    public static partial int rnnlm_add_scalar_(Tensor left, in ScalarValue right, in ScalarValue alpha);

    [LibraryImport(Library)]
    public static partial int rnnlm_sub(Tensor left, Tensor right, in ScalarValue alpha, out Tensor result);

    [LibraryImport(Library)]
    public static partial int rnnlm_sub_(Tensor left, Tensor right, in ScalarValue alpha);

    [LibraryImport(Library)]
    public static partial int rnnlm_sub_scalar(Tensor left, in ScalarValue right, in ScalarValue alpha, out Tensor result);

    [LibraryImport(Library)]
    public static partial int rnnlm_sub_scalar_(Tensor left, in ScalarValue right, in ScalarValue alpha);

    [LibraryImport(Library)]
    public static partial int rnnlm_div(Tensor left, Tensor right, out Tensor result);

    [LibraryImport(Library)]
    public static partial int rnnlm_div_(Tensor left, Tensor right);

    [LibraryImport(Library)]
    public static partial int rnnlm_div_scalar(Tensor left, in ScalarValue right, out Tensor result);

    [LibraryImport(Library)]
    public static partial int rnnlm_div_scalar_(Tensor left, in ScalarValue right);

    [LibraryImport(Library)]
    public static partial int rnnlm_mul(Tensor left, Tensor right, out Tensor result);

    [LibraryImport(Library)]
    public static partial int rnnlm_mul_(Tensor left, Tensor right);

    [LibraryImport(Library)]
    public static partial int rnnlm_mul_scalar(Tensor left, in ScalarValue right, out Tensor result);

    [LibraryImport(Library)]
    public static partial int rnnlm_mul_scalar_(Tensor left, in ScalarValue right);

    [LibraryImport(Library)]
    public static partial int rnnlm_pow_scalar(Tensor input, in ScalarValue exponent, out Tensor result);

    [LibraryImport(Library)]
    public static partial int rnnlm_masked_fill(Tensor input, Tensor mask, in ScalarValue value, out Tensor result);

    [LibraryImport(Library)]
    public static partial int rnnlm_where(Tensor condition, Tensor x, Tensor y, out Tensor result);

    [LibraryImport(Library)]
    public static partial int rnnlm_allclose(Tensor left, Tensor right, double rtol, double atol, int equalNan, out int result);
}
