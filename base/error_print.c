#include "base/error.h"

#include <stdio.h>

/* Of a longer line only a window around the span is quoted. */
#define QUOTE_WIDTH 100
#define QUOTE_BEFORE 30

struct palette {
    const char *failure;
    const char *frame;
    const char *hint;
    const char *plain;
};

static const struct palette coloured = { "\033[1;31m", "\033[1;34m", "\033[1;36m", "\033[0m" };
static const struct palette uncoloured = { "", "", "", "" };

/* Characters that would steer the terminal, or hide or reorder what follows: C1 controls, and the bidirectional
 * marks that make source read differently than it is. */
static bool is_deceptive(uint32_t code) {
    return code == 0x7f || (code >= 0x80 && code < 0xa0) || code == 0x61c ||
           (code >= 0x200b && code <= 0x200f) || (code >= 0x2028 && code <= 0x202e) ||
           (code >= 0x2060 && code <= 0x2069) || code == 0xfeff;
}

/* Appends the character TEXT begins with, made harmless, and returns its length in bytes. Everything takes one
 * column, but for tabs. */
static size_t print_character(struct buf *out, struct str text) {
    uint32_t code;
    size_t len = str_decode_utf8(text, &code);
    if (!len) {
        buf_append_byte(out, '?');
        return 1;
    }
    if ((code < ' ' && code != '\t') || is_deceptive(code)) {
        buf_append_byte(out, '?');
    } else {
        buf_append(out, text.data, len);
    }
    return len;
}

/* Messages may have several lines: output of other programs is quoted in them. */
void error_print_text(struct buf *out, const char *message) {
    struct str text = str_of(message);
    while (text.len) {
        if (text.data[0] == '\n') {
            buf_append_byte(out, '\n');
            text = str_from(text, 1);
        } else {
            text = str_from(text, print_character(out, text));
        }
    }
}

static void print_labelled(struct buf *out, const char *colour, const char *label,
                           const char *message, const struct palette *palette) {
    buf_printf(out, "%s%s:%s ", colour, label, palette->plain);
    error_print_text(out, message);
    buf_append_byte(out, '\n');
}

struct quote {
    struct str line; /* without its end */
    size_t from;     /* the span in LINE, bytes; TO may be one past the end to point there */
    size_t to;
};

static struct quote quote_of(const struct error_place *place) {
    struct quote quote = { .line = place->line };
    size_t from = place->column - 1;
    quote.from = from < quote.line.len ? from : quote.line.len;
    size_t to = place->end_line == place->line_number ? place->end_column - 1 : quote.line.len;
    quote.to = to < quote.line.len ? to : quote.line.len;
    if (quote.to <= quote.from) {
        quote.to = quote.from + 1;
    }
    return quote;
}

/* Moves AT back to the start of a UTF-8 character. */
static size_t character_start(struct str line, size_t at) {
    for (size_t i = 0; i < 3 && at > 0 && at < line.len; i++) {
        if (((unsigned char)line.data[at] & 0xc0) != 0x80) {
            break;
        }
        at--;
    }
    return at;
}

/* The line and the carets under it; both skip and cut the same columns, and keep tabs. */
static void print_quote(struct buf *quoted, struct buf *carets, struct quote quote) {
    size_t at = 0;
    if (quote.line.len > QUOTE_WIDTH && quote.from > QUOTE_BEFORE) {
        at = character_start(quote.line, quote.from - QUOTE_BEFORE);
        buf_append_c(quoted, "...");
        buf_append_c(carets, "   ");
    }
    size_t columns = 0;
    for (; at < quote.line.len && columns < QUOTE_WIDTH; columns++) {
        struct str rest = str_from(quote.line, at);
        size_t next = at + print_character(quoted, rest);
        if (next > quote.from && at < quote.to) {
            /* A tab keeps its width, whatever that is, unless it is all there is to point at. */
            bool is_wide = rest.data[0] == '\t' && quote.to - quote.from > 1;
            buf_append_byte(carets, is_wide ? '\t' : '^');
        } else if (at < quote.to) {
            buf_append_byte(carets, rest.data[0] == '\t' ? '\t' : ' ');
        }
        at = next;
    }
    if (at < quote.line.len) {
        buf_append_c(quoted, "...");
    } else if (quote.from == quote.line.len) {
        buf_append_byte(carets, '^');
    }
}

/* The lines after the first, each with its number; the numbers take WIDTH columns. */
static void print_more(struct buf *out, const struct error_place *place, int width,
                       const struct palette *palette) {
    struct str rest = place->more, line;
    for (unsigned number = place->line_number + 1; str_split(&rest, '\n', &line); number++) {
        _cleanup_buf_ struct buf quoted = BUF_INIT, carets = BUF_INIT;
        if (str_has_suffix(line, STR("\r"))) {
            line.len--;
        }
        print_quote(&quoted, &carets, (struct quote){ line, 0, 0 });
        buf_printf(out, "%s%*u |%s %.*s\n", palette->frame, width, number, palette->plain,
                   STR_ARG(buf_str(&quoted)));
    }
    if (place->has_rest) {
        buf_printf(out, "%s%*s |%s ...\n", palette->frame, width, "", palette->plain);
    }
}

static void print_place(struct buf *out, const struct error_place *place,
                        const struct palette *palette) {
    if (!place->line.data) {
        buf_printf(out, "%s  -->%s ", palette->frame, palette->plain);
        error_print_text(out, place->file);
        buf_append_byte(out, '\n');
        return;
    }
    unsigned line = place->line_number;
    unsigned last = line;
    struct str rest = place->more, each;
    while (str_split(&rest, '\n', &each)) {
        last++;
    }
    int width = snprintf(NULL, 0, "%u", last);
    _cleanup_buf_ struct buf quoted = BUF_INIT;
    _cleanup_buf_ struct buf carets = BUF_INIT;
    print_quote(&quoted, &carets, quote_of(place));

    buf_printf(out, "%s%*s-->%s ", palette->frame, width, "", palette->plain);
    error_print_text(out, place->file);
    buf_printf(out, ":%u:%u\n", line, place->column);
    buf_printf(out, "%s%*s |%s\n", palette->frame, width, "", palette->plain);
    buf_printf(out, "%s%*u |%s ", palette->frame, width, line, palette->plain);
    buf_append_str(out, buf_str(&quoted));
    buf_printf(out, "\n%s%*s |%s %s", palette->frame, width, "", palette->plain, palette->failure);
    buf_append_str(out, buf_str(&carets));
    buf_printf(out, "%s\n", palette->plain);
    print_more(out, place, width, palette);
}

void error_print_place(struct buf *out, const struct error_place *place, bool is_coloured) {
    print_place(out, place, is_coloured ? &coloured : &uncoloured);
}

static void print_one(struct buf *out, const struct error *error, const struct palette *palette) {
    if (error->code == ERROR_FOUND) {
        error_print_text(out, error->message);
        buf_append_byte(out, '\n');
    }
    for (const struct error *each = error; each && each->code != ERROR_FOUND; each = each->cause) {
        print_labelled(out, palette->failure, each == error ? "error" : "because",
                       each->message ? each->message : "unknown failure", palette);
        if (each->place.file) {
            print_place(out, &each->place, palette);
        }
    }
    for (const struct error *each = error; each; each = each->cause) {
        if (each->hint) {
            print_labelled(out, palette->hint, "hint", each->hint, palette);
        }
    }
}

void error_print(struct buf *out, const struct error *error, bool is_coloured) {
    for (const struct error *each = error; each; each = each->next) {
        print_one(out, each, is_coloured ? &coloured : &uncoloured);
    }
}
