using static RnnLm.Torch.Interop.NativeError;
using static RnnLm.Torch.Interop.NativeMethods;

namespace RnnLm.Torch;

public static partial class torch
{
    public partial class Tensor
    {
        /// <summary>True if operations on this tensor are recorded for gradients.</summary>
        public bool requires_grad
        {
            get => Place().RequiresGrad != 0;
            set => Check(rnnlm_set_requires_grad(this, value ? 1 : 0));
        }

        /// <summary>The gradient that backward passes have added up; null where there is none. Each read is a new handle to it.</summary>
        public Tensor? grad
        {
            get
            {
                Check(rnnlm_grad(this, out Tensor? result));
                return result;
            }

            set => Check(rnnlm_set_grad(this, value));
        }

        /// <summary>True if no recorded operation made this tensor.</summary>
        public bool is_leaf
        {
            get
            {
                Check(rnnlm_is_leaf(this, out int result));
                return result != 0;
            }
        }

        public Tensor requires_grad_(bool requires_grad = true)
        {
            this.requires_grad = requires_grad;
            return this;
        }

        public Tensor with_requires_grad(bool requires_grad = true) => requires_grad_(requires_grad);

        /// <summary>The same memory without the record of how it was computed.</summary>
        public Tensor detach()
        {
            Check(rnnlm_detach(this, out Tensor result));
            return result;
        }

        /// <summary>Adds the gradient of this single element to its leaves.</summary>
        public void backward() => autograd.backward([this]);

        /// <inheritdoc cref="autograd.backward"/>
        public void backward(IList<Tensor>? grad_tensors = null, bool retain_graph = false, bool create_graph = false, IList<Tensor>? inputs = null) =>
            autograd.backward([this], grad_tensors, retain_graph, create_graph, inputs);

        /// <summary>Takes over the values, element type and device of another tensor; this stays the same tensor to modules and optimisers.</summary>
        internal void SetData(Tensor values) => Check(rnnlm_set_data(this, values));
    }
}
