using static RnnLm.Torch.Interop.NativeError;
using static RnnLm.Torch.Interop.NativeMethods;

namespace RnnLm.Torch;

public static partial class torch
{
    public static Tensor exp(Tensor input) => input.exp();

    public static Tensor log(Tensor input) => input.log();

    public static Tensor sigmoid(Tensor input) => input.sigmoid();

    public static Tensor tanh(Tensor input) => input.tanh();

    /// <summary>Elements of <paramref name="x"/> where the condition holds, else of <paramref name="y"/>.</summary>
    public static Tensor where(Tensor condition, Tensor x, Tensor y)
    {
        Check(rnnlm_where(condition, x, y, out Tensor result));
        return result;
    }

    public partial class Tensor
    {
        public Tensor abs()
        {
            Check(rnnlm_abs(this, out Tensor result));
            return result;
        }

        public Tensor exp()
        {
            Check(rnnlm_exp(this, out Tensor result));
            return result;
        }

        /// <summary>True where an element is neither infinite nor NaN.</summary>
        public Tensor isfinite()
        {
            Check(rnnlm_isfinite(this, out Tensor result));
            return result;
        }

        public Tensor log()
        {
            Check(rnnlm_log(this, out Tensor result));
            return result;
        }

        public Tensor neg()
        {
            Check(rnnlm_neg(this, out Tensor result));
            return result;
        }

        public Tensor relu()
        {
            Check(rnnlm_relu(this, out Tensor result));
            return result;
        }

        public Tensor sigmoid()
        {
            Check(rnnlm_sigmoid(this, out Tensor result));
            return result;
        }

        public Tensor sqrt()
        {
            Check(rnnlm_sqrt(this, out Tensor result));
            return result;
        }

        public Tensor tanh()
        {
            Check(rnnlm_tanh(this, out Tensor result));
            return result;
        }

        public Tensor pow(Scalar exponent)
        {
            Check(rnnlm_pow_scalar(this, exponent.Value, out Tensor result));
            return result;
        }

        /// <summary>A copy with <paramref name="value"/> where <paramref name="mask"/> is true.</summary>
        public Tensor masked_fill(Tensor mask, Scalar value)
        {
            Check(rnnlm_masked_fill(this, mask, value.Value, out Tensor result));
            return result;
        }

        public bool allclose(Tensor target, double rtol = 1e-05, double atol = 1e-08, bool equal_nan = false)
        {
            Check(rnnlm_allclose(this, target, rtol, atol, equal_nan ? 1 : 0, out int result));
            return result != 0;
        }
    }
}
