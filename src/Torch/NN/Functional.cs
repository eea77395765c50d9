using static RnnLm.Torch.Interop.NativeError;
using static RnnLm.Torch.Interop.NativeMethods;

namespace RnnLm.Torch;

public static partial class torch
{
    public static partial class nn
    {
        /// <summary>What becomes of the losses of single examples.</summary>
        public enum Reduction : long
        {
            None = 0,
            Mean = 1,
            Sum = 2,
        }

        public static class functional
        {
            /// <summary>Cross-entropy of logits (N, C) or (N, C, d…) against class indices (N) or (N, d…).</summary>
            /// <param name="input">Logits.</param>
            /// <param name="target">int64 class indices.</param>
            /// <param name="weight">Weight of each class (C).</param>
            /// <param name="ignore_index">Target value that counts for nothing.</param>
            /// <param name="reduction">Mean is over the (weighted) targets that are not ignored.</param>
            /// <param name="label_smoothing">Share of the target spread evenly over all classes.</param>
            public static Tensor cross_entropy(
                Tensor input, Tensor target, Tensor? weight = null, long ignore_index = -100, Reduction reduction = Reduction.Mean, double label_smoothing = 0)
            {
                Check(rnnlm_cross_entropy(input, target, weight, (int)reduction, ignore_index, label_smoothing, out Tensor result));
                return result;
            }

            /// <summary>input · weightsᵀ + bias: (…, in) → (…, out), weights (out, in).</summary>
            public static Tensor linear(Tensor input, Tensor weights, Tensor? bias = null)
            {
                Check(rnnlm_linear(input, weights, bias, out Tensor result));
                return result;
            }

            public static Tensor log_softmax(Tensor x, long dim) => x.log_softmax(dim);

            public static Tensor softmax(Tensor input, long dim, ScalarType? dtype = null) => input.softmax(dim, dtype);

            public static Tensor sigmoid(Tensor x) => x.sigmoid();
        }
    }
}
