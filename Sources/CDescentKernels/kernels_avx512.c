#if defined(__x86_64__)

#include "descent_kernels.h"

#define VECTOR_BYTES 64
#define ROWS 14
#define TABLE descent_kernels_avx512
#define TABLE_NAME "AVX-512"

#include <immintrin.h>
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#pragma clang attribute push(__attribute__((target("avx2,fma,f16c,avx512f,avx512bw"))), apply_to = function)
#include "kernels.h"
#pragma clang attribute pop

#endif
