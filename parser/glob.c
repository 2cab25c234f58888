#include "parser/glob.h"

#include "base/vec.h"

enum { GLOB_WORDS = GLOB_SIZE / 64 + 1 };

static uint32_t pack(struct str character) {
    uint32_t packed = 0;
    for (size_t i = 0; i < 4; i++) {
        packed = packed << 8 | (i < character.len ? (unsigned char)character.data[i] : 0);
    }
    return packed;
}

size_t glob_unpack(uint32_t character, char *bytes) {
    size_t len = 0;
    do {
        bytes[len++] = (char)(character >> 24);
        character <<= 8;
    } while (character);
    return len;
}

/* ---- compiling ----------------------------------------------------------------------------------------- */

static void compile_class(struct str text, struct arena *arena, struct glob_part *part) {
    VEC(struct glob_range) ranges = VEC_INIT;
    struct scan scan = scan_of(text);
    struct str low, high;
    while (pattern_class_next(&scan, &low, &high)) {
        arena_vec_push(arena, &ranges, (struct glob_range){ pack(low), pack(high) });
    }
    part->ranges = ranges.items;
    part->range_count = ranges.count;
}

/* The second `*` was next: takes it, and a '/' behind it, which `**` includes. */
static enum glob_kind compile_double_star(struct scan *scan) {
    struct str text;
    pattern_next(scan, &text);
    if (scan->cursor < scan->limit && *scan->cursor == '/') {
        scan->cursor++;
    }
    return scan->cursor == scan->limit ? GLOB_ALL : GLOB_DIRECTORIES;
}

/* `**` before nothing but characters that mean themselves is any text, whether it ends with a '/' or not: `**a` matches
 * `ba`. Elsewhere `**` means whole components (moby/patternmatcher, suffixMatch). */
static bool is_suffix_pattern(struct str pattern) {
    if (!str_has_prefix(pattern, STR("**")) || str_has_prefix(pattern, STR("**/"))) {
        return false;
    }
    for (size_t i = 2; i < pattern.len; i++) {
        if (memchr("*?[]\\", pattern.data[i], 5)) {
            return false;
        }
    }
    return true;
}

static bool is_in_class(const struct glob_part *part, uint32_t character) {
    for (size_t i = 0; i < part->range_count; i++) {
        if (part->ranges[i].low <= character && character <= part->ranges[i].high) {
            return true;
        }
    }
    return false;
}

static const uint32_t slash = (uint32_t)'/' << 24;

/* How many components parts [1, COUNT) match: 0 when that depends on the path. */
static size_t count_components(const struct glob_part *parts, size_t count) {
    size_t components = 1;
    for (size_t i = 1; i < count; i++) {
        const struct glob_part *part = &parts[i];
        switch (part->kind) {
        case GLOB_DIRECTORIES:
        case GLOB_ALL:
            return 0;
        case GLOB_CLASS:
        case GLOB_NEGATED_CLASS:
            if (is_in_class(part, slash) == (part->kind == GLOB_CLASS)) {
                return 0;
            }
            break;
        default:
            components += part->kind == GLOB_CHARACTER && part->character == slash;
        }
    }
    return components;
}

/* A byte that is no character may be one half of one in a path; it is compared as a part. */
static bool is_literal(const struct glob_part *part) {
    uint32_t first = part->character >> 24;
    return part->kind == GLOB_CHARACTER && (first < 0x80 || part->character << 8);
}

static struct str literal_of(const struct glob_part *parts, size_t from, size_t to,
                             struct arena *arena) {
    char *bytes = arena_alloc(arena, (to - from) * 4);
    size_t len = 0;
    for (size_t i = from; i < to; i++) {
        len += glob_unpack(parts[i].character, bytes + len);
    }
    return str_make(bytes, len);
}

