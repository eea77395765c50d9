// What every file of the shim shares: the C ABI's types and the guard that turns C++ exceptions into a status.
//
// Conventions: each function returns 0, or 1 after recording a message that rnnlm_last_error() hands out. Results come last, through pointers;
// a tensor that could not be made is null. A tensor handle owned by the caller is freed with rnnlm_tensor_dispose().
#pragma once

#include <ATen/ATen.h>

#include <cstdint>
#include <exception>
#include <memory>
#include <mutex>
#include <tuple>
#include <utility>
#include <vector>

#define RNNLM_API extern "C" __attribute__((visibility("default")))

using TensorHandle = at::Tensor*;
using GeneratorHandle = at::Generator*;

// A number of the managed side. kind: 0 real, 1 integer, 2 boolean.
struct ScalarValue {
  int64_t integer;
  double real;
  int32_t kind;
};

// Where and as what a new tensor is made. requires_grad: 0 or 1.
struct TensorPlace {
  int32_t dtype;
  int32_t device_type;
  int32_t device_index;
  int32_t requires_grad;
};

namespace rnnlm {

void record_error(const char* message) noexcept;

template <typename Body>
int guarded(Body&& body) noexcept {
  try {
    body();
    return 0;
  } catch (const c10::Error& error) {
    record_error(error.what_without_backtrace());
  } catch (const std::exception& error) {
    record_error(error.what());
  } catch (...) {
    record_error("unknown native error");
  }
  return 1;
}

inline TensorHandle own(at::Tensor tensor) { return new at::Tensor(std::move(tensor)); }

// Runs a body that makes a tensor; result is null after a failure.
template <typename Body>
int made(TensorHandle* result, Body&& body) noexcept {
  *result = nullptr;
  return guarded([&] { *result = own(body()); });
}

// Runs a body that makes a pair of tensors; both results are null after a failure.
template <typename Body>
int made(TensorHandle* first, TensorHandle* second, Body&& body) noexcept {
  *first = nullptr;
  *second = nullptr;
  return guarded([&] {
    auto pair = body();
    auto one = std::make_unique<at::Tensor>(std::move(std::get<0>(pair)));
    *second = own(std::move(std::get<1>(pair)));
    *first = one.release();
  });
}

inline at::Scalar scalar(const ScalarValue* value) {
  switch (value->kind) {
    case 0: return at::Scalar(value->real);
    case 1: return at::Scalar(value->integer);
    default: return at::Scalar(value->integer != 0);
  }
}

inline at::Device device(int32_t type, int32_t index) {
  return at::Device(static_cast<at::DeviceType>(type), static_cast<c10::DeviceIndex>(index));
}

inline at::TensorOptions options(const TensorPlace* place) {
  return at::TensorOptions()
      .dtype(static_cast<at::ScalarType>(place->dtype))
      .device(device(place->device_type, place->device_index));
}

inline at::Tensor placed(at::Tensor tensor, const TensorPlace* place) {
  tensor.set_requires_grad(place->requires_grad != 0);
  return tensor;
}

// libtorch's optional is its own class in old versions and std::optional in new ones: whichever it is, taken from a function that returns one.
template <typename Given, typename Wanted>
struct rebound;
template <template <typename> class Optional, typename Old, typename Wanted>
struct rebound<Optional<Old>, Wanted> {
  using type = Optional<Wanted>;
};
template <typename Value>
using optional = typename rebound<decltype(std::declval<at::TensorOptions>().device_opt()), Value>::type;

// dtype below 0: none given.
inline optional<at::ScalarType> optional_dtype(int32_t dtype) {
  return dtype < 0 ? optional<at::ScalarType>() : optional<at::ScalarType>(static_cast<at::ScalarType>(dtype));
}

inline at::IntArrayRef dims(const int64_t* values, int32_t count) { return at::IntArrayRef(values, static_cast<size_t>(count)); }

inline optional<at::Generator> optional_generator(GeneratorHandle generator) {
  return generator == nullptr ? optional<at::Generator>() : optional<at::Generator>(*generator);
}

inline std::vector<at::Tensor> tensors(const TensorHandle* handles, int32_t count) {
  std::vector<at::Tensor> list;
  list.reserve(static_cast<size_t>(count));
  for (int32_t i = 0; i < count; i++) {
    list.push_back(handles[i] == nullptr ? at::Tensor() : *handles[i]);
  }
  return list;
}

}  // namespace rnnlm
