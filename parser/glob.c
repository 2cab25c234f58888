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

/* The last characters of PATTERN that mean themselves: most paths are refused by looking at these alone. The first
 * of them does not count where it is escaped, or a '/' that belongs to `**`. */
static struct str literal_tail(struct str pattern) {
    size_t start = pattern.len;
    while (start > 0 && !memchr("*?[]\\", pattern.data[start - 1], 5)) {
        start--;
    }
    bool is_first_other = start > 0 && start < pattern.len &&
                          (pattern.data[start - 1] == '\\' || pattern.data[start] == '/');
    return str_from(pattern, start + is_first_other);
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
    struct str tail = literal_tail(pattern);
    bool ends_in_all = parts.count > 0 && parts.items[parts.count - 1].kind == GLOB_ALL;
    *out = (struct glob){ parts.items, parts.count, ends_in_all ? STR_EMPTY : tail };
    return true;
}

/* ---- matching: the set of parts that may come next ----------------------------------------------------- */

struct states {
    uint64_t words[GLOB_WORDS];
};

static void add(const struct glob *glob, struct states *states, size_t part) {
    for (;; part++) {
        states->words[part / 64] |= (uint64_t)1 << part % 64;
        if (part == glob->count || glob->parts[part].kind == GLOB_CHARACTER ||
            glob->parts[part].kind == GLOB_ANY || glob->parts[part].kind >= GLOB_CLASS) {
            return; /* all others may be empty */
        }
    }
}

/* Stays in a `**`, which ends only behind a '/': what follows it does not come next. */
static void keep(struct states *states, size_t part) {
    states->words[part / 64] |= (uint64_t)1 << part % 64;
}

static bool is_in_class(const struct glob_part *part, uint32_t character) {
    for (size_t i = 0; i < part->range_count; i++) {
        if (part->ranges[i].low <= character && character <= part->ranges[i].high) {
            return true;
        }
    }
    return false;
}

/* Part number PART reads CHARACTER. */
static void read_one(const struct glob *glob, size_t part, uint32_t character,
                     struct states *next) {
    static const uint32_t slash = (uint32_t)'/' << 24;
    const struct glob_part *it = &glob->parts[part];
    switch (it->kind) {
    case GLOB_CHARACTER:
        if (it->character == character) {
            add(glob, next, part + 1);
        }
        break;
    case GLOB_ANY:
        if (character != slash) {
            add(glob, next, part + 1);
        }
        break;
    case GLOB_STAR:
        if (character != slash) {
            add(glob, next, part);
        }
        break;
    case GLOB_DIRECTORIES:
        keep(next, part);
        if (character == slash) {
            add(glob, next, part + 1);
        }
        break;
    case GLOB_ALL:
        add(glob, next, part);
        break;
    case GLOB_CLASS:
    case GLOB_NEGATED_CLASS:
        if (is_in_class(it, character) == (it->kind == GLOB_CLASS)) {
            add(glob, next, part + 1);
        }
        break;
    }
}

/* Feeds PATH to the automaton; false as soon as nothing can match any more. */
static bool run(const struct glob *glob, struct str path, struct states *states) {
    size_t word_count = glob->count / 64 + 1;
    struct scan scan = scan_of(path);
    struct str text;
    memset(states->words, 0, word_count * sizeof(states->words[0]));
    add(glob, states, 0);
    while (pattern_character(&scan, &text)) {
        struct states next;
        uint64_t alive = 0;
        uint32_t character = pack(text);
        memset(next.words, 0, word_count * sizeof(next.words[0]));
        for (size_t word = 0; word < word_count; word++) {
            for (uint64_t bits = states->words[word]; bits; bits &= bits - 1) {
                size_t part = word * 64 + (size_t)__builtin_ctzll(bits);
                if (part < glob->count) {
                    read_one(glob, part, character, &next);
                }
            }
        }
        for (size_t word = 0; word < word_count; word++) {
            states->words[word] = next.words[word];
            alive |= next.words[word];
        }
        if (!alive) {
            return false;
        }
    }
    return true;
}

bool glob_matches(const struct glob *glob, struct str path) {
    struct states states;
    return str_has_suffix(path, glob->tail) && run(glob, path, &states) &&
           (states.words[glob->count / 64] >> glob->count % 64 & 1);
}

bool glob_may_match_below(const struct glob *glob, struct str prefix) {
    struct states states;
    if (!run(glob, prefix, &states)) {
        return false;
    }
    for (size_t i = 0; i < glob->count; i++) {
        if (states.words[i / 64] >> i % 64 & 1) {
            return true;
        }
    }
    return false;
}
