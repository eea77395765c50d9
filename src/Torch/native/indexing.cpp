// Views, slices, joins, gathers and scatters.
#include "api.h"

using namespace rnnlm;

RNNLM_API int rnnlm_t(TensorHandle input, TensorHandle* result) {
  return made(result, [&] { return input->t(); });
}

RNNLM_API int rnnlm_transpose(TensorHandle input, int64_t dim0, int64_t dim1, TensorHandle* result) {
  return made(result, [&] { return input->transpose(dim0, dim1); });
}

RNNLM_API int rnnlm_reshape(TensorHandle input, const int64_t* sizes, int32_t count, TensorHandle* result) {
  return made(result, [&] { return input->reshape(dims(sizes, count)); });
}

RNNLM_API int rnnlm_view(TensorHandle input, const int64_t* sizes, int32_t count, TensorHandle* result) {
  return made(result, [&] { return input->view(dims(sizes, count)); });
}

RNNLM_API int rnnlm_expand(TensorHandle input, const int64_t* sizes, int32_t count, int32_t implicit, TensorHandle* result) {
  return made(result, [&] { return input->expand(dims(sizes, count), implicit != 0); });
}

RNNLM_API int rnnlm_flip(TensorHandle input, const int64_t* over, int32_t count, TensorHandle* result) {
  return made(result, [&] { return input->flip(dims(over, count)); });
}

RNNLM_API int rnnlm_narrow(TensorHandle input, int64_t dim, int64_t start, int64_t length, TensorHandle* result) {
  return made(result, [&] { return input->narrow(dim, start, length); });
}

RNNLM_API int rnnlm_slice(TensorHandle input, int64_t dim, int64_t start, int64_t finish, int64_t step, TensorHandle* result) {
  return made(result, [&] { return input->slice(dim, start, finish, step); });
}

RNNLM_API int rnnlm_select(TensorHandle input, int64_t dim, int64_t index, TensorHandle* result) {
  return made(result, [&] { return input->select(dim, index); });
}

RNNLM_API int rnnlm_squeeze(TensorHandle input, TensorHandle* result) {
  return made(result, [&] { return input->squeeze(); });
}

RNNLM_API int rnnlm_squeeze_dim(TensorHandle input, int64_t dim, TensorHandle* result) {
  return made(result, [&] { return input->squeeze(dim); });
}

RNNLM_API int rnnlm_unsqueeze(TensorHandle input, int64_t dim, TensorHandle* result) {
  return made(result, [&] { return input->unsqueeze(dim); });
}

RNNLM_API int rnnlm_index_select(TensorHandle input, int64_t dim, TensorHandle index, TensorHandle* result) {
  return made(result, [&] { return input->index_select(dim, *index); });
}

RNNLM_API int rnnlm_index_add_(TensorHandle input, int64_t dim, TensorHandle index, TensorHandle source, const ScalarValue* alpha) {
  return guarded([&] { input->index_add_(dim, *index, *source, scalar(alpha)); });
}

RNNLM_API int rnnlm_gather(TensorHandle input, int64_t dim, TensorHandle index, TensorHandle* result) {
  return made(result, [&] { return input->gather(dim, *index); });
}

RNNLM_API int rnnlm_scatter(TensorHandle input, int64_t dim, TensorHandle index, TensorHandle source, TensorHandle* result) {
  return made(result, [&] { return input->scatter(dim, *index, *source); });
}

RNNLM_API int rnnlm_scatter_(TensorHandle input, int64_t dim, TensorHandle index, TensorHandle source) {
  return guarded([&] { input->scatter_(dim, *index, *source); });
}

RNNLM_API int rnnlm_scatter_add_(TensorHandle input, int64_t dim, TensorHandle index, TensorHandle source) {
  return guarded([&] { input->scatter_add_(dim, *index, *source); });
}

RNNLM_API int rnnlm_cat(const TensorHandle* inputs, int32_t count, int64_t dim, TensorHandle* result) {
  return made(result, [&] { return at::cat(tensors(inputs, count), dim); });
}

RNNLM_API int rnnlm_stack(const TensorHandle* inputs, int32_t count, int64_t dim, TensorHandle* result) {
  return made(result, [&] { return at::stack(tensors(inputs, count), dim); });
}
