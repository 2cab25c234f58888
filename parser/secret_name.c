#include "parser/secret_name.h"

static bool is_one_of(struct str part, const char *const *words) {
    for (; *words; words++) {
        if (str_equal_nocase(part, str_of(*words))) {
            return true;
        }
    }
    return false;
}

bool secret_name(struct str name) {
    static const char *const secret[] = { "apikey", "auth",     "credential", "credentials",
                                          "key",    "password", "pword",      "passwd",
                                          "secret", "token",    NULL };
    static const char *const harmless[] = { "public", "file", "version", NULL };
    struct str part;
    bool has_secret = false;
    while (str_split(&name, '_', &part)) {
        if (is_one_of(part, harmless)) {
            return false;
        }
        has_secret = has_secret || is_one_of(part, secret);
    }
    return has_secret;
}
