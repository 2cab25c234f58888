/* digest: SHA-256, the only algorithm of image digests, cache keys and chain IDs here.
 *
 * The low-level SHA256_* calls of libcrypto are used instead of EVP: EVP loads the provider machinery, which
 * costs more than the whole hashing of a cached build. */
#ifndef BUD_BASE_DIGEST_H
#define BUD_BASE_DIGEST_H

#include "base/error.h"
#include "base/str.h"

#ifndef OPENSSL_SUPPRESS_DEPRECATED
#define OPENSSL_SUPPRESS_DEPRECATED
#endif
#include <openssl/sha.h>

#define DIGEST_HEX_LEN 64

struct digest {
    uint8_t bytes[32];
};

/* Lower-case hex with its NUL: an image, layer or snapshot ID. */
struct digest_hex {
    char text[DIGEST_HEX_LEN + 1];
};

struct hasher {
    SHA256_CTX context;
};

void hasher_init(struct hasher *hasher);
void hasher_update(struct hasher *hasher, const void *data, size_t len);
/* Length-prefixed (8 bytes, little-endian), so that ("ab","c") and ("a","bc") differ. */
void hasher_update_str(struct hasher *hasher, struct str s);
void hasher_update_u64(struct hasher *hasher, uint64_t value);
struct digest hasher_finish(struct hasher *hasher);

struct digest digest_of(const void *data, size_t len);
bool digest_equal(const struct digest *a, const struct digest *b);
/* All zeros, which is the digest of nothing. */
bool digest_is_zero(const struct digest *digest);
struct digest_hex digest_hex(const struct digest *digest);
/* 64 lower-case hex digits, with or without a leading "sha256:"; false for anything else. */
bool digest_parse(struct str text, struct digest *digest);
bool digest_is_hex_id(struct str text); /* exactly 64 lower-case hex digits */

#endif
