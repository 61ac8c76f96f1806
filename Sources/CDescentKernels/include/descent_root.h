// Square roots that never touch errno, so that loops around them vectorize.
#ifndef DESCENT_ROOT_H
#define DESCENT_ROOT_H

static inline float descent_root_f32(float x) { return __builtin_elementwise_sqrt(x); }
static inline double descent_root_f64(double x) { return __builtin_elementwise_sqrt(x); }

#endif
