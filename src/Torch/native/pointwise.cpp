// Arithmetic, comparison and other element-wise operations.
#include "api.h"

using namespace rnnlm;

#define RNNLM_UNARY(name) \
  RNNLM_API int rnnlm_##name(TensorHandle input, TensorHandle* result) { return made(result, [&] { return at::name(*input); }); }

RNNLM_UNARY(abs)
RNNLM_UNARY(exp)
RNNLM_UNARY(isfinite)
RNNLM_UNARY(log)
RNNLM_UNARY(neg)
RNNLM_UNARY(relu)
RNNLM_UNARY(sigmoid)
RNNLM_UNARY(sqrt)
RNNLM_UNARY(tanh)

#define RNNLM_COMPARISON(name)                                                                                      \
  RNNLM_API int rnnlm_##name(TensorHandle left, TensorHandle right, TensorHandle* result) {                         \
    return made(result, [&] { return at::name(*left, *right); });                                                \
  }                                                                                                                 \
  RNNLM_API int rnnlm_##name##_scalar(TensorHandle left, const ScalarValue* right, TensorHandle* result) {          \
    return made(result, [&] { return at::name(*left, scalar(right)); });                                         \
  }

RNNLM_COMPARISON(eq)
RNNLM_COMPARISON(ge)
RNNLM_COMPARISON(gt)
RNNLM_COMPARISON(le)
RNNLM_COMPARISON(lt)
RNNLM_COMPARISON(ne)

// left + alpha · right and left - alpha · right, into a new tensor or (with the underscore) into left.
#define RNNLM_SUM(name)                                                                                                       \
  RNNLM_API int rnnlm_##name(TensorHandle left, TensorHandle right, const ScalarValue* alpha, TensorHandle* result) {         \
    return made(result, [&] { return left->name(*right, scalar(alpha)); });                                                \
  }                                                                                                                           \
  RNNLM_API int rnnlm_##name##_(TensorHandle left, TensorHandle right, const ScalarValue* alpha) {                            \
    return guarded([&] { left->name##_(*right, scalar(alpha)); });                                                            \
  }                                                                                                                           \
  RNNLM_API int rnnlm_##name##_scalar(TensorHandle left, const ScalarValue* right, const ScalarValue* alpha, TensorHandle* result) { \
    return made(result, [&] { return left->name(scalar(right), scalar(alpha)); });                                         \
  }                                                                                                                           \
  RNNLM_API int rnnlm_##name##_scalar_(TensorHandle left, const ScalarValue* right, const ScalarValue* alpha) {               \
    return guarded([&] { left->name##_(scalar(right), scalar(alpha)); });                                                     \
  }

RNNLM_SUM(add)
RNNLM_SUM(sub)

#define RNNLM_PRODUCT(name)                                                                              \
  RNNLM_API int rnnlm_##name(TensorHandle left, TensorHandle right, TensorHandle* result) {              \
    return made(result, [&] { return left->name(*right); });                                          \
  }                                                                                                      \
  RNNLM_API int rnnlm_##name##_(TensorHandle left, TensorHandle right) {                                 \
    return guarded([&] { left->name##_(*right); });                                                      \
  }                                                                                                      \
  RNNLM_API int rnnlm_##name##_scalar(TensorHandle left, const ScalarValue* right, TensorHandle* result) { \
    return made(result, [&] { return left->name(scalar(right)); });                                   \
  }                                                                                                      \
  RNNLM_API int rnnlm_##name##_scalar_(TensorHandle left, const ScalarValue* right) {                    \
    return guarded([&] { left->name##_(scalar(right)); });                                               \
  }

RNNLM_PRODUCT(div)
RNNLM_PRODUCT(mul)

RNNLM_API int rnnlm_pow_scalar(TensorHandle base, const ScalarValue* exponent, TensorHandle* result) {
  return made(result, [&] { return base->pow(scalar(exponent)); });
}

RNNLM_API int rnnlm_masked_fill(TensorHandle input, TensorHandle mask, const ScalarValue* value, TensorHandle* result) {
  return made(result, [&] { return input->masked_fill(*mask, scalar(value)); });
}

RNNLM_API int rnnlm_where(TensorHandle condition, TensorHandle x, TensorHandle y, TensorHandle* result) {
  return made(result, [&] { return at::where(*condition, *x, *y); });
}

RNNLM_API int rnnlm_allclose(TensorHandle left, TensorHandle right, double rtol, double atol, int32_t equal_nan, int32_t* result) {
  return guarded([&] { *result = at::allclose(*left, *right, rtol, atol, equal_nan != 0) ? 1 : 0; });
}
