#include "base/digest.h"

void hasher_init(struct hasher *hasher) {
    SHA256_Init(&hasher->context);
}

void hasher_update(struct hasher *hasher, const void *data, size_t len) {
    if (len) {
        SHA256_Update(&hasher->context, data, len);
    }
}

void hasher_update_u64(struct hasher *hasher, uint64_t value) {
    unsigned char bytes[8];
    for (unsigned i = 0; i < 8; i++) {
        bytes[i] = (unsigned char)(value >> (8 * i));
    }
    hasher_update(hasher, bytes, sizeof(bytes));
}

void hasher_update_str(struct hasher *hasher, struct str s) {
    hasher_update_u64(hasher, s.len);
    hasher_update(hasher, s.data, s.len);
}

struct digest hasher_finish(struct hasher *hasher) {
    struct digest digest;
    SHA256_Final(digest.bytes, &hasher->context);
    return digest;
}

struct digest digest_of(const void *data, size_t len) {
    struct hasher hasher;
    hasher_init(&hasher);
    hasher_update(&hasher, data, len);
    return hasher_finish(&hasher);
}

bool digest_equal(const struct digest *a, const struct digest *b) {
    return memcmp(a->bytes, b->bytes, sizeof(a->bytes)) == 0;
}

bool digest_is_zero(const struct digest *digest) {
    static const struct digest zero;
    return digest_equal(digest, &zero);
}

struct digest_hex digest_hex(const struct digest *digest) {
    static const char digits[] = "0123456789abcdef";
    struct digest_hex hex;
    for (size_t i = 0; i < sizeof(digest->bytes); i++) {
        hex.text[2 * i] = digits[digest->bytes[i] >> 4];
        hex.text[2 * i + 1] = digits[digest->bytes[i] & 15];
    }
    hex.text[DIGEST_HEX_LEN] = '\0';
    return hex;
}

static int digit_of(char c) {
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool digest_is_hex_id(struct str text) {
    if (text.len != DIGEST_HEX_LEN) {
        return false;
    }
    for (size_t i = 0; i < text.len; i++) {
        if (digit_of(text.data[i]) < 0) {
            return false;
        }
    }
    return true;
}

bool digest_parse(struct str text, struct digest *digest) {
    const struct str prefix = STR("sha256:");
    if (str_has_prefix(text, prefix)) {
        text = str_from(text, prefix.len);
    }
    if (!digest_is_hex_id(text)) {
        return false;
    }
    for (size_t i = 0; i < sizeof(digest->bytes); i++) {
        digest->bytes[i] =
            (uint8_t)(digit_of(text.data[2 * i]) * 16 + digit_of(text.data[2 * i + 1]));
    }
    return true;
}
