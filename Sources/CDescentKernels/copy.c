#include <stdatomic.h>
#include <stdint.h>
#include <string.h>

#include "descent_pool.h"

typedef float lanes __attribute__((vector_size(16)));
typedef lanes unaligned_lanes __attribute__((aligned(1)));

void descent_copy_past_caches(void *to, const void *from, long bytes) {
  char *y = to;
  const char *x = from;
  const long before = (long)(-(uintptr_t)y & 15), head = before < bytes ? before : bytes;
  memcpy(y, x, (size_t)head);
  long i = head;
  for (; i + 64 <= bytes; i += 64) {
#pragma clang loop unroll(full)
    for (long j = 0; j < 64; j += 16)
      __builtin_nontemporal_store(*(const unaligned_lanes *)(x + i + j), (lanes *)(y + i + j));
  }
  memcpy(y + i, x + i, (size_t)(bytes - i));
  // Such stores are ordered by nothing else.
  atomic_thread_fence(memory_order_seq_cst);
}
