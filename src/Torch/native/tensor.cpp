// Lifetime, properties, conversion and copies of tensors.
#include "api.h"

using namespace rnnlm;

RNNLM_API void rnnlm_tensor_dispose(TensorHandle tensor) { delete tensor; }

RNNLM_API int rnnlm_tensor_alias(TensorHandle tensor, TensorHandle* result) {
  return made(result, [&] { return *tensor; });
}

RNNLM_API int rnnlm_tensor_ndim(TensorHandle tensor, int64_t* result) {
  return guarded([&] { *result = tensor->dim(); });
}

// sizes and strides have room for ndim values.
RNNLM_API int rnnlm_tensor_geometry(TensorHandle tensor, int64_t* sizes, int64_t* strides) {
  return guarded([&] {
    for (int64_t i = 0; i < tensor->dim(); i++) {
      sizes[i] = tensor->size(i);
      strides[i] = tensor->stride(i);
    }
  });
}

RNNLM_API int rnnlm_tensor_numel(TensorHandle tensor, int64_t* result) {
  return guarded([&] { *result = tensor->numel(); });
}

RNNLM_API int rnnlm_tensor_element_size(TensorHandle tensor, int64_t* result) {
  return guarded([&] { *result = static_cast<int64_t>(tensor->element_size()); });
}

// Identity of the value itself, shared by all handles to it.
RNNLM_API int rnnlm_tensor_identity(TensorHandle tensor, int64_t* result) {
  return guarded([&] { *result = reinterpret_cast<int64_t>(tensor->unsafeGetTensorImpl()); });
}

RNNLM_API int rnnlm_tensor_place(TensorHandle tensor, TensorPlace* result) {
  return guarded([&] {
    result->dtype = static_cast<int32_t>(tensor->scalar_type());
    result->device_type = static_cast<int32_t>(tensor->device().type());
    result->device_index = tensor->device().index();
    result->requires_grad = tensor->requires_grad() ? 1 : 0;
  });
}

RNNLM_API int rnnlm_tensor_is_contiguous(TensorHandle tensor, int32_t* result) {
  return guarded([&] { *result = tensor->is_contiguous() ? 1 : 0; });
}

RNNLM_API int rnnlm_tensor_data(TensorHandle tensor, void** result) {
  return guarded([&] { *result = tensor->data_ptr(); });
}

RNNLM_API int rnnlm_tensor_contiguous(TensorHandle tensor, TensorHandle* result) {
  return made(result, [&] { return tensor->contiguous(); });
}

RNNLM_API int rnnlm_tensor_clone(TensorHandle tensor, TensorHandle* result) {
  return made(result, [&] { return tensor->clone(); });
}

RNNLM_API int rnnlm_tensor_copy_(TensorHandle tensor, TensorHandle source, int32_t non_blocking) {
  return guarded([&] { tensor->copy_(*source, non_blocking != 0); });
}

RNNLM_API int rnnlm_tensor_to(TensorHandle tensor, int32_t dtype, int32_t device_type, int32_t device_index, int32_t copy, int32_t non_blocking,
                              TensorHandle* result) {
  return made(result, [&] {
    return tensor->to(device(device_type, device_index), static_cast<at::ScalarType>(dtype), non_blocking != 0, copy != 0);
  });
}

RNNLM_API int rnnlm_tensor_fill_(TensorHandle tensor, const ScalarValue* value) {
  return guarded([&] { tensor->fill_(scalar(value)); });
}

RNNLM_API int rnnlm_tensor_item_real(TensorHandle tensor, double* result) {
  return guarded([&] { *result = tensor->item().toDouble(); });
}

RNNLM_API int rnnlm_tensor_item_integer(TensorHandle tensor, int64_t* result) {
  return guarded([&] { *result = tensor->item().toLong(); });
}
