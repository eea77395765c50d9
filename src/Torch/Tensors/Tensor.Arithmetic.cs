using static RnnLm.Torch.Interop.NativeError;
using static RnnLm.Torch.Interop.NativeMethods;

namespace RnnLm.Torch;

public static partial class torch
{
    public partial class Tensor
    {
        public Tensor add(Tensor target) => add(target, Scalar.One);

        /// <summary>This + alpha · target.</summary>
        public Tensor add(Tensor target, Scalar alpha)
        {
            Check(rnnlm_add(this, target, alpha.Value, out Tensor result));
            return result;
        }

        public Tensor add(Scalar scalar)
        {
            Check(rnnlm_add_scalar(this, scalar.Value, Scalar.One.Value, out Tensor result));
            return result;
        }

        public Tensor add_(Tensor target) => add_(target, Scalar.One);

        /// <summary>This becomes this + alpha · target.</summary>
        public Tensor add_(Tensor target, Scalar alpha)
        {
            Check(rnnlm_add_(this, target, alpha.Value));
            return this;
        }

        public Tensor add_(Scalar scalar)
        {
            Check(rnnlm_add_scalar_(this, scalar.Value, Scalar.One.Value));
            return this;
        }

        public Tensor sub(Tensor target)
        {
            Check(rnnlm_sub(this, target, Scalar.One.Value, out Tensor result));
            return result;
        }

        public Tensor sub(Scalar target)
        {
            Check(rnnlm_sub_scalar(this, target.Value, Scalar.One.Value, out Tensor result));
            return result;
        }

        public Tensor sub_(Tensor target)
        {
            Check(rnnlm_sub_(this, target, Scalar.One.Value));
            return this;
        }

        public Tensor sub_(Scalar target)
        {
            Check(rnnlm_sub_scalar_(this, target.Value, Scalar.One.Value));
            return this;
        }

        public Tensor mul(Tensor target)
        {
            Check(rnnlm_mul(this, target, out Tensor result));
            return result;
        }

        public Tensor mul(Scalar target)
        {
            Check(rnnlm_mul_scalar(this, target.Value, out Tensor result));
            return result;
        }

        public Tensor mul_(Tensor target)
        {
            Check(rnnlm_mul_(this, target));
            return this;
        }

        public Tensor mul_(Scalar target)
        {
            Check(rnnlm_mul_scalar_(this, target.Value));
            return this;
        }

        public static Tensor operator -(Tensor tensor) => tensor.neg();

        public static Tensor operator +(Tensor left, Tensor right) => left.add(right);

        public static Tensor operator +(Tensor left, Scalar right) => left.add(right);

        public static Tensor operator -(Tensor left, Tensor right) => left.sub(right);

        public static Tensor operator -(Tensor left, Scalar right) => left.sub(right);

        public static Tensor operator *(Tensor left, Tensor right) => left.mul(right);

        public static Tensor operator *(Tensor left, Scalar right) => left.mul(right);

        public static Tensor operator +(Scalar left, Tensor right) => right.add(left);

        public static Tensor operator *(Scalar left, Tensor right) => right.mul(left);

        public static Tensor operator -(Scalar left, Tensor right)
        {
            using Tensor negative = right.neg();
            return negative.add(left);
        }

        public static Tensor operator /(Tensor left, Tensor right)
        {
            Check(rnnlm_div(left, right, out Tensor result));
            return result;
        }

        public static Tensor operator /(Tensor left, Scalar right)
        {
            Check(rnnlm_div_scalar(left, right.Value, out Tensor result));
            return result;
        }
    }
}
