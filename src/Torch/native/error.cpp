#include "api.h"

#include <string>

namespace {
thread_local std::string last_error;
}

void rnnlm::record_error(const char* message) noexcept {
  try {
    last_error = message;
  } catch (...) {
    last_error.clear();
  }
}

// The message of this thread's last failed call; valid until the thread's next failure.
RNNLM_API const char* rnnlm_last_error() { return last_error.c_str(); }
