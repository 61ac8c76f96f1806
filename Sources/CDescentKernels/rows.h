// Loops over rows: softmax, cross-entropy, norms, and their derivatives.

#define LOWEST (-INFINITY)

INLINE float row_max(long n, const float *x) {
  vf m0 = splat(LOWEST), m1 = m0;
  long i = 0;
  for (; i + 2 * W <= n; i += 2 * W) {
    m0 = larger(load(x + i), m0);
    m1 = larger(load(x + i + W), m1);
  }
  for (; i + W <= n; i += W) m0 = larger(load(x + i), m0);
  if (i < n) m0 = larger(load_part(x + i, n - i, LOWEST), m0);
  return max_lanes(larger(m0, m1));
}

// Σ f(i) over a row in two accumulators of W lanes; the last vector may be partial.
#define ROW_SUM(n, full, part)                                 \
  ({                                                           \
    vf s0 = {}, s1 = {};                                       \
    long i = 0;                                                \
    for (; i + 2 * W <= (n); i += 2 * W) {                     \
      s0 += full(i);                                           \
      s1 += full(i + W);                                       \
    }                                                          \
    for (; i + W <= (n); i += W) s0 += full(i);                \
    if (i < (n)) s1 += part(i, (n) - i);                       \
    add_lanes(s0 + s1);                                        \
  })

static void k_softmax(long n, long valid, float scale, const float *x, float *y) {
  if (valid > 0) {
    // Subtracting scale·max keeps every exponent at or below 0 (for a negative scale the largest
    // scaled value is at the smallest x).
    float top;
    if (scale >= 0) {
      top = scale * row_max(valid, x);
    } else {
      top = scale * x[0];
      for (long j = 1; j < valid; j++) top = scale * x[j] > top ? scale * x[j] : top;
    }
    const vf s = splat(scale), m = splat(top);
    vf s0 = {}, s1 = {};
    long i = 0;
    for (; i + 2 * W <= valid; i += 2 * W) {
      const vf e0 = exp_v(load(x + i) * s - m), e1 = exp_v(load(x + i + W) * s - m);
      store(y + i, e0);
      store(y + i + W, e1);
      s0 += e0;
      s1 += e1;
    }
    for (; i + W <= valid; i += W) {
      const vf e0 = exp_v(load(x + i) * s - m);
      store(y + i, e0);
      s0 += e0;
    }
    float total = 0;
    if (i < valid) {
      const vf e = exp_v(load_part(x + i, valid - i, 0) * s - m);
      store_part(y + i, e, valid - i);
      s1 += load_part(y + i, valid - i, 0);
    }
    total = add_lanes(s0 + s1);
    k_multiply(valid, 1.0f / total, y, y);
  }
  if (valid < n) memset(y + valid, 0, (size_t)(n - valid) * sizeof(float));
}

static void k_softmax_backward(
    long n, long valid, float scale, const float *y, const float *dy, float *dx) {
#define FULL(i) (load(y + (i)) * load(dy + (i)))
#define PART(i, r) (load_part(y + (i), r, 0) * load_part(dy + (i), r, 0))
  const vf mean = splat(ROW_SUM(valid, FULL, PART)), s = splat(scale);
#undef FULL
#undef PART
  long i = 0;
  for (; i + W <= valid; i += W) store(dx + i, s * load(y + i) * (load(dy + i) - mean));
  if (i < valid) {
    const long r = valid - i;
    store_part(dx + i, s * load_part(y + i, r, 0) * (load_part(dy + i, r, 0) - mean), r);
  }
  if (valid < n) memset(dx + valid, 0, (size_t)(n - valid) * sizeof(float));
}

static float k_log_sum_exp(long n, const float *x) {
  const float m = row_max(n, x);
  if (!(m > -INFINITY)) {
    // All -∞, or nothing but NaN compares: let a NaN through.
    for (long i = 0; i < n; i++)
      if (x[i] != x[i]) return x[i];
    return m;
  }
  if (m == INFINITY) {
    for (long i = 0; i < n; i++)
      if (x[i] != x[i]) return x[i];
    return m;
  }
  const vf top = splat(m);
#define FULL(i) exp_v(load(x + (i)) - top)
#define PART(i, r) exp_v(load_part(x + (i), r, LOWEST) - top)
  return m + logf(ROW_SUM(n, FULL, PART));
#undef FULL
#undef PART
}

static void k_cross_entropy_backward(
    long n, const float *x, float lse, long target, float scale, float *dx) {
  const vf s = splat(scale), l = splat(lse);
  const float at_target = x[target];
  long i = 0;
  for (; i + W <= n; i += W) store(dx + i, s * exp_v(load(x + i) - l));
  if (i < n) store_part(dx + i, s * exp_v(load_part(x + i, n - i, 0) - l), n - i);
  // exp(x − lse) − 1 without cancellation matters when the target is nearly certain.
  dx[target] = scale * expm1f(at_target - lse);
}

