/* glob: the scanner of grammar/pattern.re and what patterns of ignore files compile to. Private to
 * parser/pattern.c, parser/ignore.c and parser/ignore_index.c. */
#ifndef BUD_PARSER_GLOB_H
#define BUD_PARSER_GLOB_H

#include "base/arena.h"
#include "parser/scan.h"

/* ---- grammar/pattern.re ---- */
enum pattern_token {
    PATTERN_END,
    PATTERN_CHARACTER, /* *text is the character, without its backslash */
    PATTERN_ANY,       /* ? */
    PATTERN_STAR,      /* one `*` */
    PATTERN_CLASS,     /* *text is what stands between `[`, `[^` and `]` */
    PATTERN_NEGATED_CLASS,
    PATTERN_BAD, /* `[` without its end, a `\` at the end */
};

enum pattern_token pattern_next(struct scan *scan, struct str *text);
/* The next range of a class; false at its end. */
bool pattern_class_next(struct scan *scan, struct str *low, struct str *high);
/* One character of a path: a code point, or a byte that is none. False at the end. */
bool pattern_character(struct scan *scan, struct str *character);

/* ---- glob.c ---- */
/* A pattern longer than the longest path matches nothing. */
enum { GLOB_SIZE = 4096 };

enum glob_kind {
    GLOB_CHARACTER,
    GLOB_ANY,         /* one character but '/' */
    GLOB_STAR,        /* any run without '/' */
    GLOB_DIRECTORIES, /* `**` and what follows: nothing, or anything up to a '/' */
    GLOB_ALL,         /* `**` at the end: anything */
    GLOB_CLASS,
    GLOB_NEGATED_CLASS,
};

/* Characters as their bytes, the first one highest: compares as code points do. */
struct glob_range {
    uint32_t low;
    uint32_t high;
};

struct glob_part {
    enum glob_kind kind;
    uint32_t character;
    const struct glob_range *ranges;
    size_t range_count;
};

/* What stands between the literal ends of a pattern. Most are so simple that no automaton has to run. */
enum glob_middle {
    GLOB_NOTHING,
    GLOB_NO_SLASH, /* any text without '/' */
    GLOB_PARENTS,  /* nothing, or any text that ends with '/' */
    GLOB_ANYTHING,
    GLOB_PARTS, /* whatever the parts say */
};

/* The parts as an automaton that handles 64 of them at once: a bit per part, set while the part is waited for, and one
 * for the end. */
struct glob_machine {
    size_t word_count;
    uint8_t symbol_of[128];  /* ASCII characters that some part tells from others; 0: all others */
    const uint64_t *accepts; /* per symbol: which parts take it and are done */
    uint64_t *stars;
    uint64_t *directories;
    uint64_t *alls;
};

struct glob {
    const struct glob_part *parts; /* at most GLOB_SIZE */
    size_t count;
    /* Where `**` comes first and what follows it is of a known depth, only the last so many components of a path are
     * looked at; 0: the whole path. */
    size_t components;
    struct str head; /* what is matched begins with this and ends with that; whole characters */
    struct str tail;
    enum glob_middle middle; /* parts [first, last) */
    const struct glob_machine *machine;
    size_t first;
    size_t last;
};

/* Compiles PATTERN, which pattern_check has accepted, with the meaning of ignore files: `**` is special. False when it
 * has too many parts. */
bool glob_compile(struct str pattern, struct arena *arena, struct glob *out);
bool glob_matches(const struct glob *glob, struct str path);
/* The bytes of CHARACTER in *bytes (at least 4); returns how many. */
size_t glob_unpack(uint32_t character, char *bytes);
/* False when nothing that begins with PREFIX matches. */
bool glob_may_match_below(const struct glob *glob, struct str prefix);

#endif
