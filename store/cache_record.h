/* cache_record: the bytes of the cache's values.
 *
 * Numbers are little-endian; strings are a 32-bit length, the bytes and a NUL. Every value is preceded by the CRC-64 of its
 * key and itself: a value that rotted on disk, or is found under a key it was not stored under, does not exist. */
#ifndef BUD_STORE_CACHE_RECORD_H
#define BUD_STORE_CACHE_RECORD_H

#include "store/cache.h"
#include "store/cache_file.h"

#define CHECKSUM_SIZE 8

/* The checksum that precedes PAYLOAD under KEY. */
void cache_checksum(unsigned char out[CHECKSUM_SIZE], struct str key, struct str payload);
/* The payload of VALUE, borrowed; false when the checksum does not match. */
bool cache_payload(struct str key, struct str value, struct str *payload);

/* How a record is believed: after cache_settle always, before that only in the boot it was written in. */
struct cache_claim {
    bool is_settled;
    char boot[BOOT_ID_LEN];
};

void cache_record_encode(struct buf *out, const struct cache_record *record,
                         const struct cache_claim *claim);
/* PAYLOAD must stay where it is for as long as RECORD: its strings point into it (NUL-terminated). The key is not part
 * of the payload. ARENA NULL leaves the ingredients out. False when it is malformed. */
bool cache_record_decode(struct str payload, struct arena *arena, struct cache_record *record,
                         struct cache_claim *claim);

void cache_layer_encode(struct buf *out, const struct cache_layer *layer);
bool cache_layer_decode(struct str payload, struct arena *arena, struct cache_layer *layer);

void cache_publication_encode(struct buf *out, const struct cache_publication *publication);
bool cache_publication_decode(struct str payload, struct cache_publication *publication);

/* Without the ID; the strings point into PAYLOAD. */
void cache_site_encode(struct buf *out, const struct cache_site *site);
bool cache_site_decode(struct str payload, struct cache_site *site);

void cache_use_encode(struct buf *out, const struct cache_use *use);
bool cache_use_decode(struct str payload, struct cache_use *use);

#endif
