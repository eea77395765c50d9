// Gradients and the switch that turns their recording on and off.
#include "api.h"

#include <torch/csrc/autograd/autograd.h>

using namespace rnnlm;

RNNLM_API int rnnlm_set_requires_grad(TensorHandle tensor, int32_t requires_grad) {
  return guarded([&] { tensor->set_requires_grad(requires_grad != 0); });
}

RNNLM_API int rnnlm_is_leaf(TensorHandle tensor, int32_t* result) {
  return guarded([&] { *result = tensor->is_leaf() ? 1 : 0; });
}

// Null where there is no gradient.
RNNLM_API int rnnlm_grad(TensorHandle tensor, TensorHandle* result) {
  *result = nullptr;
  return guarded([&] {
    const at::Tensor& gradient = tensor->grad();
    if (gradient.defined()) {
      *result = own(gradient);
    }
  });
}

// gradient null: forget the one there is.
RNNLM_API int rnnlm_set_grad(TensorHandle tensor, TensorHandle gradient) {
  return guarded([&] { tensor->mutable_grad() = gradient == nullptr ? at::Tensor() : *gradient; });
}

// Gives the tensor another tensor's values, element type and device, keeping its place in modules and its identity.
RNNLM_API int rnnlm_set_data(TensorHandle tensor, TensorHandle values) {
  return guarded([&] { tensor->set_data(*values); });
}

RNNLM_API int rnnlm_detach(TensorHandle tensor, TensorHandle* result) {
  return made(result, [&] { return tensor->detach(); });
}

RNNLM_API int rnnlm_backward(const TensorHandle* outputs, int32_t output_count, const TensorHandle* gradients, int32_t gradient_count,
                             int32_t retain_graph, int32_t create_graph, const TensorHandle* inputs, int32_t input_count) {
  return guarded([&] {
    torch::autograd::backward(tensors(outputs, output_count), tensors(gradients, gradient_count), retain_graph != 0, create_graph != 0,
                              tensors(inputs, input_count));
  });
}

// results has room for input_count handles; null where an input took no part (allow_unused).
RNNLM_API int rnnlm_autograd_grad(const TensorHandle* outputs, int32_t output_count, const TensorHandle* inputs, int32_t input_count,
                                  const TensorHandle* gradients, int32_t gradient_count, int32_t retain_graph, int32_t create_graph,
                                  int32_t allow_unused, TensorHandle* results) {
  return guarded([&] {
    const auto computed = torch::autograd::grad(tensors(outputs, output_count), tensors(inputs, input_count), tensors(gradients, gradient_count),
                                                retain_graph != 0, create_graph != 0, allow_unused != 0);
    for (size_t i = 0; i < computed.size(); i++) {
      results[i] = computed[i].defined() ? own(computed[i]) : nullptr;
    }
  });
}

// Recording is a setting of the calling thread.
RNNLM_API int rnnlm_grad_enabled(int32_t* result) {
  return guarded([&] { *result = c10::GradMode::is_enabled() ? 1 : 0; });
}

RNNLM_API int rnnlm_set_grad_enabled(int32_t enabled) {
  return guarded([&] { c10::GradMode::set_enabled(enabled != 0); });
}
