#include "store/big_data.h"

#include <openssl/evp.h>

const char *big_data_file(const char *key, struct arena *arena) {
    size_t length = strlen(key);
    size_t plain = strspn(key, "0123456789abcdefghijklmnopqrstuvwxyz.");
    char *name;

    /* The library's loop ends before it judges the last character; names on disk depend on it. */
    if (plain + 1 >= length) {
        return arena_strdup(arena, key);
    }
    name = arena_alloc(arena, 1 + 4 * ((length + 2) / 3) + 1);
    name[0] = '=';
    EVP_EncodeBlock((unsigned char *)name + 1, (const unsigned char *)key, (int)length);
    return name;
}
