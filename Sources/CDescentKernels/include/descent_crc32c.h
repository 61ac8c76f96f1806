// The checksum CRC-32C (Castagnoli), as iSCSI, ext4 and TFRecord have it.
#ifndef DESCENT_CRC32C_H
#define DESCENT_CRC32C_H

#include <stdint.h>

#pragma clang assume_nonnull begin

// The checksum of bytes that follow others whose checksum is `crc`; 0 for none.
uint32_t descent_crc32c(uint32_t crc, long n, const void *bytes);
// The same without the processor's instructions for it.
uint32_t descent_crc32c_portable(uint32_t crc, long n, const void *bytes);

#pragma clang assume_nonnull end

#endif
