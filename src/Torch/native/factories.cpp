// New tensors.
#include "api.h"

#include <cstring>

using namespace rnnlm;

RNNLM_API int rnnlm_empty(const int64_t* sizes, int32_t count, const TensorPlace* place, TensorHandle* result) {
  return made(result, [&] { return placed(at::empty(dims(sizes, count), options(place)), place); });
}

RNNLM_API int rnnlm_full(const int64_t* sizes, int32_t count, const ScalarValue* value, const TensorPlace* place, TensorHandle* result) {
  return made(result, [&] { return placed(at::full(dims(sizes, count), scalar(value), options(place)), place); });
}

RNNLM_API int rnnlm_arange(const ScalarValue* start, const ScalarValue* stop, const ScalarValue* step, const TensorPlace* place, TensorHandle* result) {
  return made(result, [&] { return placed(at::arange(scalar(start), scalar(stop), scalar(step), options(place)), place); });
}

// Copies byte_count bytes of CPU memory that hold elements of source_dtype, then converts them to the wanted place.
RNNLM_API int rnnlm_from_memory(const void* bytes, int64_t byte_count, int32_t source_dtype, const int64_t* sizes, int32_t count, const TensorPlace* place,
                                TensorHandle* result) {
  return made(result, [&] {
    at::Tensor source = at::empty(dims(sizes, count), at::TensorOptions().dtype(static_cast<at::ScalarType>(source_dtype)));
    const int64_t needed = source.numel() * static_cast<int64_t>(source.element_size());
    TORCH_CHECK(needed == byte_count, "tensor of ", needed, " bytes from ", byte_count, " bytes");
    if (needed > 0) {
      std::memcpy(source.data_ptr(), bytes, static_cast<size_t>(needed));
    }
    return placed(source.to(options(place)), place);
  });
}
