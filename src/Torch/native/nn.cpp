// The operations under the neural-network modules.
#include "api.h"

using namespace rnnlm;

// padding_idx below 0: none.
RNNLM_API int rnnlm_embedding(TensorHandle weight, TensorHandle indices, int64_t padding_idx, int32_t scale_grad_by_freq, int32_t sparse,
                              TensorHandle* result) {
  return made(result, [&] { return at::embedding(*weight, *indices, padding_idx, scale_grad_by_freq != 0, sparse != 0); });
}

// bias may be null.
RNNLM_API int rnnlm_linear(TensorHandle input, TensorHandle weight, TensorHandle bias, TensorHandle* result) {
  return made(result, [&] { return bias == nullptr ? at::linear(*input, *weight) : at::linear(*input, *weight, *bias); });
}

// weight may be null. reduction: 0 none, 1 mean, 2 sum.
RNNLM_API int rnnlm_cross_entropy(TensorHandle input, TensorHandle target, TensorHandle weight, int32_t reduction, int64_t ignore_index,
                                  double label_smoothing, TensorHandle* result) {
  return made(result, [&] {
    const at::Tensor class_weight = weight == nullptr ? at::Tensor() : *weight;
    return at::cross_entropy_loss(*input, *target, class_weight, reduction, ignore_index, label_smoothing);
  });
}

// A whole stacked Elman network. relu: 0 for tanh. output gets all steps of the last layer, last_hidden the last step of every layer.
RNNLM_API int rnnlm_rnn(TensorHandle input, TensorHandle hidden, const TensorHandle* weights, int32_t weight_count, int32_t relu, int32_t has_biases,
                        int64_t layers, double dropout, int32_t training, int32_t bidirectional, int32_t batch_first, TensorHandle* output,
                        TensorHandle* last_hidden) {
  return made(output, last_hidden, [&] {
    const auto flat = tensors(weights, weight_count);
    return relu != 0
        ? at::rnn_relu(*input, *hidden, flat, has_biases != 0, layers, dropout, training != 0, bidirectional != 0, batch_first != 0)
        : at::rnn_tanh(*input, *hidden, flat, has_biases != 0, layers, dropout, training != 0, bidirectional != 0, batch_first != 0);
  });
}
