#if defined(__linux__) && !defined(_GNU_SOURCE)
#define _GNU_SOURCE
#endif
#include "descent_pool.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

enum { most_threads = 256 };

// How long a waiting thread spins before it sleeps. Operations of a training step follow each
// other within a few microseconds, and waking a sleeper costs as much as a small operation.
static const int64_t spin_nanoseconds = 40000;

long descent_processors(void) {
#if defined(__linux__)
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof set, &set) == 0 && CPU_COUNT(&set) > 0) return CPU_COUNT(&set);
#endif
  long online = sysconf(_SC_NPROCESSORS_ONLN);
  return online > 0 ? online : 1;
}

// The tasks that one participant starts with: the same share in every run, so that a thread
// finds in its cache what it wrote in the run before. Idle threads take from other shares.
typedef struct {
  _Alignas(128) _Atomic long next;
  long end;
} share;

static struct {
  // The job: written by the caller while `open` is false and `inside` is zero.
  descent_task task;
  const void *context;
  long participants;
  share shares[most_threads];

  _Alignas(128) _Atomic uint64_t generation;  // counts jobs; workers wait for it to change
  _Alignas(128) _Atomic bool open;            // workers may join the current job
  _Alignas(128) _Atomic long inside;          // workers that may touch the current job
  _Alignas(128) _Atomic long sleepers;        // workers asleep on `wake`
  _Atomic bool caller_sleeps;                 // the caller sleeps on `done`
  _Atomic bool stop;                          // workers end
  _Atomic bool may_spin;
  _Atomic long wanted;                        // threads asked for; 0: one per processor

  pthread_mutex_t running;  // held by the thread whose job it is
  pthread_mutex_t sleep;
  pthread_cond_t wake;
  pthread_cond_t done;
  pthread_t workers[most_threads];
  long started;  // workers that exist
} pool = {
    .running = PTHREAD_MUTEX_INITIALIZER,
    .sleep = PTHREAD_MUTEX_INITIALIZER,
    .wake = PTHREAD_COND_INITIALIZER,
    .done = PTHREAD_COND_INITIALIZER,
};

static _Thread_local bool in_task;

static int64_t now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static inline void pause_briefly(void) {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  __asm__ volatile("isb");
#endif
}

// Spins until `condition` holds; leaves the loop when the time is over or spinning is forbidden.
#define SPIN_UNTIL(condition)                                                     \
  if (atomic_load_explicit(&pool.may_spin, memory_order_relaxed)) {               \
    const int64_t start = now();                                                  \
    for (int i = 1; !(condition); i++) {                                          \
      pause_briefly();                                                            \
      if (i % 32 == 0 && now() - start > spin_nanoseconds) break;                 \
    }                                                                             \
  }

static void take_tasks(long participant) {
  in_task = true;
  const long participants = pool.participants;
  const descent_task task = pool.task;
  const void *context = pool.context;
  for (long k = 0; k < participants; k++) {
    long owner = participant + k;
    if (owner >= participants) owner -= participants;
    share *s = &pool.shares[owner];
    while (atomic_load_explicit(&s->next, memory_order_relaxed) < s->end) {
      const long i = atomic_fetch_add_explicit(&s->next, 1, memory_order_relaxed);
      if (i >= s->end) break;
      task(i, context);
    }
  }
  in_task = false;
}

static void *work(void *argument) {
  const long participant = (long)(intptr_t)argument;
  uint64_t seen = 0;
  for (;;) {
    SPIN_UNTIL(atomic_load(&pool.generation) != seen);
    if (atomic_load(&pool.generation) == seen) {
      pthread_mutex_lock(&pool.sleep);
      atomic_fetch_add(&pool.sleepers, 1);
      while (atomic_load(&pool.generation) == seen) pthread_cond_wait(&pool.wake, &pool.sleep);
      atomic_fetch_sub(&pool.sleepers, 1);
      pthread_mutex_unlock(&pool.sleep);
    }
    if (atomic_load(&pool.stop)) return NULL;
    atomic_fetch_add(&pool.inside, 1);
    // Read after joining: the job seen now cannot change before this worker has left.
    seen = atomic_load(&pool.generation);
    if (atomic_load(&pool.open) && participant < pool.participants) take_tasks(participant);
    if (atomic_fetch_sub(&pool.inside, 1) == 1 && atomic_load(&pool.caller_sleeps)) {
      pthread_mutex_lock(&pool.sleep);
      pthread_cond_signal(&pool.done);
      pthread_mutex_unlock(&pool.sleep);
    }
  }
}

