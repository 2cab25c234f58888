#include "cli/human.h"

#include "base/vec.h"
#include "planner/print.h"

#include <assert.h>
#include <ctype.h>
#include <inttypes.h>

const char *human_size(struct arena *arena, uint64_t bytes) {
    _cleanup_buf_ struct buf text = BUF_INIT;
    print_amount(&text, bytes);
    return arena_strdup(arena, text.data);
}

/* The words and thresholds of Docker's go-units, which Podman and Buildah use too. */
const char *human_age(struct arena *arena, int64_t time, int64_t now) {
    int64_t seconds = time > now ? 0 : (int64_t)(((uint64_t)now - (uint64_t)time) / 1000000000u);
    int64_t minutes = seconds / 60, hours = (seconds + 1800) / 3600;
    if (seconds < 1) {
        return "Less than a second ago";
    } else if (seconds == 1) {
        return "1 second ago";
    } else if (seconds < 60) {
        return arena_printf(arena, "%" PRId64 " seconds ago", seconds);
    } else if (minutes == 1) {
        return "About a minute ago";
    } else if (minutes < 60) {
        return arena_printf(arena, "%" PRId64 " minutes ago", minutes);
    } else if (hours == 1) {
        return "About an hour ago";
    } else if (hours < 48) {
        return arena_printf(arena, "%" PRId64 " hours ago", hours);
    } else if (hours < 24 * 7 * 2) {
        return arena_printf(arena, "%" PRId64 " days ago", hours / 24);
    } else if (hours < 24 * 30 * 2) {
        return arena_printf(arena, "%" PRId64 " weeks ago", hours / 24 / 7);
    } else if (hours < 24 * 365 * 2) {
        return arena_printf(arena, "%" PRId64 " months ago", hours / 24 / 30);
    }
    return arena_printf(arena, "%" PRId64 " years ago", seconds / 3600 / 24 / 365);
}

const char *human_duration(struct arena *arena, uint64_t nanoseconds) {
    uint64_t milliseconds = nanoseconds / 1000000, seconds = milliseconds / 1000;
    if (milliseconds < 1) {
        return arena_printf(arena, "%.1f ms", (double)nanoseconds / 1e6);
    } else if (milliseconds < 1000) {
        return arena_printf(arena, "%" PRIu64 " ms", milliseconds);
    } else if (seconds < 60) {
        return arena_printf(arena, "%.3g s", (double)milliseconds / 1000);
    } else if (seconds < 3600) {
        return arena_printf(arena, "%" PRIu64 " m %" PRIu64 " s", seconds / 60, seconds % 60);
    }
    return arena_printf(arena, "%" PRIu64 " h %" PRIu64 " m", seconds / 3600, seconds / 60 % 60);
}

/* The number TEXT begins with and what follows it; false when it does not. */
static bool split_number(struct str text, uint64_t *number, struct str *unit) {
    size_t digits = 0;
    while (digits < text.len && text.data[digits] >= '0' && text.data[digits] <= '9') {
        digits++;
    }
    *unit = str_from(text, digits);
    return str_parse_uint(str_sub(text, 0, digits), 10, INT64_MAX, number);
}

bool human_parse_duration(const char *text, int64_t *nanoseconds) {
    static const char letters[] = "smhdw";
    static const int64_t seconds[] = { 1, 60, 3600, 86400, 604800 };
    struct str rest = str_of(text);
    *nanoseconds = 0;
    do {
        uint64_t number;
        if (!split_number(rest, &number, &rest) || rest.len == 0) {
            return false;
        }
        const char *letter = memchr(letters, rest.data[0], sizeof(letters) - 1);
        int64_t part;
        if (!letter ||
            __builtin_mul_overflow((int64_t)number, seconds[letter - letters] * 1000000000,
                                   &part) ||
            __builtin_add_overflow(*nanoseconds, part, nanoseconds)) {
            return false;
        }
        rest = str_from(rest, 1);
    } while (rest.len > 0);
    return true;
}

/* ".5" and what follows it: *MILLIONTHS. Figures beyond the sixth do not count. */
static bool take_fraction(struct str *text, uint64_t *millionths) {
    *millionths = 0;
    if (text->len == 0 || text->data[0] != '.') {
        return true;
    }
    size_t end = 1;
    uint64_t place = 100000;
    for (; end < text->len && isdigit((unsigned char)text->data[end]); end++) {
        *millionths += (uint64_t)(text->data[end] - '0') * place;
        place /= 10;
    }
    *text = str_from(*text, end);
    return end > 1;
}

