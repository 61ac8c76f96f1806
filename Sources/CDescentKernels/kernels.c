#include "descent_blas.h"
#include "descent_kernels.h"

#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#if defined(__x86_64__)
extern const descent_kernels descent_kernels_sse2, descent_kernels_avx2, descent_kernels_avx512;
#else
extern const descent_kernels descent_kernels_generic;
#endif

static _Thread_local const descent_kernels *selected;
static _Thread_local enum { BEST, BUILT_IN, BLAS } product_choice;

const descent_kernels *descent_kernels_available(long i) {
#if defined(__x86_64__)
  __builtin_cpu_init();
  const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
      __builtin_cpu_supports("f16c");
  const bool avx512 = avx2 && __builtin_cpu_supports("avx512f") &&
      __builtin_cpu_supports("avx512bw");
  if (avx512 && i-- == 0) return &descent_kernels_avx512;
  if (avx2 && i-- == 0) return &descent_kernels_avx2;
  return i == 0 ? &descent_kernels_sse2 : NULL;
#else
  return i == 0 ? &descent_kernels_generic : NULL;
#endif
}

const descent_kernels *descent_kernels_current(void) {
  static _Atomic(const descent_kernels *) best;
  if (selected) return selected;
  const descent_kernels *table = atomic_load_explicit(&best, memory_order_relaxed);
  if (!table) {
    table = descent_kernels_available(0);
    atomic_store_explicit(&best, table, memory_order_relaxed);
  }
  return table;
}

bool descent_kernels_select(const char *name) {
  const descent_kernels *table;
  for (long i = 0; (table = descent_kernels_available(i)) != NULL; i++)
    if (strcmp(table->name, name) == 0) {
      selected = table;
      return true;
    }
  return false;
}

// Measured: with AVX2 or AVX-512 the built-in products are as fast as OpenBLAS or faster at the sizes
// of training, so that a BLAS is used there only when DESCENT_BLAS asks for it.
static bool prefers_built_in(void) {
#if defined(__x86_64__)
  return !getenv("DESCENT_BLAS") && descent_kernels_available(0) != &descent_kernels_sse2;
#else
  return false;
#endif
}

static bool best_is_built_in(void) {
  static _Atomic int best;  // BEST: not known yet
  int choice = atomic_load_explicit(&best, memory_order_relaxed);
  if (choice == BEST) {
    choice = prefers_built_in() || !descent_blas_found() ? BUILT_IN : BLAS;
    atomic_store_explicit(&best, choice, memory_order_relaxed);
  }
  return choice == BUILT_IN;
}

bool descent_product_is_built_in(void) {
  if (product_choice == BEST) return best_is_built_in();
  return product_choice == BUILT_IN || !descent_blas_found();
}

void descent_product_select_built_in(bool built_in) {
  product_choice = built_in ? BUILT_IN : BLAS;
}

void descent_product_select_best(void) { product_choice = BEST; }

descent_product descent_product_current(void) {
  return descent_product_is_built_in() ? descent_kernels_current()->product : descent_blas_multiply;
}
