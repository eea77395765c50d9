// Devices and threads.
#include "api.h"

#include <ATen/Parallel.h>
#include <torch/cuda.h>

using namespace rnnlm;

RNNLM_API int rnnlm_cuda_device_count(int32_t* result) {
  return guarded([&] { *result = static_cast<int32_t>(torch::cuda::device_count()); });
}

// device_index below 0: the current device.
RNNLM_API int rnnlm_cuda_synchronize(int64_t device_index) {
  return guarded([&] { torch::cuda::synchronize(device_index); });
}

RNNLM_API int rnnlm_num_threads(int32_t* result) {
  return guarded([&] { *result = at::get_num_threads(); });
}

RNNLM_API int rnnlm_set_num_threads(int32_t count) {
  return guarded([&] { at::set_num_threads(count); });
}
