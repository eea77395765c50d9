using static RnnLm.Torch.Interop.NativeError;
using static RnnLm.Torch.Interop.NativeMethods;

namespace RnnLm.Torch;

public static partial class torch
{
    public partial class Tensor
    {
        public Tensor eq(Tensor target)
        {
            Check(rnnlm_eq(this, target, out Tensor result));
            return result;
        }

        public Tensor eq(Scalar target)
        {
            Check(rnnlm_eq_scalar(this, target.Value, out Tensor result));
            return result;
        }

        public Tensor ge(Tensor target)
        {
            Check(rnnlm_ge(this, target, out Tensor result));
            return result;
        }

        public Tensor ge(Scalar target)
        {
            Check(rnnlm_ge_scalar(this, target.Value, out Tensor result));
            return result;
        }

        public Tensor gt(Tensor target)
        {
            Check(rnnlm_gt(this, target, out Tensor result));
            return result;
        }

        public Tensor gt(Scalar target)
        {
            Check(rnnlm_gt_scalar(this, target.Value, out Tensor result));
            return result;
        }

        public Tensor le(Tensor target)
        {
            Check(rnnlm_le(this, target, out Tensor result));
            return result;
        }

        public Tensor le(Scalar target)
        {
            Check(rnnlm_le_scalar(this, target.Value, out Tensor result));
            return result;
        }

        public Tensor lt(Tensor target)
        {
            Check(rnnlm_lt(this, target, out Tensor result));
            return result;
        }

        public Tensor lt(Scalar target)
        {
            Check(rnnlm_lt_scalar(this, target.Value, out Tensor result));
            return result;
        }

        public Tensor ne(Tensor target)
        {
            Check(rnnlm_ne(this, target, out Tensor result));
            return result;
        }

        public Tensor ne(Scalar target)
        {
            Check(rnnlm_ne_scalar(this, target.Value, out Tensor result));
            return result;
        }
    }
}
