using System.Runtime.CompilerServices;
using static RnnLm.Torch.Interop.NativeError;
using static RnnLm.Torch.Interop.NativeMethods;

namespace RnnLm.Torch;

public static partial class torch
{
    /// <summary>Joins tensors along a dimension that they have.</summary>
    public static Tensor cat(IList<Tensor> tensors, long dim = 0)
    {
        Check(rnnlm_cat(TensorList.Handles(tensors), tensors.Count, dim, out Tensor result));
        GC.KeepAlive(tensors);
        return result;
    }

    /// <summary>Joins tensors of one shape along a new dimension.</summary>
    public static Tensor stack(IEnumerable<Tensor> tensors, long dim = 0)
    {
        Tensor[] list = [.. tensors];
        Check(rnnlm_stack(TensorList.Handles(list), list.Length, dim, out Tensor result));
        GC.KeepAlive(list);
        return result;
    }

    public partial class Tensor
    {
        /// <summary>The sub-tensor at an index of the first dimension.</summary>
        [IndexerName("TensorItems")]
        public Tensor this[long i1] => select(0, i1);

        [IndexerName("TensorItems")]
        public Tensor this[long i1, long i2]
        {
            get
            {
                using Tensor first = select(0, i1);
                return first.select(0, i2);
            }
        }

        /// <summary>Transpose of a matrix, on the same memory.</summary>
        public Tensor t()
        {
            Check(rnnlm_t(this, out Tensor result));
            return result;
        }

        public Tensor transpose(long dim0, long dim1)
        {
            Check(rnnlm_transpose(this, dim0, dim1, out Tensor result));
            return result;
        }

        public Tensor reshape(params long[] shape)
        {
            Check(rnnlm_reshape(this, shape, shape.Length, out Tensor result));
            return result;
        }

        public Tensor view(params long[] shape)
        {
            Check(rnnlm_view(this, shape, shape.Length, out Tensor result));
            return result;
        }

        public Tensor expand(long[] sizes, bool isImplicit = false)
        {
            Check(rnnlm_expand(this, sizes, sizes.Length, isImplicit ? 1 : 0, out Tensor result));
            return result;
        }

        public Tensor flip(params long[] dims)
        {
            Check(rnnlm_flip(this, dims, dims.Length, out Tensor result));
            return result;
        }

        public Tensor narrow(long dim, long start, long length)
        {
            Check(rnnlm_narrow(this, dim, start, length, out Tensor result));
            return result;
        }

        public Tensor slice(long dim, long start, long finish, long step)
        {
            Check(rnnlm_slice(this, dim, start, finish, step, out Tensor result));
            return result;
        }

        public Tensor select(long dim, long index)
        {
            Check(rnnlm_select(this, dim, index, out Tensor result));
            return result;
        }

        public Tensor squeeze(long? dim = null)
        {
            Check(dim is { } only ? rnnlm_squeeze_dim(this, only, out Tensor result) : rnnlm_squeeze(this, out result));
            return result;
        }

        public Tensor unsqueeze(long dim)
        {
            Check(rnnlm_unsqueeze(this, dim, out Tensor result));
            return result;
        }

        public Tensor index_select(long dim, Tensor index)
        {
            Check(rnnlm_index_select(this, dim, index, out Tensor result));
            return result;
        }

        /// <summary>Adds alpha · source to the sub-tensors at <paramref name="index"/>.</summary>
        public Tensor index_add_(long dim, Tensor index, Tensor source, Scalar alpha)
        {
            Check(rnnlm_index_add_(this, dim, index, source, alpha.Value));
            return this;
        }

        public Tensor gather(long dim, Tensor index)
        {
            Check(rnnlm_gather(this, dim, index, out Tensor result));
            return result;
        }

        public Tensor scatter(long dim, Tensor index, Tensor src)
        {
            Check(rnnlm_scatter(this, dim, index, src, out Tensor result));
            return result;
        }

        public Tensor scatter_(long dim, Tensor index, Tensor src)
        {
            Check(rnnlm_scatter_(this, dim, index, src));
            return this;
        }

        public Tensor scatter_add_(long dim, Tensor index, Tensor src)
        {
            Check(rnnlm_scatter_add_(this, dim, index, src));
            return this;
        }
    }
}
