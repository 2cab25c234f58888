/* crc64: CRC-64 of ISO 3309, the checksum tar-split keeps for each file's data.
 *
 * Reflected, polynomial x^64 + x^4 + x^3 + x + 1, initial value and final xor all ones: what Go calls
 * crc64.ISO. Any thread may call it. */
#ifndef BUD_STORE_CRC64_H
#define BUD_STORE_CRC64_H

#include <stddef.h>
#include <stdint.h>

/* The CRC of no bytes. */
#define CRC64_INIT 0

/* CRC is that of the bytes before DATA; the result is that of them all. */
uint64_t crc64_update(uint64_t crc, const void *data, size_t len);
/* The same by table lookups only: what processors without carry-less multiplication get. */
uint64_t crc64_update_portable(uint64_t crc, const void *data, size_t len);

#endif
