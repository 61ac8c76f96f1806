// Counts what the calling thread allocates, for tests.
#ifndef ALLOCATION_COUNTER_H
#define ALLOCATION_COUNTER_H

#include <stdbool.h>

// Whether allocations are counted on this platform: with glibc, and without an address sanitizer.
bool allocation_counter_works(void);
// How many blocks the calling thread has asked for since it began.
long allocation_count(void);
// How many bytes the calling thread has been given less those that it has freed.
long allocation_bytes(void);

#endif