// Tells sleeping workers that the generation has changed; at most `count` of them.
static void wake_sleepers(long count) {
  if (atomic_load(&pool.sleepers) == 0) return;
  pthread_mutex_lock(&pool.sleep);
  if (count < atomic_load(&pool.sleepers))
    for (long i = 0; i < count; i++) pthread_cond_signal(&pool.wake);
  else
    pthread_cond_broadcast(&pool.wake);
  pthread_mutex_unlock(&pool.sleep);
}

// Ends and starts workers until there are `threads - 1`; called with `running` held.
static void resize(long threads) {
  if (pool.started == threads - 1) return;
  if (pool.started > threads - 1) {
    atomic_store(&pool.stop, true);
    atomic_fetch_add(&pool.generation, 1);
    wake_sleepers(most_threads);
    for (long i = 0; i < pool.started; i++) pthread_join(pool.workers[i], NULL);
    pool.started = 0;
    atomic_store(&pool.stop, false);
  }
  atomic_store(&pool.may_spin, threads <= descent_processors());
  // A new worker has seen generation 0: it joins the present job, or finds it closed.
  while (pool.started < threads - 1) {
    void *participant = (void *)(intptr_t)(pool.started + 1);
    if (pthread_create(&pool.workers[pool.started], NULL, work, participant) != 0) break;
    pool.started++;
  }
}

long descent_pool_threads(void) {
  const long wanted = atomic_load(&pool.wanted);
  if (wanted > 0) return wanted;
  const long processors = descent_processors();
  return processors < most_threads ? processors : most_threads;
}

void descent_pool_set_threads(long threads) {
  if (threads < 1) threads = 1;
  if (threads > most_threads) threads = most_threads;
  atomic_store(&pool.wanted, threads);
}

__attribute__((swiftcall)) void descent_pool_run(
    long count, descent_task task, const void *context) {
  if (count > 1 && !in_task) {
    if (atomic_load_explicit(&pool.wanted, memory_order_relaxed) == 0)
      descent_pool_set_threads(descent_pool_threads());
    if (atomic_load(&pool.wanted) > 1 && pthread_mutex_trylock(&pool.running) == 0) {
      resize(atomic_load(&pool.wanted));
      const long participants = pool.started + 1 < count ? pool.started + 1 : count;
      pool.task = task;
      pool.context = context;
      pool.participants = participants;
      for (long p = 0; p < participants; p++) {
        pool.shares[p].end = (p + 1) * count / participants;
        atomic_store_explicit(
            &pool.shares[p].next, p * count / participants, memory_order_relaxed);
      }
      atomic_store(&pool.open, true);
      atomic_fetch_add(&pool.generation, 1);
      wake_sleepers(participants - 1);
      take_tasks(0);
      atomic_store(&pool.open, false);
      SPIN_UNTIL(atomic_load(&pool.inside) == 0);
      if (atomic_load(&pool.inside) != 0) {
        pthread_mutex_lock(&pool.sleep);
        atomic_store(&pool.caller_sleeps, true);
        while (atomic_load(&pool.inside) != 0) pthread_cond_wait(&pool.done, &pool.sleep);
        atomic_store(&pool.caller_sleeps, false);
        pthread_mutex_unlock(&pool.sleep);
      }
      pthread_mutex_unlock(&pool.running);
      return;
    }
  }
  for (long i = 0; i < count; i++) task(i, context);
}
