#include "parser/substitute.h"

#include "base/vec.h"
#include "parser/words.h"

#include <stdlib.h>

enum part_kind { PART_CHARACTER, PART_ANY, PART_RUN };

struct part {
    enum part_kind kind;
    struct str character;
};

struct program {
    VEC(struct part) parts;
    VEC(struct str) characters; /* of the value */
    size_t *starts;             /* per part: where the match began that waits for it, or SIZE_MAX */
    size_t *next_starts;
};

static void program_free(struct program *program) {
    vec_free(&program->parts);
    vec_free(&program->characters);
    free(program->starts);
    free(program->next_starts);
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
    program->starts = xcalloc(program->parts.count + 1, sizeof(size_t));
    program->next_starts = xcalloc(program->parts.count + 1, sizeof(size_t));
    return 0;
}

static void program_load(struct program *program, struct str value) {
    struct scan scan = scan_of(value);
    struct str character;
    while (words_character(&scan, &character)) {
        vec_push(&program->characters, character);
    }
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

static void reach(struct program *program, size_t *starts, size_t part, size_t start) {
    for (; part <= program->parts.count; part++) {
        if (start < starts[part]) {
            starts[part] = start;
        }
        if (part == program->parts.count || program->parts.items[part].kind != PART_RUN) {
            return; /* a run may also be empty: go on to what follows it */
        }
    }
}

static void step(struct program *program, struct str character) {
    size_t count = program->parts.count;
    bool is_newline = str_equal(character, STR("\n"));
    memset(program->next_starts, 0xFF, (count + 1) * sizeof(size_t));
    for (size_t i = 0; i < count; i++) {
        const struct part *part = &program->parts.items[i];
        if (program->starts[i] == SIZE_MAX) {
            continue;
        }
        if (part->kind == PART_RUN && !is_newline) {
            reach(program, program->next_starts, i, program->starts[i]);
        } else if ((part->kind == PART_ANY && !is_newline) ||
                   (part->kind == PART_CHARACTER && str_equal(part->character, character))) {
            reach(program, program->next_starts, i + 1, program->starts[i]);
        }
    }
    size_t *swap = program->starts;
    program->starts = program->next_starts;
    program->next_starts = swap;
}

/* The leftmost match from character FROM on: every state carries the leftmost start that leads to it, so one
 * pass finds it. False when there is none. */
static bool program_find(struct program *program, size_t from, bool is_anchored, bool is_longest,
                         size_t *start, size_t *end) {
    size_t count = program->parts.count;
    bool found = false;
    memset(program->starts, 0xFF, (count + 1) * sizeof(size_t));
    for (size_t at = from;; at++) {
        if (!found && (at == from || !is_anchored)) {
            reach(program, program->starts, 0, at);
        }
        if (program->starts[count] != SIZE_MAX && (!found || program->starts[count] <= *start)) {
            found = true;
            *start = program->starts[count];
            *end = at;
            if (!is_longest) {
                return true;
            }
        }
        bool is_alive = false;
        for (size_t i = 0; i < count; i++) {
            if (found && program->starts[i] > *start) {
                program->starts[i] = SIZE_MAX; /* begins behind a match we have */
            }
            is_alive = is_alive || program->starts[i] != SIZE_MAX;
        }
        if (at == program->characters.count || (!is_alive && (found || is_anchored))) {
            return found;
        }
        step(program, program->characters.items[at]);
    }
}

/* The first COUNT characters' length in bytes, in the order they are in now. */
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
    size_t start, end;
    if (program_compile(&program, pattern, error) < 0) {
        return -1;
    }
    program_load(&program, value);
    if (is_suffix) {
        program_reverse(&program);
    }
    *out = value;
    if (program_find(&program, 0, true, is_longest, &start, &end)) {
        size_t len = characters_len(&program, 0, end);
        *out = is_suffix ? str_sub(value, 0, value.len - len) : str_from(value, len);
    }
    return 0;
}

int substitute_replace(struct str value, struct str pattern, struct str replacement, bool is_all,
                       struct buf *out, struct error *error) {
    _cleanup_program_ struct program program = { 0 };
    size_t from = 0, start, end, at = 0;
    size_t last_end = SIZE_MAX;
    if (program_compile(&program, pattern, error) < 0) {
        return -1;
    }
    program_load(&program, value);
    while (program_find(&program, from, false, true, &start, &end)) {
        size_t before = characters_len(&program, at, start);
        buf_append(out, value.data, before);
        value = str_from(value, before);
        at = start;
        if (end > start || start != last_end) { /* no empty match right behind a match */
            size_t len = characters_len(&program, start, end);
            if (out->len + replacement.len > SUBSTITUTE_SIZE) {
                return substitute_too_long(error);
            }
            buf_append_str(out, replacement);
            value = str_from(value, len);
            at = last_end = end;
        }
        from = end > start ? end : end + 1;
        if (!is_all || from > program.characters.count) {
            break;
        }
    }
    buf_append_str(out, value);
    return 0;
}