static void k_layer_norm(
    long n, const float *x, const float *gain, const float *bias, float eps, float *y, float *mean,
    float *rstd) {
#define FULL(i) load(x + (i))
#define PART(i, r) load_part(x + (i), r, 0)
  const float mu = ROW_SUM(n, FULL, PART) / (float)n;
#undef FULL
#undef PART
  const vf m = splat(mu);
#define FULL(i) ({ const vf d = load(x + (i)) - m; d * d; })
#define PART(i, r) ({ const vf d = load_part(x + (i), r, mu) - m; d * d; })
  const float variance = ROW_SUM(n, FULL, PART) / (float)n;
#undef FULL
#undef PART
  const float inverse = 1.0f / __builtin_elementwise_sqrt(variance + eps);
  *mean = mu;
  *rstd = inverse;
  const vf s = splat(inverse), one = splat(1.0f), zero = splat(0.0f);
  long i = 0;
  for (; i + W <= n; i += W)
    store(y + i, (load(x + i) - m) * s * (gain ? load(gain + i) : one) +
                     (bias ? load(bias + i) : zero));
  if (i < n) {
    const long r = n - i;
    const vf g = gain ? load_part(gain + i, r, 0) : one;
    const vf b = bias ? load_part(bias + i, r, 0) : zero;
    store_part(y + i, (load_part(x + i, r, 0) - m) * s * g + b, r);
  }
}

// With d = dy·gain and h = (x − mean)·rstd: dx = rstd·(d − mean(d) − h·mean(d·h)).
static void k_layer_norm_backward(
    long n, const float *x, const float *gain, const float *dy, float mean, float rstd,
    float *dx) {
  const vf m = splat(mean), s = splat(rstd), one = splat(1.0f);
#define D(i) (load(dy + (i)) * (gain ? load(gain + (i)) : one))
#define D_PART(i, r) (load_part(dy + (i), r, 0) * (gain ? load_part(gain + (i), r, 0) : one))
  vf a0 = {}, b0 = {};
  long i = 0;
  for (; i + W <= n; i += W) {
    const vf d = D(i);
    a0 += d;
    b0 += d * ((load(x + i) - m) * s);
  }
  if (i < n) {
    const vf d = D_PART(i, n - i);
    a0 += d;
    b0 += d * ((load_part(x + i, n - i, 0) - m) * s);
  }
  const vf a = splat(add_lanes(a0) / (float)n), b = splat(add_lanes(b0) / (float)n);
  for (i = 0; i + W <= n; i += W)
    store(dx + i, s * (D(i) - a - (load(x + i) - m) * s * b));
  if (i < n) {
    const long r = n - i;
    store_part(dx + i, s * (D_PART(i, r) - a - (load_part(x + i, r, 0) - m) * s * b), r);
  }
}

static void k_layer_norm_gradients(
    long rows, long n, const float *x, const float *dy, const float *mean, const float *rstd,
    float *dgain, float *dbias) {
  for (long r = 0; r < rows; r++) {
    const float *xr = x + r * n, *dr = dy + r * n;
    const vf m = splat(mean[r]), s = splat(rstd[r]);
    long j = 0;
    for (; j + W <= n; j += W) {
      const vf d = load(dr + j);
      store(dgain + j, d * ((load(xr + j) - m) * s) + load(dgain + j));
      if (dbias) store(dbias + j, load(dbias + j) + d);
    }
    if (j < n) {
      const long p = n - j;
      const vf d = load_part(dr + j, p, 0);
      store_part(
          dgain + j, d * ((load_part(xr + j, p, 0) - m) * s) + load_part(dgain + j, p, 0), p);
      if (dbias) store_part(dbias + j, load_part(dbias + j, p, 0) + d, p);
    }
  }
}

static void k_rms_norm(
    long n, const float *x, const float *gain, float eps, float *y, float *rstd) {
#define FULL(i) ({ const vf d = load(x + (i)); d * d; })
#define PART(i, r) ({ const vf d = load_part(x + (i), r, 0); d * d; })
  const float square = ROW_SUM(n, FULL, PART) / (float)n;
#undef FULL
#undef PART
  const float inverse = 1.0f / __builtin_elementwise_sqrt(square + eps);
  *rstd = inverse;
  const vf s = splat(inverse), one = splat(1.0f);
  long i = 0;
  for (; i + W <= n; i += W) store(y + i, load(x + i) * s * (gain ? load(gain + i) : one));
  if (i < n) {
    const long r = n - i;
    store_part(y + i, load_part(x + i, r, 0) * s * (gain ? load_part(gain + i, r, 0) : one), r);
  }
}

// With d = dy·gain and h = x·rstd: dx = rstd·(d − h·mean(d·h)).
static void k_rms_norm_backward(
    long n, const float *x, const float *gain, const float *dy, float rstd, float *dx) {
  const vf s = splat(rstd), one = splat(1.0f);
#define FULL(i) (D(i) * (load(x + (i)) * s))
#define PART(i, r) (D_PART(i, r) * (load_part(x + (i), r, 0) * s))
  const vf b = splat(ROW_SUM(n, FULL, PART) / (float)n);
#undef FULL
#undef PART
  long i = 0;
  for (; i + W <= n; i += W) store(dx + i, s * (D(i) - load(x + i) * s * b));
  if (i < n) {
    const long r = n - i;
    store_part(dx + i, s * (D_PART(i, r) - load_part(x + i, r, 0) * s * b), r);
  }
}
#undef D
#undef D_PART

static void k_rms_norm_gradients(
    long rows, long n, const float *x, const float *dy, const float *rstd, float *dgain) {
  for (long r = 0; r < rows; r++) {
    const float *xr = x + r * n, *dr = dy + r * n;
    const vf s = splat(rstd[r]);
    long j = 0;
    for (; j + W <= n; j += W)
      store(dgain + j, load(dr + j) * (load(xr + j) * s) + load(dgain + j));
    if (j < n) {
      const long p = n - j;
      store_part(
          dgain + j,
          load_part(dr + j, p, 0) * (load_part(xr + j, p, 0) * s) + load_part(dgain + j, p, 0), p);
    }
  }
}
