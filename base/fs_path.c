#include "base/fs.h"

/* Removes the last component written to OUT, of which the first KEEP bytes stay. */
static size_t drop_component(const char *out, size_t len, size_t keep) {
    while (len > keep && out[len - 1] != '/') {
        len--;
    }
    return len > keep ? len - 1 : len;
}

struct str path_clean(struct arena *arena, struct str path) {
    if (!path.len) {
        return STR(".");
    }
    bool is_rooted = path.data[0] == '/';
    char *out = arena_alloc(arena, path.len + 2);
    size_t len = is_rooted;
    size_t keep = len; /* the root, or leading `..` which cannot be resolved lexically */
    out[0] = is_rooted ? '/' : '\0';
    struct str part;
    while (str_split(&path, '/', &part)) {
        if (!part.len || str_equal(part, STR("."))) {
            continue;
        }
        bool is_up = str_equal(part, STR(".."));
        if (is_up && len > keep) {
            len = drop_component(out, len, keep);
            continue;
        }
        if (is_up && is_rooted) {
            continue;
        }
        if (len > (size_t)is_rooted) {
            out[len++] = '/';
        }
        memcpy(out + len, part.data, part.len);
        len += part.len;
        if (is_up) {
            keep = len;
        }
    }
    out[len] = '\0';
    return len ? str_make(out, len) : STR(".");
}

struct str path_join(struct arena *arena, struct str base, struct str path) {
    if (path.len && path.data[0] == '/') {
        return path_clean(arena, path);
    }
    if (!base.len) {
        return path_clean(arena, path);
    }
    return path_clean(arena, str_printf(arena, "%.*s/%.*s", STR_ARG(base), STR_ARG(path)));
}

struct str path_base(struct str path) {
    size_t slash = str_rfind_byte(path, '/');
    return slash == SIZE_MAX || path.len == 1 ? path : str_from(path, slash + 1);
}

struct str path_parent(struct str path) {
    size_t slash = str_rfind_byte(path, '/');
    if (slash == SIZE_MAX) {
        return STR(".");
    }
    return str_sub(path, 0, slash ? slash : 1);
}

struct str path_above(struct str path) {
    size_t slash = str_rfind_byte(path, '/');
    return str_sub(path, 0, slash == SIZE_MAX ? 0 : slash);
}

bool path_climbs_out(struct str path) {
    struct str part;
    size_t depth = 0;
    while (path.len > 0) {
        str_split(&path, '/', &part);
        if (str_equal_c(part, "..")) {
            if (depth-- == 0) {
                return true;
            }
        } else if (part.len > 0 && !str_equal_c(part, ".")) {
            depth++;
        }
    }
    return false;
}
