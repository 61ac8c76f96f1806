// Eigenvalues and eigenvectors of a symmetric tridiagonal matrix, by divide and conquer: a part of
// decompositions.c, whose tasks and products it uses.

// Implicit QL with Wilkinson's shift: makes the n × n matrix of d and e diagonal by rotations, which
// also act on rows of q, of `width` elements. False where it does not end.
static bool diagonalize(
    const descent_kernels *k, long n, double *d, double *e, double *q, long ld, long width) {
  for (long l = 0; l < n; l++)
    for (int attempts = 0;; attempts++) {
      long m = l;
      while (m < n - 1 && fabs(e[m]) > DBL_EPSILON * (fabs(d[m]) + fabs(d[m + 1]))) m++;
      if (m == l) break;
      if (attempts == 100) return false;
      const double apart = (d[l + 1] - d[l]) / (2 * e[l]), length = hypot(apart, 1);
      double g = d[m] - d[l] + e[l] / (apart + (apart >= 0 ? length : -length));
      double c = 1, s = 1, p = 0;
      long i = m - 1;
      for (; i >= l; i--) {
        const double f = s * e[i], b = c * e[i], r = hypot(f, g);
        e[i + 1] = r;
        if (r == 0) {
          // The matrix falls apart here: start over with the parts.
          d[i + 1] -= p;
          e[m] = 0;
          break;
        }
        s = f / r;
        c = g / r;
        g = d[i + 1] - p;
        const double t = (d[i] - g) * s + 2 * c * b;
        p = s * t;
        d[i + 1] = g + p;
        g = c * t - b;
        k->rotate_double(width, c, s, q + i * ld, q + (i + 1) * ld);
      }
      if (i >= l) continue;
      d[l] -= p;
      e[l] = g;
      e[m] = 0;
    }
  return true;
}

// The divide and conquer. Of a part lo..<hi, the rows and columns lo..<hi of q are its eigenvectors, as
// rows in some order, d its eigenvalues, and index their order, counted from lo.
typedef struct {
  const descent_kernels *k;
  long n;
  double *q, *g, *s;        // n × n
  double *d, *e;            // n
  double *z, *poles, *weights, *found;  // n
  long *index, *order, *place;          // n
  long *bounds, *wide;                  // n + 1: of leaves, and of the parts that are merged
  char *kind;               // n
  bool *failed;             // n
} division;

static TASK solve_leaf(long t, CONTEXT context) {
  const division *v = context;
  const long lo = v->bounds[t], n = v->bounds[t + 1] - lo;
  double *q = v->q + lo * v->n + lo, *d = v->d + lo, e[LEAF];
  for (long i = 0; i < n; i++) {
    memset(q + i * v->n, 0, sizeof(double) * (size_t)n);
    q[i * v->n + i] = 1;
    e[i] = i + 1 < n ? v->e[lo + i] : 0;
  }
  v->failed[lo] = !diagonalize(v->k, n, d, e, q, v->n, n);
  long *index = v->index + lo;
  for (long i = 0; i < n; i++) {
    long j = i;
    for (; j > 0 && d[index[j - 1]] > d[i]; j--) index[j] = index[j - 1];
    index[j] = i;
  }
}

// A diagonal matrix plus ρ·z·zᵀ, ρ > 0, with ascending poles.
typedef struct {
  const division *v;
  long lo, count, strip;
  double rho;
} secular;