bool human_parse_size(const char *text, uint64_t *bytes) {
    static const char *const letters = "kmgtpe";
    struct str unit;
    uint64_t millionths;
    if (!split_number(str_trim(str_of(text)), bytes, &unit) || !take_fraction(&unit, &millionths)) {
        return false;
    }
    unit = str_trim(unit);
    uint64_t factor = 1;
    for (size_t i = 0; unit.len > 0 && letters[i] != '\0'; i++) {
        if ((unit.data[0] | 0x20) == letters[i]) {
            bool is_binary = unit.len > 1 && (unit.data[1] | 0x20) == 'i';
            for (size_t j = 0; j <= i; j++) {
                factor *= is_binary ? 1024 : 1000;
            }
            unit = str_from(unit, is_binary ? 2 : 1);
            break;
        }
    }
    return (unit.len == 0 || str_equal_nocase(unit, STR("b"))) &&
           !__builtin_mul_overflow(*bytes, factor, bytes) &&
           !__builtin_add_overflow(*bytes, (uint64_t)((__uint128_t)factor * millionths / 1000000),
                                   bytes);
}

const char *human_line(struct arena *arena, struct str text, size_t width) {
    char *line = str_dup(arena, text);
    for (size_t i = 0; i < text.len; i++) {
        if ((unsigned char)line[i] < ' ' || line[i] == 0x7f) {
            line[i] = ' ';
        }
    }
    if (text.len <= width) {
        return line;
    }
    size_t end = width - 3;
    while (end > 0 && ((unsigned char)line[end] & 0xc0) == 0x80) { /* not inside a character */
        end--;
    }
    memcpy(line + end, "...", 4);
    return line;
}

const char *human_script(struct arena *arena, struct str text) {
    _cleanup_buf_ struct buf out = BUF_INIT;
    struct str line;
    for (bool is_first = true; str_split(&text, '\n', &line); is_first = false) {
        buf_printf(&out, "%s%s", is_first ? "" : "⏎", human_line(arena, line, SIZE_MAX));
    }
    return arena_strdup(arena, out.len > 0 ? out.data : "");
}

struct columns columns_of(struct arena *arena, size_t gap, const char *const *headings) {
    struct columns columns = { .arena = arena, .gap = gap };
    for (; headings[columns.width] != NULL; columns.width++) {
        columns_add(&columns, headings[columns.width]);
    }
    return columns;
}

void columns_add(struct columns *columns, const char *cell) {
    if (columns->cell_count == columns->cell_capacity) {
        columns->cells = vec_grow(columns->arena, columns->cells, columns->cell_count,
                                  &columns->cell_capacity, sizeof(*columns->cells));
    }
    columns->cells[columns->cell_count++] = cell;
}

/* Columns a terminal needs, taking every character for one. */
static size_t text_width(const char *text) {
    size_t width = 0;
    for (; *text != '\0'; text++) {
        width += ((unsigned char)*text & 0xc0) != 0x80;
    }
    return width;
}

static size_t column_width(const struct columns *columns, size_t column) {
    size_t widest = 0;
    for (size_t i = column; i < columns->cell_count; i += columns->width) {
        size_t width = text_width(columns->cells[i]);
        widest = width > widest ? width : widest;
    }
    return widest;
}

void columns_print(const struct columns *columns, struct buf *out) {
    assert(columns->width > 0);
    size_t *widths = arena_array(columns->arena, columns->width, sizeof(*widths));
    for (size_t column = 0; column < columns->width; column++) {
        widths[column] = column_width(columns, column) + columns->gap;
    }
    for (size_t i = 0; i < columns->cell_count; i++) {
        size_t column = i % columns->width;
        const char *cell = columns->cells[i];
        if (column + 1 < columns->width) {
            buf_printf(out, "%s%*s", cell, (int)(widths[column] - text_width(cell)), "");
        } else {
            buf_append_c(out, cell);
            while (out->len > 0 && out->data[out->len - 1] == ' ') {
                out->len--;
            }
            out->data[out->len] = '\0';
            buf_append_byte(out, '\n');
        }
    }
}
