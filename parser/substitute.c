#include "parser/substitute.h"

#include "base/vec.h"
#include "parser/words.h"

#include <stdlib.h>

enum part_kind { PART_CHARACTER, PART_ANY, PART_RUN };

struct part {
    enum part_kind kind;
    struct str character;
};

/* The parts a match in the making may go on with, and where it began: the leftmost start counts. */
struct states {
    size_t *starts; /* per part, SIZE_MAX: not waited for */
    size_t *parts;  /* those that are, in any order */
    size_t count;
};

struct program {
    VEC(struct part) parts;
    VEC(struct str) characters; /* of the value */
    struct states states;
    struct states next;
    uint64_t work;  /* parts looked at so far */
    uint64_t limit; /* as many as may be */
};

/* What any sane pattern does with a value of this size, many times over. */
enum { WORK_MINIMUM = 1 << 24, WORK_PER_CHARACTER = 32 };

static void states_init(struct states *states, size_t part_count) {
    states->starts = xmalloc((part_count + 1) * sizeof(*states->starts));
    states->parts = xmalloc((part_count + 1) * sizeof(*states->parts));
    memset(states->starts, 0xFF, (part_count + 1) * sizeof(*states->starts));
    states->count = 0;
}

static void states_free(struct states *states) {
    free(states->starts);
    free(states->parts);
}

static void states_clear(struct states *states) {
    for (size_t i = 0; i < states->count; i++) {
        states->starts[states->parts[i]] = SIZE_MAX;
    }
    states->count = 0;
}

static void program_free(struct program *program) {
    vec_free(&program->parts);
    vec_free(&program->characters);
    states_free(&program->states);
    states_free(&program->next);
}

#define _cleanup_program_ _cleanup_(program_free)

static bool is_escapable(struct str character) {
    return character.len == 1 && memchr("*?\\}/", character.data[0], 5) != NULL;
}

static int bad_escape(struct str pattern, struct str character, struct error *error) {
    error_set(error, ERROR_INPUT, "invalid pattern (%.*s) in substitution: invalid escape '\\%.*s'",
              STR_ARG(pattern), STR_ARG(character));
    return error_hint(error, "only \\*, \\?, \\\\, \\} and \\/ are escapes in a pattern");
}

static int program_compile(struct program *program, struct str pattern, struct error *error) {
    struct scan scan = scan_of(pattern);
    struct str character;
    while (words_character(&scan, &character)) {
        struct part part = { PART_CHARACTER, character };
        if (str_equal(character, STR("*"))) {
            part.kind = PART_RUN;
        } else if (str_equal(character, STR("?"))) {
            part.kind = PART_ANY;
        } else if (str_equal(character, STR("\\"))) {
            part.character = STR_EMPTY;
            if (!words_character(&scan, &part.character) || !is_escapable(part.character)) {
                return bad_escape(pattern, part.character, error);
            }
        }
        vec_push(&program->parts, part);
    }
    states_init(&program->states, program->parts.count);
    states_init(&program->next, program->parts.count);
    return 0;
}

static void program_load(struct program *program, struct str value) {
    struct scan scan = scan_of(value);
    struct str character;
    while (words_character(&scan, &character)) {
        vec_push(&program->characters, character);
    }
    program->limit = WORK_MINIMUM + WORK_PER_CHARACTER * (uint64_t)program->characters.count;
}

static void program_reverse(struct program *program) {
    for (size_t i = 0, j = program->parts.count; i + 1 < j; i++) {
        struct part part = program->parts.items[i];
        program->parts.items[i] = program->parts.items[--j];
        program->parts.items[j] = part;
    }
    for (size_t i = 0, j = program->characters.count; i + 1 < j; i++) {
        struct str character = program->characters.items[i];
        program->characters.items[i] = program->characters.items[--j];
        program->characters.items[j] = character;
    }
}

static void reach(const struct program *program, struct states *states, size_t part, size_t start) {
    for (; part <= program->parts.count; part++) {
        if (states->starts[part] == SIZE_MAX) {
            states->parts[states->count++] = part;
        }
        if (start < states->starts[part]) {
            states->starts[part] = start;
        }
        if (part == program->parts.count || program->parts.items[part].kind != PART_RUN) {
            return; /* a run may also be empty: go on to what follows it */
        }
    }
}

