// All loops, written once over vectors of VECTOR_BYTES and compiled for each
// instruction set (see kernels_*.c). No include guard: included once by each.
//
// The order of evaluation is fixed by the vector width alone: a reduction runs in lanes (element
// i goes to lane i mod width of accumulator (i / width) mod 4), and lanes are added in halves.

#include "descent_pool.h"
#include "vectors.h"
#include "elements.h"
#include "rows.h"
#include "images.h"
#include "halves.h"
#include "tapered.h"
#include "codes.h"
#include "random.h"
#include "weights.h"
#include "matrix.h"
#include "patches.h"
#include "double.h"
#include "updates.h"
#include "sums.h"
#include "table.h"
