using static RnnLm.Torch.Interop.NativeError;
using static RnnLm.Torch.Interop.NativeMethods;

namespace RnnLm.Torch;

public static partial class torch
{
    public static class autograd
    {
        /// <summary>Adds to the gradients of the leaves what the outputs, weighted by <paramref name="grad_tensors"/>, give.</summary>
        /// <param name="tensors">Outputs.</param>
        /// <param name="grad_tensors">For each output a weight of its shape; may be missing for single elements.</param>
        /// <param name="retain_graph">Keeps what a second pass over the same operations needs.</param>
        /// <param name="create_graph">Records the pass itself, for higher derivatives.</param>
        /// <param name="inputs">The only leaves to add to; all where missing.</param>
        public static void backward(
            IList<Tensor> tensors, IList<Tensor>? grad_tensors = null, bool? retain_graph = null, bool create_graph = false, IList<Tensor>? inputs = null)
        {
            nint[] outputs = TensorList.Handles(tensors);
            nint[] weights = TensorList.Handles(grad_tensors);
            nint[] leaves = TensorList.Handles(inputs);
            Check(rnnlm_backward(
                outputs, outputs.Length, weights, weights.Length, retain_graph ?? create_graph ? 1 : 0, create_graph ? 1 : 0, leaves, leaves.Length));
            GC.KeepAlive((tensors, grad_tensors, inputs));
        }

        /// <summary>Gradients of the outputs with respect to the inputs, without touching any tensor's own gradient.</summary>
        /// <inheritdoc cref="backward"/>
        public static IList<Tensor> grad(
            IList<Tensor> outputs, IList<Tensor> inputs, IList<Tensor>? grad_outputs = null, bool retain_graph = false, bool create_graph = false, bool allow_unused = false)
        {
            nint[] from = TensorList.Handles(outputs);
            nint[] to = TensorList.Handles(inputs);
            nint[] weights = TensorList.Handles(grad_outputs);
            var results = new nint[to.Length];
            Check(rnnlm_autograd_grad(
                from, from.Length, to, to.Length, weights, weights.Length, retain_graph ? 1 : 0, create_graph ? 1 : 0, allow_unused ? 1 : 0, results));
            GC.KeepAlive((outputs, inputs, grad_outputs));
            return [.. results.Select(handle => handle == 0 ? null! : new Tensor(handle))];
        }
    }
}
