using static RnnLm.Torch.Interop.NativeError;
using static RnnLm.Torch.Interop.NativeMethods;

namespace RnnLm.Torch;

public static partial class torch
{
    public static Tensor matmul(Tensor input, Tensor target) => input.matmul(target);

    public static Tensor mm(Tensor input, Tensor target) => input.mm(target);

    public static Tensor addmm(Tensor input, Tensor mat1, Tensor mat2, float beta, float alpha) => input.addmm(mat1, mat2, beta, alpha);

    public partial class Tensor
    {
        public Tensor matmul(Tensor target)
        {
            Check(rnnlm_matmul(this, target, out Tensor result));
            return result;
        }

        /// <summary>Product of two matrices: (n, m) · (m, p) → (n, p).</summary>
        public Tensor mm(Tensor target)
        {
            Check(rnnlm_mm(this, target, out Tensor result));
            return result;
        }

        /// <summary>beta · this + alpha · mat1 · mat2.</summary>
        public Tensor addmm(Tensor mat1, Tensor mat2, float beta = 1, float alpha = 1)
        {
            Check(rnnlm_addmm(this, mat1, mat2, beta, alpha, out Tensor result));
            return result;
        }

        /// <summary>This becomes beta · this + alpha · mat1 · mat2.</summary>
        public Tensor addmm_(Tensor mat1, Tensor mat2, float beta = 1, float alpha = 1)
        {
            Check(rnnlm_addmm_(this, mat1, mat2, beta, alpha));
            return this;
        }

        /// <summary>The p-norm of all elements.</summary>
        public Tensor norm(float p = 2)
        {
            Check(rnnlm_norm(this, p, out Tensor result));
            return result;
        }
    }
}
