#if defined(__linux__) && !defined(_GNU_SOURCE)
#define _GNU_SOURCE
#endif
#include "descent_blas.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef void (*sgemm_function)(
    int order, int trans_a, int trans_b, int m, int n, int k, float alpha, const float *a, int lda,
    const float *b, int ldb, float beta, float *c, int ldc);

// Integers of 32 bits, as the libraries of these names have them.
typedef void (*dsyevd_function)(
    const char *job, const char *triangle, const int *n, double *a, const int *lda, double *values,
    double *work, const int *lwork, int *iwork, const int *liwork, int *info);

static struct {
  sgemm_function sgemm;
  dsyevd_function dsyevd;
  bool failed;
  char name[256];
  char path[1024];
  char problem[1536];
} blas;

static const char *const known[] = {
#if defined(__APPLE__)
    "/System/Library/Frameworks/Accelerate.framework/Accelerate",
#else
    "libopenblas.so.0", "libopenblas.so", "libblis.so.4", "libblis.so",
    "libmkl_rt.so.2",   "libmkl_rt.so",   "libblas.so.3",
#endif
};

// Makes a library of a known kind compute on the calling thread alone, and names it.
static bool identify(void *library) {
  void (*set_threads)(int);
  if ((set_threads = (void (*)(int))dlsym(library, "openblas_set_num_threads"))) {
    set_threads(1);
    const char *(*config)(void) = (const char *(*)(void))dlsym(library, "openblas_get_config");
    // "OpenBLAS 0.3.21 DYNAMIC_ARCH ...": name and version.
    snprintf(blas.name, sizeof blas.name, "%s", config ? config() : "OpenBLAS");
    char *space = strchr(blas.name, ' ');
    if (space && (space = strchr(space + 1, ' '))) *space = 0;
    return true;
  }
  if ((set_threads = (void (*)(int))dlsym(library, "MKL_Set_Num_Threads"))) {
    set_threads(1);
    void (*version)(char *, int) = (void (*)(char *, int))dlsym(library, "MKL_Get_Version_String");
    snprintf(blas.name, sizeof blas.name, "MKL");
    if (version) {
      version(blas.name, (int)sizeof blas.name - 1);
      for (size_t end = strlen(blas.name); end > 0 && blas.name[end - 1] == ' '; end--)
        blas.name[end - 1] = 0;
    }
    return true;
  }
  // BLIS counts in its own integer, 64 bits wide unless configured otherwise.
  void (*set_blis_threads)(long) = (void (*)(long))dlsym(library, "bli_thread_set_num_threads");
  if (set_blis_threads) {
    set_blis_threads(1);
    const char *(*version)(void) =
        (const char *(*)(void))dlsym(library, "bli_info_get_version_str");
    snprintf(blas.name, sizeof blas.name, "BLIS %s", version ? version() : "");
    return true;
  }
#if defined(__APPLE__)
  // BLASSetThreading(BLAS_THREADING_SINGLE_THREADED)
  int (*set_threading)(unsigned) = (int (*)(unsigned))dlsym(library, "BLASSetThreading");
  if (set_threading) set_threading(1);
  snprintf(blas.name, sizeof blas.name, "Accelerate");
  return true;
#else
  return false;
#endif
}

// Null when the library serves, else why not.
static const char *use(const char *file, bool named) {
  void *library = dlopen(file, RTLD_NOW | RTLD_LOCAL);
  if (!library) return dlerror();
  sgemm_function sgemm = (sgemm_function)dlsym(library, "cblas_sgemm");
  if (!sgemm) {
    dlclose(library);
    return "it has no function cblas_sgemm";
  }
  // A library that was asked for by name is used whatever it is.
  if (!identify(library)) {
    if (!named) {
      dlclose(library);
      return "its threads cannot be controlled";
    }
    snprintf(blas.name, sizeof blas.name, "BLAS");
  }
  blas.sgemm = sgemm;
  blas.dsyevd = (dsyevd_function)dlsym(library, "dsyevd_");
  snprintf(blas.path, sizeof blas.path, "%s", file);
  Dl_info info;
  if (dladdr((void *)sgemm, &info) && info.dli_fname)
    snprintf(blas.path, sizeof blas.path, "%s", info.dli_fname);
  return NULL;
}

static void find(void) {
  const char *asked = getenv("DESCENT_BLAS");
  if (asked && strcmp(asked, "auto") == 0) asked = NULL;
  if (asked && *asked) {
    if (strcmp(asked, "none") == 0) {
      snprintf(blas.problem, sizeof blas.problem, "DESCENT_BLAS=none");
      return;
    }
    const char *reason = use(asked, true);
    if (reason) {
      blas.failed = true;
      snprintf(
          blas.problem, sizeof blas.problem, "DESCENT_BLAS=%.512s cannot be used: %.960s", asked,
          reason);
    }
    return;
  }
  for (size_t i = 0; i < sizeof known / sizeof *known; i++)
    if (!use(known[i], false)) return;
  snprintf(blas.problem, sizeof blas.problem, "no OpenBLAS, BLIS or MKL was found");
}

static void ensure(void) {
  static pthread_once_t once = PTHREAD_ONCE_INIT;
  pthread_once(&once, find);
}

bool descent_blas_found(void) { ensure(); return blas.sgemm != NULL; }
bool descent_blas_failed(void) { ensure(); return blas.failed; }
const char *descent_blas_name(void) { ensure(); return blas.name; }
const char *descent_blas_path(void) { ensure(); return blas.path; }
const char *descent_blas_problem(void) { ensure(); return blas.problem; }

bool descent_lapack_found(void) { ensure(); return blas.dsyevd != NULL; }

int descent_lapack_eigen(long n, double *a, double *values) {
  const int size = (int)n, ask = -1;
  double work_size;
  int iwork_size, info;
  // The rows of a symmetric matrix are its columns; eigenvectors come as columns of LAPACK's.
  blas.dsyevd("V", "L", &size, a, &size, values, &work_size, &ask, &iwork_size, &ask, &info);
  if (info != 0) return info;
  const int lwork = (int)work_size;
  double *work = malloc(sizeof(double) * (size_t)lwork);
  int *iwork = malloc(sizeof(int) * (size_t)iwork_size);
  info = -1;
  if (work && iwork)
    blas.dsyevd("V", "L", &size, a, &size, values, work, &lwork, iwork, &iwork_size, &info);
  free(work);
  free(iwork);
  return info;
}

void descent_blas_multiply(
    bool trans_a, bool trans_b, long m, long n, long k, float alpha, const float *a, long lda,
    const float *b, long ldb, float beta, float *c, long ldc) {
  if (k == 0) {  // libraries differ
    for (long i = 0; i < m; i++)
      for (long j = 0; j < n; j++) c[i * ldc + j] = beta == 0 ? 0 : beta * c[i * ldc + j];
    return;
  }
  enum { row_major = 101, plain = 111, transposed = 112 };
  blas.sgemm(
      row_major, trans_a ? transposed : plain, trans_b ? transposed : plain, (int)m, (int)n, (int)k,
      alpha, a, (int)lda, b, (int)ldb, beta, c, (int)ldc);
}