// The root beyond pole i: λ, and in `apart` the distances of all poles from it.
//
// f(λ) = 1/ρ + Σ zⱼ²/(poleⱼ − λ) is approached by a function with poles at both neighbours and the sums'
// values and slopes, beside an interval that the root is in.
static bool solve_secular(
    const descent_kernels *k, long count, long i, double rho, const double *poles, const double *z,
    double *apart, double *value) {
  const bool last = i == count - 1;
  const double inverse = 1 / rho;
  // Sums up to here have poles below the root.
  const long below = last ? count - 1 : i + 1, left = last ? count - 2 : i, right = left + 1;
  long origin = i;
  double low = 0, high, x;
  if (count == 1) {
    *value = poles[0] + rho * z[0] * z[0];
    apart[0] = -rho * z[0] * z[0];
    return true;
  }
  const double gap = poles[right] - poles[left];
  const double z0 = z[left] * z[left], z1 = z[right] * z[right];
  if (!last) {
    const double middle = gap / 2;
    for (long j = 0; j < count; j++) apart[j] = poles[j] - poles[i];
    const double rest = inverse + k->secular_sums(left, apart, z, middle).first +
        k->secular_sums(count - right - 1, apart + right + 1, z + right + 1, middle).first;
    const double f = rest - z0 / middle + z1 / (gap - middle);
    if (f >= 0) {
      high = middle;
      const double a = rest * gap + z0 + z1, b = z0 * gap;
      const double root = sqrt(fabs(a * a - 4 * b * rest));
      x = a > 0 ? 2 * b / (a + root) : (a - root) / (2 * rest);
    } else {
      origin = right;
      low = -middle;
      high = 0;
      const double a = rest * gap - z0 - z1, b = z1 * gap;
      const double root = sqrt(fabs(a * a + 4 * b * rest));
      x = a < 0 ? 2 * b / (a - root) : -(a + root) / (2 * rest);
    }
  } else {
    high = rho * k->dot_double(count, z, z) * (1 + 16 * DBL_EPSILON);
    for (long j = 0; j < count; j++) apart[j] = poles[j] - poles[i];
    const double rest = inverse + k->secular_sums(left, apart, z, high / 2).first;
    const double a = z0 + z1 - rest * gap, b = z1 * gap, root = sqrt(a * a + 4 * b * rest);
    x = a < 0 ? 2 * b / (root - a) : (a + root) / (2 * rest);
  }
  if (origin != i)
    for (long j = 0; j < count; j++) apart[j] = poles[j] - poles[origin];
  for (int attempts = 0;; attempts++) {
    if (!(x > low && x < high)) x = low + (high - low) / 2;
    const descent_sums under = k->secular_sums(below, apart, z, x);
    const descent_sums over = k->secular_sums(count - below, apart + below, z + below, x);
    const double f = inverse + under.first + over.first, slope = under.second + over.second;
    const double size = inverse + fabs(under.first) + fabs(over.first);
    if (fabs(f) <= DBL_EPSILON * (8 * size + fabs(x) * slope)) break;
    if (f < 0) low = x; else high = x;
    const double l = apart[left] - x, r = apart[right] - x;
    double step;
    if (attempts % 8 == 7) {
      step = low + (high - low) / 2 - x;
    } else {
      const double a = (l + r) * f - l * r * slope, b = l * r * f;
      double c = f - l * under.second - r * over.second;
      if (last) {
        c = fabs(c);
        const double root = sqrt(fabs(a * a - 4 * b * c));
        step = c == 0 ? high - x : a >= 0 ? (a + root) / (2 * c) : 2 * b / (a - root);
      } else {
        const double root = sqrt(fabs(a * a - 4 * b * c));
        step = c == 0 ? b / a : a <= 0 ? (a - root) / (2 * c) : 2 * b / (a + root);
      }
      if (f * step >= 0) step = -f / slope;
    }
    double next = x + step;
    if (!(next > low && next < high)) next = low + (high - low) / 2;
    if (next == x || next == low || next == high) break;
    if (attempts == 200) return false;
    x = next;
  }
  for (long j = 0; j < count; j++) apart[j] -= x;
  *value = poles[origin] + x;
  return true;
}

static TASK find_roots(long s, CONTEXT context) {
  const secular *c = context;
  const division *v = c->v;
  const long lo = c->lo, end = least((s + 1) * c->strip, c->count);
  for (long i = s * c->strip; i < end; i++)
    if (!solve_secular(
            v->k, c->count, i, c->rho, v->poles + lo, v->z + lo, v->s + (lo + i) * v->n + lo,
            v->found + lo + i))
      v->failed[lo + i] = true;
}

