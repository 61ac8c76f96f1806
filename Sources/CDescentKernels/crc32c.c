#include "descent_crc32c.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#if defined(__x86_64__)
#include <nmmintrin.h>
#elif defined(__ARM_FEATURE_CRC32)
#include <arm_acle.h>
#endif

// The reflected polynomial of Castagnoli, 1993.
enum { POLYNOMIAL = 0x82F63B78 };

// tables[k][b]: what byte b does to the sum k bytes later.
static uint32_t tables[8][256];

__attribute__((constructor)) static void fill_tables(void) {
  for (uint32_t b = 0; b < 256; b++) {
    uint32_t crc = b;
    for (int bit = 0; bit < 8; bit++) crc = crc >> 1 ^ (crc & 1 ? (uint32_t)POLYNOMIAL : 0);
    tables[0][b] = crc;
  }
  for (int k = 1; k < 8; k++)
    for (int b = 0; b < 256; b++)
      tables[k][b] = tables[k - 1][b] >> 8 ^ tables[0][tables[k - 1][b] & 0xFF];
}

uint32_t descent_crc32c_portable(uint32_t crc, long n, const void *bytes) {
  const uint8_t *p = bytes;
  crc = ~crc;
  for (; n >= 8; n -= 8, p += 8) {
    uint64_t word;
    memcpy(&word, p, 8);
    word ^= crc;
    crc = 0;
    for (int k = 0; k < 8; k++) crc ^= tables[7 - k][word >> 8 * k & 0xFF];
  }
  for (; n > 0; n--) crc = crc >> 8 ^ tables[0][(crc ^ *p++) & 0xFF];
  return ~crc;
}

#if defined(__x86_64__)
__attribute__((target("sse4.2"))) static uint32_t with_instructions(
    uint32_t crc, long n, const uint8_t *p) {
  uint64_t sum = (uint32_t)~crc;
  for (; n >= 8; n -= 8, p += 8) {
    uint64_t word;
    memcpy(&word, p, 8);
    sum = _mm_crc32_u64(sum, word);
  }
  uint32_t rest = (uint32_t)sum;
  for (; n > 0; n--) rest = _mm_crc32_u8(rest, *p++);
  return ~rest;
}
#elif defined(__ARM_FEATURE_CRC32)
static uint32_t with_instructions(uint32_t crc, long n, const uint8_t *p) {
  crc = ~crc;
  for (; n >= 8; n -= 8, p += 8) {
    uint64_t word;
    memcpy(&word, p, 8);
    crc = __crc32cd(crc, word);
  }
  for (; n > 0; n--) crc = __crc32cb(crc, *p++);
  return ~crc;
}
#endif

uint32_t descent_crc32c(uint32_t crc, long n, const void *bytes) {
#if defined(__x86_64__)
  if (__builtin_cpu_supports("sse4.2")) return with_instructions(crc, n, bytes);
#elif defined(__ARM_FEATURE_CRC32)
  return with_instructions(crc, n, bytes);
#endif
  return descent_crc32c_portable(crc, n, bytes);
}
