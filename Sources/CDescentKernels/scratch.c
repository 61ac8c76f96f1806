#include <pthread.h>
#include <stdlib.h>

#include "descent_pool.h"

// A block for each depth of nesting: one that is in use never moves while another grows.
enum { most_uses = 32 };

typedef struct {
  struct {
    void *memory;
    long bytes;
  } blocks[most_uses];
  int uses;
} scratch;

static _Thread_local scratch *own;
static pthread_key_t key;
static pthread_once_t once = PTHREAD_ONCE_INIT;

// When a thread ends.
static void release(void *ended) {
  scratch *s = ended;
  for (int i = 0; i < most_uses; i++) free(s->blocks[i].memory);
  free(s);
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
  if (own->uses == most_uses) abort();
  const int i = own->uses++;
  if (own->blocks[i].bytes < bytes) {
    free(own->blocks[i].memory);
    if (posix_memalign(&own->blocks[i].memory, 128, (size_t)bytes) != 0) abort();
    own->blocks[i].bytes = bytes;
  }
  return own->blocks[i].memory;
}

void descent_scratch_end(void) { own->uses--; }

static _Thread_local long held, most_held;

void descent_bytes_add(long bytes) {
  held += bytes;
  if (held > most_held) most_held = held;
}
long descent_bytes(void) { return held; }
long descent_bytes_peak(void) { return most_held; }
void descent_bytes_reset_peak(void) { most_held = held; }
