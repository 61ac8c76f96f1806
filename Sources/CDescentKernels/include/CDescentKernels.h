// What Swift cannot express: an errno-free square root, a thread pool without allocation, and
// loops compiled for several instruction sets.
#ifndef CDESCENTKERNELS_H
#define CDESCENTKERNELS_H

#include "descent_blas.h"
#include "descent_crc32c.h"
#include "descent_decompositions.h"
#include "descent_kernels.h"
#include "descent_pool.h"
#include "descent_root.h"

#endif