static enum glob_middle middle_of(const struct glob *glob) {
    const struct glob_part *part = &glob->parts[glob->first];
    switch (glob->last - glob->first) {
    case 0:
        return GLOB_NOTHING;
    case 1:
        return part->kind == GLOB_STAR && glob->components == 1 ? GLOB_ANYTHING
               : part->kind == GLOB_STAR                        ? GLOB_NO_SLASH
               : part->kind == GLOB_DIRECTORIES                 ? GLOB_PARENTS
               : part->kind == GLOB_ALL                         ? GLOB_ANYTHING
                                                                : GLOB_PARTS;
    case 2:
        return part[0].kind == GLOB_DIRECTORIES && part[1].kind == GLOB_STAR ? GLOB_ANYTHING
                                                                             : GLOB_PARTS;
    default:
        return GLOB_PARTS;
    }
}

/* What can be said of a match without running the automaton. */
static void find_ends(struct glob *glob, struct arena *arena) {
    size_t start = 0;
    if (glob->count > 0 && glob->parts[0].kind == GLOB_DIRECTORIES) {
        glob->components = count_components(glob->parts, glob->count);
        start = glob->components > 0;
    }
    for (glob->first = start; glob->first < glob->count; glob->first++) {
        if (!is_literal(&glob->parts[glob->first])) {
            break;
        }
    }
    for (glob->last = glob->count; glob->last > glob->first; glob->last--) {
        if (!is_literal(&glob->parts[glob->last - 1])) {
            break;
        }
    }
    glob->head = literal_of(glob->parts, start, glob->first, arena);
    glob->tail = literal_of(glob->parts, glob->last, glob->count, arena);
    glob->middle = middle_of(glob);
}

bool glob_compile(struct str pattern, struct arena *arena, struct glob *out) {
    VEC(struct glob_part) parts = VEC_INIT;
    struct scan scan = scan_of(pattern);
    struct str text;
    enum pattern_token token;
    while ((token = pattern_next(&scan, &text)) != PATTERN_END) {
        struct glob_part part = { GLOB_CHARACTER, pack(text), NULL, 0 };
        if (token == PATTERN_ANY) {
            part.kind = GLOB_ANY;
        } else if (token == PATTERN_STAR) {
            bool is_double = scan.cursor < scan.limit && *scan.cursor == '*';
            part.kind = is_double ? compile_double_star(&scan) : GLOB_STAR;
        } else if (token != PATTERN_CHARACTER) {
            part.kind = token == PATTERN_CLASS ? GLOB_CLASS : GLOB_NEGATED_CLASS;
            compile_class(text, arena, &part);
        }
        if (parts.count == GLOB_SIZE) {
            return false;
        }
        arena_vec_push(arena, &parts, part);
    }
    if (is_suffix_pattern(pattern)) {
        parts.items[0].kind = GLOB_ALL;
    }
    *out = (struct glob){ .parts = parts.items, .count = parts.count };
    find_ends(out, arena);
    return true;
}

/* ---- matching: the set of parts that may come next ----------------------------------------------------- */

/* Some parts in a row, and those of them that are waited for: bit PART, or COUNT for the end. */
struct run {
    const struct glob_part *parts;
    size_t count;
    uint64_t words[GLOB_WORDS];
};

static void add(const struct run *run, uint64_t *words, size_t part) {
    for (;; part++) {
        words[part / 64] |= (uint64_t)1 << part % 64;
        if (part == run->count || run->parts[part].kind == GLOB_CHARACTER ||
            run->parts[part].kind == GLOB_ANY || run->parts[part].kind >= GLOB_CLASS) {
            return; /* all others may be empty */
        }
    }
}

/* Stays in a `**`, which ends only behind a '/': what follows it does not come next. */
static void keep(uint64_t *words, size_t part) {
    words[part / 64] |= (uint64_t)1 << part % 64;
}

