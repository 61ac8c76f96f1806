#include <pthread.h>
#include <stdio.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "descent_pool.h"

_Noreturn static void refused(long bytes) {
  fprintf(stderr, "Error: out of memory: the system refused %ld more bytes; choose smaller sizes\n", bytes);
  _exit(70);  // EX_SOFTWARE
}

void *descent_allocate(long bytes, long alignment) {
  void *memory;
  if (bytes < 0 || posix_memalign(&memory, (size_t)alignment, (size_t)bytes) != 0) refused(bytes);
  return memory;
}

// Large blocks come from the system and go back to it: malloc keeps what was freed, for each thread.
enum { large = 1 << 20 };
static void *take(long bytes) {
  if (bytes < large) return descent_allocate(bytes, 128);
  void *memory = mmap(NULL, (size_t)bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) refused(bytes);
  return memory;
}
void descent_return_large_blocks(void) {
#ifdef __GLIBC__
  mallopt(M_MMAP_THRESHOLD, large);
#endif
}
static void give_back(void *memory, long bytes) {
  if (bytes < large)
    free(memory);
  else
    munmap(memory, (size_t)bytes);
}

// Uses lie one behind the other. One that does not fit any more has a block of its own, which is gone with its end;
// when all have ended, the memory is made as large as all of them were together. So no use ever moves, and nothing
// is kept beyond the most that was in use at a time.
enum { most_uses = 32, line = 128, page = 1 << 16 };

typedef struct {
  char *memory;
  long size;
  struct {
    void *own;
    long bytes;
  } use[most_uses];
  int uses;
  long used, most_used;
} scratch;

static _Thread_local scratch *own;
static pthread_key_t key;
static pthread_once_t once = PTHREAD_ONCE_INIT;

// When a thread ends.
static void release(void *ended) {
  scratch *s = ended;
  give_back(s->memory, s->size);
  free(s);
  own = NULL;
}

static void make_key(void) {
  if (pthread_key_create(&key, release) != 0) abort();
}

static void start(void) {
  pthread_once(&once, make_key);
  own = calloc(1, sizeof(scratch));
  if (!own || pthread_setspecific(key, own) != 0) abort();
}

void *descent_scratch_begin(long bytes) {
  if (!own) start();
  scratch *s = own;
  if (s->uses == most_uses) abort();
  bytes = (bytes + line - 1) / line * line;
  if (bytes > s->most_used) s->most_used = bytes;
  if (s->uses == 0 && s->size < s->most_used) {
    give_back(s->memory, s->size);
    s->memory = take(s->most_used);
    s->size = s->most_used;
  }
  const int i = s->uses++;
  s->use[i].bytes = bytes;
  s->use[i].own = NULL;
  if (s->used + bytes > s->size) {
    // What is left over lies idle until all have ended.
    const long idle = (s->used + page - 1) / page * page;
    if (s->size >= large && idle < s->size) madvise(s->memory + idle, (size_t)(s->size - idle), MADV_DONTNEED);
    s->use[i].own = take(bytes);
  }
  void *memory = s->use[i].own ? s->use[i].own : s->memory + s->used;
  s->used += bytes;
  if (s->used > s->most_used) s->most_used = s->used;
  return memory;
}

void descent_scratch_end(void) {
  scratch *s = own;
  const int i = --s->uses;
  if (s->use[i].own) give_back(s->use[i].own, s->use[i].bytes);
  s->used -= s->use[i].bytes;
}

long descent_scratch_most(void) { return own ? own->most_used : 0; }

static _Thread_local long held, most_held;

void descent_bytes_add(long bytes) {
  held += bytes;
  if (held > most_held) most_held = held;
}
long descent_bytes(void) { return held; }
long descent_bytes_peak(void) { return most_held; }
void descent_bytes_reset_peak(void) { most_held = held; }
