// Counts what the calling thread allocates, for tests.
#ifndef ALLOCATION_COUNTER_H
#define ALLOCATION_COUNTER_H

#include <stdbool.h>

// Whether allocations are counted on this platform: with glibc, and without an address sanitizer.
bool allocation_counter_works(void);
// How many blocks the calling thread has asked for since it began.
long allocation_count(void);
// How many bytes of the heap are in use by the whole process; 0 where that is not known.
unsigned long allocation_bytes_in_use(void);

#endif