/* Part number PART reads CHARACTER. */
static void read_one(const struct run *run, size_t part, uint32_t character, uint64_t *next) {
    const struct glob_part *it = &run->parts[part];
    switch (it->kind) {
    case GLOB_CHARACTER:
        if (it->character == character) {
            add(run, next, part + 1);
        }
        break;
    case GLOB_ANY:
        if (character != slash) {
            add(run, next, part + 1);
        }
        break;
    case GLOB_STAR:
        if (character != slash) {
            add(run, next, part);
        }
        break;
    case GLOB_DIRECTORIES:
        keep(next, part);
        if (character == slash) {
            add(run, next, part + 1);
        }
        break;
    case GLOB_ALL:
        add(run, next, part);
        break;
    case GLOB_CLASS:
    case GLOB_NEGATED_CLASS:
        if (is_in_class(it, character) == (it->kind == GLOB_CLASS)) {
            add(run, next, part + 1);
        }
        break;
    }
}

/* Feeds TEXT to the automaton; false as soon as nothing can match any more. */
static bool run_text(struct run *run, struct str text) {
    size_t word_count = run->count / 64 + 1;
    struct scan scan = scan_of(text);
    struct str piece;
    memset(run->words, 0, word_count * sizeof(run->words[0]));
    add(run, run->words, 0);
    while (pattern_character(&scan, &piece)) {
        uint64_t next[GLOB_WORDS];
        uint64_t alive = 0;
        uint32_t character = pack(piece);
        memset(next, 0, word_count * sizeof(next[0]));
        for (size_t word = 0; word < word_count; word++) {
            for (uint64_t bits = run->words[word]; bits; bits &= bits - 1) {
                size_t part = word * 64 + (size_t)__builtin_ctzll(bits);
                if (part < run->count) {
                    read_one(run, part, character, next);
                }
            }
        }
        for (size_t word = 0; word < word_count; word++) {
            run->words[word] = next[word];
            alive |= next[word];
        }
        if (!alive) {
            return false;
        }
    }
    return true;
}

/* The last COUNT components of PATH, or all of it. */
static struct str last_components(struct str path, size_t count) {
    struct str rest = path;
    for (; count > 0; count--) {
        size_t at = str_rfind_byte(rest, '/');
        if (at == SIZE_MAX) {
            return path;
        }
        rest = str_sub(rest, 0, at);
    }
    return str_from(path, rest.len + 1);
}

static bool middle_matches(const struct glob *glob, struct str text) {
    switch (glob->middle) {
    case GLOB_NOTHING:
        return text.len == 0;
    case GLOB_NO_SLASH:
        return str_find_byte(text, '/') == SIZE_MAX;
    case GLOB_PARENTS:
        return text.len == 0 || text.data[text.len - 1] == '/';
    case GLOB_ANYTHING:
        return true;
    case GLOB_PARTS:
        break;
    }
    struct run run;
    run.parts = glob->parts + glob->first;
    run.count = glob->last - glob->first;
    return run_text(&run, text) && (run.words[run.count / 64] >> run.count % 64 & 1);
}

bool glob_matches(const struct glob *glob, struct str path) {
    if (!str_has_suffix(path, glob->tail)) {
        return false;
    }
    if (glob->components > 0) {
        path = last_components(path, glob->components);
    }
    return path.len >= glob->head.len + glob->tail.len && str_has_prefix(path, glob->head) &&
           middle_matches(glob, str_sub(path, glob->head.len, path.len - glob->tail.len));
}

bool glob_may_match_below(const struct glob *glob, struct str prefix) {
    if (glob->components > 0) {
        return true;
    }
    if (str_has_prefix(glob->head, prefix)) {
        return glob->head.len > prefix.len || glob->last < glob->count ||
               glob->middle != GLOB_NOTHING;
    }
    if (!str_has_prefix(prefix, glob->head)) {
        return false;
    }
    struct run run;
    run.parts = glob->parts;
    run.count = glob->count;
    if (!run_text(&run, prefix)) {
        return false;
    }
    for (size_t i = 0; i < glob->count; i++) {
        if (run.words[i / 64] >> i % 64 & 1) {
            return true;
        }
    }
    return false;
}
