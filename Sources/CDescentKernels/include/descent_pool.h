// A pool of threads that runs numbered tasks; nothing is allocated by a run.
#ifndef DESCENT_POOL_H
#define DESCENT_POOL_H

// Processors that this process may run on, at least 1.
long descent_processors(void);

// The number of threads that share the next run, the caller included (1...256).
long descent_pool_threads(void);
void descent_pool_set_threads(long threads);

// Memory to be given back by free(). Where the system has none, the process ends with a sentence that says so.
void *_Nonnull descent_allocate(long bytes, long alignment);

// From now on, large blocks that are freed go back to the system at once, where malloc can be told so.
void descent_return_large_blocks(void);

// Memory of the calling thread, at least `bytes` > 0 long and aligned to 128, until the matching
// end. Uses may be nested, 32 deep; as much as they ever took together is kept until the thread ends.
void *_Nonnull descent_scratch_begin(long bytes);
void descent_scratch_end(void);
// The most that the calling thread ever had in use, which it keeps.
long descent_scratch_most(void);

// Copies bytes that nobody reads soon: past the caches, without reading what is overwritten. The two
// places do not overlap.
void descent_copy_past_caches(void *_Nonnull to, const void *_Nonnull from, long bytes);

// Bytes that the calling thread holds of something, and the most since its last reset.
void descent_bytes_add(long bytes);
long descent_bytes(void);
long descent_bytes_peak(void);
void descent_bytes_reset_peak(void);

// A Swift closure `(Int) -> Void` as Swift passes it: code, and a context for a register of its
// own. Taken this way a closure that does not escape needs neither a box nor reference counts.
typedef __attribute__((swiftcall)) void (*descent_task)(
    long index, __attribute__((swift_context)) const void *_Nullable context);

// Calls task(i) once for every i in 0..<count, on the caller and the workers, and returns when
// all have ended. Inside a task, or while another thread has the pool, the tasks run in order on
// the calling thread. (Declared for Swift in ThreadPool.swift.)
__attribute__((swiftcall)) void descent_pool_run(
    long count, descent_task _Nonnull task, const void *_Nullable context);

#endif