// The z that has exactly the roots that were found, so that the vectors are orthogonal.
static TASK find_weights(long s, CONTEXT context) {
  const secular *c = context;
  const division *v = c->v;
  const long lo = c->lo, from = s * c->strip, end = least(from + c->strip, c->count);
  const double *poles = v->poles + lo, *apart = v->s + lo * v->n + lo;
  double *w = v->weights + lo;
  for (long j = from; j < end; j++) w[j] = apart[j * v->n + j];
  for (long i = 0; i < c->count; i++) {
    const double *x = apart + i * v->n;
    // Beside pole i itself.
    const long before = i < from ? from : least(i, end), after = i < from ? from : least(i + 1, end);
    v->k->scale_by_quotients(before - from, x + from, poles + from, poles[i], w + from);
    v->k->scale_by_quotients(end - after, x + after, poles + after, poles[i], w + after);
  }
  for (long j = from; j < end; j++) w[j] = copysign(sqrt(fabs(w[j])), v->z[lo + j]);
}

static TASK find_vectors(long s, CONTEXT context) {
  const secular *c = context;
  const division *v = c->v;
  const long lo = c->lo, end = least((s + 1) * c->strip, c->count);
  double *sorted = descent_scratch_begin((long)sizeof(double) * c->count);
  for (long i = s * c->strip; i < end; i++) {
    double *x = v->s + (lo + i) * v->n + lo;
    const double scale = 1 / sqrt(v->k->quotients(c->count, v->weights + lo, x));
    for (long j = 0; j < c->count; j++) sorted[v->place[lo + j]] = x[j] * scale;
    memcpy(x, sorted, sizeof(double) * (size_t)c->count);
  }
  descent_scratch_end();
}