static void step(struct program *program, struct str character) {
    struct states old = program->states;
    bool is_newline = str_equal(character, STR("\n"));
    for (size_t i = 0; i < old.count; i++) {
        size_t at = old.parts[i];
        if (at == program->parts.count) {
            continue;
        }
        const struct part *part = &program->parts.items[at];
        if (part->kind == PART_RUN && !is_newline) {
            reach(program, &program->next, at, old.starts[at]);
        } else if ((part->kind == PART_ANY && !is_newline) ||
                   (part->kind == PART_CHARACTER && str_equal(part->character, character))) {
            reach(program, &program->next, at + 1, old.starts[at]);
        }
    }
    program->work += old.count + 1;
    states_clear(&old);
    program->states = program->next;
    program->next = old;
}

/* Forgets what begins behind START: a match was found there. */
static void forget_later(struct states *states, size_t start) {
    size_t kept = 0;
    for (size_t i = 0; i < states->count; i++) {
        size_t part = states->parts[i];
        if (states->starts[part] > start) {
            states->starts[part] = SIZE_MAX;
        } else {
            states->parts[kept++] = part;
        }
    }
    states->count = kept;
}

static int too_much_work(const struct program *program, struct error *error) {
    error_set(error, ERROR_INPUT,
              "matching a pattern of %zu characters in a value of %zu takes too long",
              program->parts.count, program->characters.count);
    return error_hint(error, "use a simpler pattern, or sed in a RUN");
}

struct match {
    bool is_found;
    size_t start; /* characters */
    size_t end;
};

/* The leftmost match from character FROM on: every state carries the leftmost start that leads to it, so one
 * pass finds it. */
static int program_find(struct program *program, size_t from, bool is_anchored, bool is_longest,
                        struct match *match, struct error *error) {
    size_t count = program->parts.count;
    match->is_found = false;
    states_clear(&program->states);
    for (size_t at = from;; at++) {
        struct states *states = &program->states;
        if (!match->is_found && (at == from || !is_anchored)) {
            reach(program, states, 0, at);
        }
        size_t start = states->starts[count];
        if (start != SIZE_MAX && (!match->is_found || start <= match->start)) {
            *match = (struct match){ true, start, at };
            if (!is_longest) {
                return 0;
            }
        }
        if (match->is_found) {
            forget_later(states, match->start);
        }
        bool is_over = states->count == 0 && (match->is_found || is_anchored);
        if (at == program->characters.count || is_over) {
            return 0;
        }
        if (program->work > program->limit) {
            return too_much_work(program, error);
        }
        step(program, program->characters.items[at]);
    }
}

/* The length in bytes of characters [from, to), in the order they are in now. */
static size_t characters_len(const struct program *program, size_t from, size_t to) {
    size_t len = 0;
    for (size_t i = from; i < to; i++) {
        len += program->characters.items[i].len;
    }
    return len;
}

int substitute_too_long(struct error *error) {
    error_set(error, ERROR_INPUT, "the value would be longer than %d MiB", SUBSTITUTE_SIZE >> 20);
    return error_hint(error, "keep such an amount of data in a file");
}

int substitute_trim(struct str value, struct str pattern, bool is_suffix, bool is_longest,
                    struct str *out, struct error *error) {
    _cleanup_program_ struct program program = { 0 };
    struct match match;
    *out = value;
    if (program_compile(&program, pattern, error) < 0) {
        return -1;
    }
    program_load(&program, value);
    if (is_suffix) {
        program_reverse(&program);
    }
    if (program_find(&program, 0, true, is_longest, &match, error) < 0) {
        return -1;
    }
    if (match.is_found) {
        size_t len = characters_len(&program, 0, match.end);
        *out = is_suffix ? str_sub(value, 0, value.len - len) : str_from(value, len);
    }
    return 0;
}

int substitute_replace(struct str value, struct str pattern, struct str replacement, bool is_all,
                       struct buf *out, struct error *error) {
    _cleanup_program_ struct program program = { 0 };
    size_t from = 0, at = 0, last_end = SIZE_MAX;
    if (program_compile(&program, pattern, error) < 0) {
        return -1;
    }
    program_load(&program, value);
    do {
        struct match match;
        if (program_find(&program, from, false, true, &match, error) < 0) {
            return -1;
        }
        if (!match.is_found) {
            break;
        }
        size_t before = characters_len(&program, at, match.start);
        buf_append(out, value.data, before);
        value = str_from(value, before);
        at = match.start;
        if (match.end > match.start || match.start != last_end) { /* not empty behind a match */
            size_t len = characters_len(&program, match.start, match.end);
            if (out->len + replacement.len > SUBSTITUTE_SIZE) {
                return substitute_too_long(error);
            }
            buf_append_str(out, replacement);
            value = str_from(value, len);
            at = last_end = match.end;
        }
        from = match.end > match.start ? match.end : match.end + 1;
    } while (is_all && from <= program.characters.count);
    buf_append_str(out, value);
    return 0;
}
