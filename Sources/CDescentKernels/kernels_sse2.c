#if defined(__x86_64__)

#include "descent_kernels.h"

#define VECTOR_BYTES 16
#define ROWS 6
#define TABLE descent_kernels_sse2
#define TABLE_NAME "SSE2"

#include "kernels.h"

#endif
