// Random generators and what is drawn from them.
#include "api.h"

#include <ATen/CPUGeneratorImpl.h>

using namespace rnnlm;

// Seeds the default generators of every device.
RNNLM_API int rnnlm_manual_seed(int64_t seed) {
  return guarded([&] { at::manual_seed(static_cast<uint64_t>(seed)); });
}

RNNLM_API int rnnlm_generator_default(GeneratorHandle* result) {
  return guarded([&] { *result = new at::Generator(at::detail::getDefaultCPUGenerator()); });
}

RNNLM_API int rnnlm_generator_new(uint64_t seed, int32_t device_type, int32_t device_index, GeneratorHandle* result) {
  return guarded([&] {
    const at::Device place = device(device_type, device_index);
    if (place.is_cpu()) {
      *result = new at::Generator(at::detail::createCPUGenerator(seed));
      return;
    }
    at::Generator generator = at::globalContext().defaultGenerator(place).clone();
    generator.set_current_seed(seed);
    *result = new at::Generator(std::move(generator));
  });
}

RNNLM_API void rnnlm_generator_dispose(GeneratorHandle generator) { delete generator; }

RNNLM_API int rnnlm_generator_manual_seed(GeneratorHandle generator, int64_t seed) {
  return guarded([&] {
    std::lock_guard<std::mutex> lock(generator->mutex());
    generator->set_current_seed(static_cast<uint64_t>(seed));
  });
}

RNNLM_API int rnnlm_generator_initial_seed(GeneratorHandle generator, int64_t* result) {
  return guarded([&] { *result = static_cast<int64_t>(generator->current_seed()); });
}

RNNLM_API int rnnlm_rand(const int64_t* sizes, int32_t count, GeneratorHandle generator, const TensorPlace* place, TensorHandle* result) {
  return made(result, [&] { return placed(at::rand(dims(sizes, count), optional_generator(generator), options(place)), place); });
}

RNNLM_API int rnnlm_randn(const int64_t* sizes, int32_t count, GeneratorHandle generator, const TensorPlace* place, TensorHandle* result) {
  return made(result, [&] { return placed(at::randn(dims(sizes, count), optional_generator(generator), options(place)), place); });
}

RNNLM_API int rnnlm_randint(int64_t low, int64_t high, const int64_t* sizes, int32_t count, GeneratorHandle generator, const TensorPlace* place,
                            TensorHandle* result) {
  return made(result, [&] { return placed(at::randint(low, high, dims(sizes, count), optional_generator(generator), options(place)), place); });
}

RNNLM_API int rnnlm_uniform_(TensorHandle tensor, double from, double to, GeneratorHandle generator) {
  return guarded([&] { tensor->uniform_(from, to, optional_generator(generator)); });
}

RNNLM_API int rnnlm_normal_(TensorHandle tensor, double mean, double deviation, GeneratorHandle generator) {
  return guarded([&] { tensor->normal_(mean, deviation, optional_generator(generator)); });
}
