#include "descent_kernels.h"

#include <stdatomic.h>
#include <stddef.h>
#include <string.h>

#if defined(__x86_64__)
extern const descent_kernels descent_kernels_sse2, descent_kernels_avx2, descent_kernels_avx512;
#else
extern const descent_kernels descent_kernels_generic;
#endif

static _Atomic(const descent_kernels *) current;

const descent_kernels *descent_kernels_available(long i) {
#if defined(__x86_64__)
  __builtin_cpu_init();
  const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
      __builtin_cpu_supports("f16c");
  const bool avx512 = avx2 && __builtin_cpu_supports("avx512f");
  if (avx512 && i-- == 0) return &descent_kernels_avx512;
  if (avx2 && i-- == 0) return &descent_kernels_avx2;
  return i == 0 ? &descent_kernels_sse2 : NULL;
#else
  return i == 0 ? &descent_kernels_generic : NULL;
#endif
}

const descent_kernels *descent_kernels_current(void) {
  const descent_kernels *table = atomic_load_explicit(&current, memory_order_acquire);
  if (!table) {
    table = descent_kernels_available(0);
    atomic_store_explicit(&current, table, memory_order_release);
  }
  return table;
}

bool descent_kernels_select(const char *name) {
  const descent_kernels *table;
  for (long i = 0; (table = descent_kernels_available(i)) != NULL; i++)
    if (strcmp(table->name, name) == 0) {
      atomic_store_explicit(&current, table, memory_order_release);
      return true;
    }
  return false;
}
