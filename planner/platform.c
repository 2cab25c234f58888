#include "planner/platform.h"

struct alias {
    const char *name;
    const char *architecture;
    const char *variant;
};

static const struct alias aliases[] = {
    { "x86_64", "amd64", "" },        { "x86-64", "amd64", "" }, { "aarch64", "arm64", "" },
    { "armhf", "arm", "v7" },         { "armel", "arm", "v6" },  { "armv7l", "arm", "v7" },
    { "armv6l", "arm", "v6" },        { "i386", "386", "" },     { "i686", "386", "" },
    { "loongarch64", "loong64", "" }, { NULL, NULL, NULL },
};

static const char *const known_architectures[] = {
    "amd64", "arm64",  "arm",    "386",      "ppc64le", "riscv64", "s390x",
    "mips",  "mips64", "mipsle", "mips64le", "loong64", "wasm",    NULL,
};

static bool is_known_architecture(struct str text) {
    for (size_t i = 0; known_architectures[i]; i++) {
        if (str_equal_c(text, known_architectures[i])) {
            return true;
        }
    }
    return false;
}

struct platform platform_normalise(struct platform platform) {
    if (str_equal_c(platform.os, "macos")) {
        platform.os = STR("darwin");
    }
    for (size_t i = 0; aliases[i].name; i++) {
        if (str_equal_c(platform.architecture, aliases[i].name)) {
            platform.architecture = str_of(aliases[i].architecture);
            if (aliases[i].variant[0] && platform.variant.len == 0) {
                platform.variant = str_of(aliases[i].variant);
            }
        }
    }
    bool is_plain =
        (str_equal_c(platform.architecture, "arm64") &&
         (str_equal_c(platform.variant, "v8") || str_equal_c(platform.variant, "8"))) ||
        (str_equal_c(platform.architecture, "amd64") && str_equal_c(platform.variant, "v1"));
    if (is_plain) {
        platform.variant = STR_EMPTY;
    }
    if (str_equal_c(platform.architecture, "arm")) {
        if (platform.variant.len == 0 || str_equal_c(platform.variant, "7")) {
            platform.variant = STR("v7");
        } else if (str_equal_c(platform.variant, "6")) {
            platform.variant = STR("v6");
        } else if (str_equal_c(platform.variant, "5")) {
            platform.variant = STR("v5");
        }
    }
    return platform;
}

/* Decided when compiled: the architecture of the programs we can run is the one we are. */
struct platform platform_host(void) {
#if defined(__x86_64__)
    const char *architecture = "amd64";
#elif defined(__aarch64__)
    const char *architecture = "arm64";
#elif defined(__arm__)
    const char *architecture = "arm";
#elif defined(__i386__)
    const char *architecture = "386";
#elif defined(__riscv)
    const char *architecture = "riscv64";
#elif defined(__powerpc64__)
    const char *architecture = "ppc64le";
#elif defined(__s390x__)
    const char *architecture = "s390x";
#else
#error "unknown architecture: add its OCI name here"
#endif
    return platform_normalise((struct platform){ STR("linux"), str_of(architecture), STR_EMPTY });
}

static int bad(struct str text, const char *why, struct error *error) {
    error_set(error, ERROR_INPUT, "failed to parse platform %.*s: %s", STR_ARG(text), why);
    return error_hint(error, "write os/architecture[/variant], for example linux/arm64");
}

int platform_parse(struct str text, struct arena *arena, struct platform *out,
                   struct error *error) {
    struct str rest = str_lower(arena, text);
    struct str parts[3] = { STR_EMPTY, STR_EMPTY, STR_EMPTY };
    size_t count = 0;
    struct str part;
    while (str_split(&rest, '/', &part)) {
        if (count == 3) {
            return bad(text, "more than three parts", error);
        }
        if (part.len == 0) {
            return bad(text, "an empty part", error);
        }
        for (size_t i = 0; i < part.len; i++) {
            char c = part.data[i];
            bool is_fine = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' ||
                           c == '-' || c == '.';
            if (!is_fine) {
                return bad(text, "a character that is not allowed", error);
            }
        }
        parts[count++] = part;
    }
    struct platform host = platform_host();
    if (count == 0) {
        return bad(text, "it is empty", error);
    }
    if (count == 1) {
        struct platform alone = { host.os, parts[0], STR_EMPTY };
        struct platform normal = platform_normalise(alone);
        if (is_known_architecture(normal.architecture)) {
            *out = normal;
            return 0;
        }
        bool is_os = str_equal_c(parts[0], "linux") || str_equal_c(parts[0], "windows") ||
                     str_equal_c(parts[0], "darwin") || str_equal_c(parts[0], "macos") ||
                     str_equal_c(parts[0], "freebsd");
        if (!is_os) {
            return bad(text, "unknown operating system or architecture", error);
        }
        *out = platform_normalise((struct platform){ parts[0], host.architecture, host.variant });
        return 0;
    }
    *out = platform_normalise((struct platform){ parts[0], parts[1], parts[2] });
    return 0;
}

const char *platform_nearest_architecture(const struct platform *platform) {
    return is_known_architecture(platform->architecture)
               ? NULL
               : str_nearest(platform->architecture, known_architectures,
                             sizeof(known_architectures) / sizeof(known_architectures[0]) - 1);
}

bool platform_equal(const struct platform *a, const struct platform *b) {
    return str_equal(a->os, b->os) && str_equal(a->architecture, b->architecture) &&
           str_equal(a->variant, b->variant);
}

/* The generations of an architecture, newest first; each runs all that follow its own. */
static const struct generation {
    const char *architecture;
    const char *variant;
} amd_generations[] = { { "amd64", "v4" }, { "amd64", "v3" }, { "amd64", "v2" },
                        { "amd64", "" },   { "386", "" },     { NULL, NULL } },
  arm_generations[] = { { "arm64", "" }, { "arm", "v8" }, { "arm", "v7" },
                        { "arm", "v6" }, { "arm", "v5" }, { NULL, NULL } };

/* The place of PLATFORM in LIST, from 1; 0: it is not there. */
static unsigned generation_of(const struct generation *list, const struct platform *platform) {
    for (unsigned i = 0; list[i].architecture; i++) {
        if (str_equal_c(platform->architecture, list[i].architecture) &&
            str_equal_c(platform->variant, list[i].variant)) {
            return i + 1;
        }
    }
    return 0;
}

unsigned platform_rank(const struct platform *want, const struct platform *have) {
    if (platform_equal(want, have)) {
        return 1;
    }
    if (!str_equal(want->os, have->os)) {
        return 0;
    }
    static const struct generation *const lists[] = { amd_generations, arm_generations };
    for (size_t i = 0; i < 2; i++) {
        unsigned wanted = generation_of(lists[i], want);
        unsigned found = generation_of(lists[i], have);
        if (wanted > 0 && found > wanted) {
            return 1 + found - wanted;
        }
    }
    return 0;
}

struct str platform_format(const struct platform *platform, struct arena *arena) {
    return str_printf(arena, "%.*s/%.*s%s%.*s", STR_ARG(platform->os),
                      STR_ARG(platform->architecture), platform->variant.len > 0 ? "/" : "",
                      STR_ARG(platform->variant));
}

unsigned platform_rank_described(void *want, struct str os, struct str architecture,
                                 struct str variant) {
    struct platform have = platform_normalise((struct platform){ os, architecture, variant });
    return platform_rank(want, &have);
}
