// Sums, maxima and other reductions, and the softmax family.
#include "api.h"

using namespace rnnlm;

// count 0: over all dimensions.
RNNLM_API int rnnlm_sum(TensorHandle input, const int64_t* over, int32_t count, int32_t keepdim, int32_t dtype, TensorHandle* result) {
  return made(result, [&] {
    return count == 0 ? at::sum(*input, optional_dtype(dtype)) : at::sum(*input, dims(over, count), keepdim != 0, optional_dtype(dtype));
  });
}

RNNLM_API int rnnlm_mean(TensorHandle input, const int64_t* over, int32_t count, int32_t keepdim, int32_t dtype, TensorHandle* result) {
  return made(result, [&] {
    return count == 0 ? at::mean(*input, optional_dtype(dtype)) : at::mean(*input, dims(over, count), keepdim != 0, optional_dtype(dtype));
  });
}

RNNLM_API int rnnlm_max(TensorHandle input, TensorHandle* result) {
  return made(result, [&] { return at::max(*input); });
}

RNNLM_API int rnnlm_max_dim(TensorHandle input, int64_t dim, int32_t keepdim, TensorHandle* values, TensorHandle* indices) {
  return made(values, indices, [&] { return at::max(*input, dim, keepdim != 0); });
}

RNNLM_API int rnnlm_argmax(TensorHandle input, TensorHandle* result) {
  return made(result, [&] { return at::argmax(*input); });
}

RNNLM_API int rnnlm_argmax_dim(TensorHandle input, int64_t dim, int32_t keepdim, TensorHandle* result) {
  return made(result, [&] { return at::argmax(*input, dim, keepdim != 0); });
}

RNNLM_API int rnnlm_all(TensorHandle input, TensorHandle* result) {
  return made(result, [&] { return at::all(*input); });
}

RNNLM_API int rnnlm_logsumexp(TensorHandle input, int64_t dim, int32_t keepdim, TensorHandle* result) {
  return made(result, [&] { return at::logsumexp(*input, dim, keepdim != 0); });
}

RNNLM_API int rnnlm_softmax(TensorHandle input, int64_t dim, int32_t dtype, TensorHandle* result) {
  return made(result, [&] { return at::softmax(*input, dim, optional_dtype(dtype)); });
}

RNNLM_API int rnnlm_log_softmax(TensorHandle input, int64_t dim, int32_t dtype, TensorHandle* result) {
  return made(result, [&] { return at::log_softmax(*input, dim, optional_dtype(dtype)); });
}

RNNLM_API int rnnlm_topk(TensorHandle input, int64_t k, int64_t dim, int32_t largest, int32_t sorted, TensorHandle* values, TensorHandle* indices) {
  return made(values, indices, [&] { return at::topk(*input, k, dim, largest != 0, sorted != 0); });
}
