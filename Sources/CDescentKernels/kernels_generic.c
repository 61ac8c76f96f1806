// 128-bit vectors: NEON on arm64, whatever the compiler has elsewhere.
#if !defined(__x86_64__)

#include "descent_kernels.h"

#define VECTOR_BYTES 16
#define ROWS 12
#define TABLE descent_kernels_generic
#if defined(__aarch64__)
#define TABLE_NAME "NEON"
#else
#define TABLE_NAME "128-bit vectors"
#endif

#include "kernels.h"

#endif
