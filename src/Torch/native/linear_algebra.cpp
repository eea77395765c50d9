// Matrix products and norms.
#include "api.h"

using namespace rnnlm;

RNNLM_API int rnnlm_matmul(TensorHandle left, TensorHandle right, TensorHandle* result) {
  return made(result, [&] { return at::matmul(*left, *right); });
}

RNNLM_API int rnnlm_mm(TensorHandle left, TensorHandle right, TensorHandle* result) {
  return made(result, [&] { return at::mm(*left, *right); });
}

// beta · input + alpha · left · right, into a new tensor or (with the underscore) into input.
RNNLM_API int rnnlm_addmm(TensorHandle input, TensorHandle left, TensorHandle right, double beta, double alpha, TensorHandle* result) {
  return made(result, [&] { return input->addmm(*left, *right, beta, alpha); });
}

RNNLM_API int rnnlm_addmm_(TensorHandle input, TensorHandle left, TensorHandle right, double beta, double alpha) {
  return guarded([&] { input->addmm_(*left, *right, beta, alpha); });
}

RNNLM_API int rnnlm_norm(TensorHandle input, double p, TensorHandle* result) {
  return made(result, [&] { return at::norm(*input, p); });
}
