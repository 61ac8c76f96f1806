#include "allocation_counter.h"

#include <errno.h>
#include <stddef.h>

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || __has_feature(memory_sanitizer)
#define SANITIZED 1
#endif
#endif

#if defined(__linux__)
#include <features.h>
#endif

#if defined(__GLIBC__) && !defined(SANITIZED)
#include <malloc.h>

// The definitions of an executable come before those of the C library, which are still there under
// these names.
extern void *__libc_malloc(size_t);
extern void *__libc_calloc(size_t, size_t);
extern void *__libc_realloc(void *, size_t);
extern void *__libc_memalign(size_t, size_t);
extern void __libc_free(void *);

static _Thread_local long count, bytes;

bool allocation_counter_works(void) { return true; }
long allocation_count(void) { return count; }
long allocation_bytes(void) { return bytes; }

static void *counted(void *memory) {
  count++;
  bytes += (long)malloc_usable_size(memory);
  return memory;
}

void *malloc(size_t size) { return counted(__libc_malloc(size)); }
void *calloc(size_t n, size_t size) { return counted(__libc_calloc(n, size)); }
void *realloc(void *old, size_t size) {
  const long before = (long)malloc_usable_size(old);
  void *memory = __libc_realloc(old, size);
  if (!memory && size > 0) return NULL;
  bytes -= before;
  return counted(memory);
}
void *memalign(size_t alignment, size_t size) { return counted(__libc_memalign(alignment, size)); }
void *aligned_alloc(size_t alignment, size_t size) {
  return counted(__libc_memalign(alignment, size));
}
void free(void *memory) {
  bytes -= (long)malloc_usable_size(memory);
  __libc_free(memory);
}
int posix_memalign(void **result, size_t alignment, size_t size) {
  void *memory = counted(__libc_memalign(alignment, size));
  if (!memory) return ENOMEM;
  *result = memory;
  return 0;
}
#else
bool allocation_counter_works(void) { return false; }
long allocation_count(void) { return 0; }
long allocation_bytes(void) { return 0; }
#endif
