using static RnnLm.Torch.Interop.NativeError;
using static RnnLm.Torch.Interop.NativeMethods;

namespace RnnLm.Torch;

public static partial class torch
{
    public static Tensor sum(Tensor input, ScalarType? type = null) => input.sum(type);

    public static Tensor mean(Tensor input) => input.mean();

    public static Tensor argmax(Tensor input, long dim, bool keepdim = false) => input.argmax(dim, keepdim);

    public static Tensor softmax(Tensor input, int dim, ScalarType? dtype = null) => input.softmax(dim, dtype);

    public static (Tensor values, Tensor indices) topk(Tensor tensor, int k, int dim = -1, bool largest = true, bool sorted = true) =>
        tensor.topk(k, dim, largest, sorted);

    public partial class Tensor
    {
        public Tensor sum(ScalarType? type = null)
        {
            Check(rnnlm_sum(this, [], 0, 0, DTypeOrNone(type), out Tensor result));
            return result;
        }

        public Tensor sum(long dim, bool keepdim = false, ScalarType? type = null) => sum([dim], keepdim, type);

        public Tensor sum(long[] dim, bool keepdim = false, ScalarType? type = null)
        {
            Check(rnnlm_sum(this, dim, dim.Length, keepdim ? 1 : 0, DTypeOrNone(type), out Tensor result));
            return result;
        }

        public Tensor mean()
        {
            Check(rnnlm_mean(this, [], 0, 0, -1, out Tensor result));
            return result;
        }

        public Tensor mean(long[] dimensions, bool keepdim = false, ScalarType? type = null)
        {
            Check(rnnlm_mean(this, dimensions, dimensions.Length, keepdim ? 1 : 0, DTypeOrNone(type), out Tensor result));
            return result;
        }

        public Tensor max()
        {
            Check(rnnlm_max(this, out Tensor result));
            return result;
        }

        public (Tensor values, Tensor indexes) max(long dim, bool keepdim = false)
        {
            Check(rnnlm_max_dim(this, dim, keepdim ? 1 : 0, out Tensor values, out Tensor indices));
            return (values, indices);
        }

        /// <summary>Row-major index of the greatest element.</summary>
        public Tensor argmax()
        {
            Check(rnnlm_argmax(this, out Tensor result));
            return result;
        }

        public Tensor argmax(long dim, bool keepdim = false)
        {
            Check(rnnlm_argmax_dim(this, dim, keepdim ? 1 : 0, out Tensor result));
            return result;
        }

        public Tensor all()
        {
            Check(rnnlm_all(this, out Tensor result));
            return result;
        }

        public Tensor logsumexp(long dim, bool keepdim = false)
        {
            Check(rnnlm_logsumexp(this, dim, keepdim ? 1 : 0, out Tensor result));
            return result;
        }

        public Tensor softmax(long dim, ScalarType? dtype = null)
        {
            Check(rnnlm_softmax(this, dim, DTypeOrNone(dtype), out Tensor result));
            return result;
        }

        public Tensor log_softmax(long dim, ScalarType? dtype = null)
        {
            Check(rnnlm_log_softmax(this, dim, DTypeOrNone(dtype), out Tensor result));
            return result;
        }

        /// <summary>The k greatest (or smallest) elements along a dimension and their indices.</summary>
        public (Tensor values, Tensor indexes) topk(int k, int dim = -1, bool largest = true, bool sorted = true)
        {
            Check(rnnlm_topk(this, k, dim, largest ? 1 : 0, sorted ? 1 : 0, out Tensor values, out Tensor indices));
            return (values, indices);
        }

        private static int DTypeOrNone(ScalarType? type) => type is { } given ? (int)given : -1;
    }
}