// Puts two parts together, which were cut apart at the element e before `mid`.
static void merge(const division *v, long lo, long mid, long hi) {
  enum { upper = 0, both = 1, lower = 2, deflated = 3 };
  const descent_kernels *k = v->k;
  const long n1 = mid - lo, size = hi - lo, ld = v->n;
  double *q = v->q + lo * ld + lo, *g = v->g + lo * ld + lo, *d = v->d + lo, *z = v->z + lo;
  double *poles = v->poles + lo, *found = v->found + lo;
  long *index = v->index + lo, *order = v->order + lo, *place = v->place + lo;
  char *kind = v->kind + lo;
  const double e = v->e[mid - 1], rho = 2 * fabs(e);
  // A = diag(d) + ρ·z·zᵀ in the eigenvectors of both parts.
  double most_z = 0, most_d = 0;
  for (long i = 0; i < size; i++) {
    const bool first = i < n1;
    z[i] = (first ? q[i * ld + n1 - 1] : q[i * ld + n1]) * M_SQRT1_2;
    if (!first && e < 0) z[i] = -z[i];
    kind[i] = first ? upper : lower;
    most_z = greater(most_z, fabs(z[i]));
    most_d = greater(most_d, fabs(d[i]));
    // What a rotation of rows of both parts may fill.
    memset(q + i * ld + (first ? n1 : 0), 0, sizeof(double) * (size_t)(first ? size - n1 : n1));
  }
  long i = 0, j = n1;
  for (long t = 0; t < size; t++) {
    const bool first = j == size || (i < n1 && d[index[i]] <= d[n1 + index[j]]);
    order[t] = first ? index[i++] : n1 + index[j++];
  }
  // What is not moved by more than rounding is an eigenvector already: where z is small, and where two
  // poles are so close that a rotation makes one z zero.
  const double tolerance = 8 * DBL_EPSILON * greater(most_d, most_z);
  long count = 0, last = size, pending = -1;
  for (long t = 0; t < size; t++) {
    const long now = order[t];
    if (rho * fabs(z[now]) <= tolerance) {
      kind[now] = deflated;
      place[--last] = now;
      continue;
    }
    if (pending >= 0) {
      const double length = hypot(z[now], z[pending]), c = z[now] / length, s = -z[pending] / length;
      const double gap = d[now] - d[pending];
      if (fabs(gap * c * s) <= tolerance) {
        z[now] = length;
        z[pending] = 0;
        if (kind[now] != kind[pending]) kind[now] = both;
        kind[pending] = deflated;
        k->rotate_double(size, c, -s, q + pending * ld, q + now * ld);
        const double moved = d[pending] * c * c + d[now] * s * s;
        d[now] = d[pending] * s * s + d[now] * c * c;
        d[pending] = moved;
        place[--last] = pending;
      } else {
        place[count++] = pending;
      }
    }
    pending = now;
  }
  if (pending >= 0) place[count++] = pending;
  if (count == 0) {
    memcpy(index, order, sizeof(long) * (size_t)size);
    return;
  }
  // The rows in use, those of the upper part first; then the deflated ones.
  long begins[4] = {0, 0, 0, 0};
  for (long t = 0; t < count; t++) begins[kind[place[t]] + 1]++;
  begins[2] += begins[1];
  begins[3] += begins[2];
  const long uppers = begins[2], lowers = begins[1];
  for (long t = 0; t < size; t++) {
    const long from = place[t], to = t < count ? begins[(int)kind[from]]++ : t;
    memcpy(g + to * ld, q + from * ld, sizeof(double) * (size_t)size);
    found[t] = d[from];
    v->weights[lo + t] = z[from];
    place[t] = to;
  }
  memcpy(d, found, sizeof(double) * (size_t)size);
  memcpy(poles, found, sizeof(double) * (size_t)count);
  memcpy(z, v->weights + lo, sizeof(double) * (size_t)count);

  secular c = {v, lo, count, count < 64 ? count : 32, rho};
  const long strips = (count + c.strip - 1) / c.strip;
  run(strips, find_roots, &c);
  run(strips, find_weights, &c);
  run(strips, find_vectors, &c);
  const double *s = v->s + lo * ld + lo;
  descent_multiply_double(
      false, false, count, n1, uppers, 1, s, ld, g, ld, 0, q, ld);
  descent_multiply_double(
      false, false, count, size - n1, count - lowers, 1, s + lowers, ld, g + lowers * ld + n1, ld, 0,
      q + n1, ld);
  for (long t = count; t < size; t++)
    memcpy(q + t * ld, g + t * ld, sizeof(double) * (size_t)size);
  memcpy(d, found, sizeof(double) * (size_t)count);

  // The order of all: that of the roots is known, the others are sorted in.
  for (long t = 0; t < size; t++) {
    long to = t;
    for (; to > 0 && d[index[to - 1]] > d[t]; to--) index[to] = index[to - 1];
    index[to] = t;
  }
}

static TASK merge_pair(long t, CONTEXT context) {
  const division *v = context;
  merge(v, v->wide[2 * t], v->wide[2 * t + 1], v->wide[2 * t + 2]);
}

// Eigenvalues and eigenvectors of the tridiagonal matrix of d and e; see `division`.
static bool divide_and_conquer(const division *v) {
  const long n = v->n;
  long parts = 1;
  v->bounds[0] = 0;
  v->bounds[1] = n;
  while ((n + parts - 1) / parts > LEAF) {
    for (long t = parts; t > 0; t--) v->bounds[2 * t] = v->bounds[t];
    parts *= 2;
    for (long t = 1; t < parts; t += 2)
      v->bounds[t] = (v->bounds[t - 1] + v->bounds[t + 1]) / 2;
  }
  for (long t = 1; t < parts; t++) {
    const long at = v->bounds[t];
    v->d[at - 1] -= fabs(v->e[at - 1]);
    v->d[at] -= fabs(v->e[at - 1]);
  }
  run(parts, solve_leaf, v);
  for (long step = 1; step < parts; step *= 2) {
    const long count = parts / step;
    for (long t = 0; t <= count; t++) v->wide[t] = v->bounds[t * step];
    // Few merges have all threads one after another.
    if (count / 2 >= 4) {
      run(count / 2, merge_pair, v);
    } else {
      for (long t = 0; t < count / 2; t++) merge_pair(t, v);
    }
  }
  for (long i = 0; i < n; i++)
    if (v->failed[i]) return false;
  return true;
}
