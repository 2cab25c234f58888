#include "cli/diff.h"

#include "base/error.h"
#include "base/vec.h"

#include <stdlib.h>

enum {
    CONTEXT = 3,
    TABLE_SIZE = 16 << 20, /* cells; a longer changed part is replaced as a whole */
};

typedef VEC(struct str) lines_of_text;

enum change { KEPT, REMOVED, ADDED };

struct step {
    enum change change;
    struct str line;
    size_t before, after; /* how many lines of each come first */
};

struct diff {
    lines_of_text before, after;
    VEC(struct step) steps;
};

static void split(struct str text, lines_of_text *lines) {
    while (text.len > 0) {
        size_t end = str_find_byte(text, '\n');
        size_t len = end == SIZE_MAX ? text.len : end + 1;
        vec_push(lines, str_sub(text, 0, len));
        text = str_from(text, len);
    }
}

static void push(struct diff *diff, enum change change, struct str line, size_t before,
                 size_t after) {
    vec_push(&diff->steps, (struct step){ change, line, before, after });
}

/* Lines [b, b_end) become [a, a_end): longest common subsequence, or everything replaced. */
static void compare(struct diff *diff, size_t b, size_t b_end, size_t a, size_t a_end) {
    size_t width = a_end - a + 1, height = b_end - b + 1;
    const struct str *before = diff->before.items, *after = diff->after.items;
    uint32_t *table = NULL;
    if (height <= TABLE_SIZE / width) {
        table = xcalloc(height * width, sizeof(*table));
        for (size_t i = height - 1; i-- > 0;) {
            for (size_t j = width - 1; j-- > 0;) {
                uint32_t down = table[(i + 1) * width + j], right = table[i * width + j + 1];
                table[i * width + j] = str_equal(before[b + i], after[a + j])
                                           ? table[(i + 1) * width + j + 1] + 1
                                       : down > right ? down
                                                      : right;
            }
        }
    }
    size_t i = 0, j = 0;
    while (i + 1 < height || j + 1 < width) {
        bool has_both = i + 1 < height && j + 1 < width;
        if (table && has_both && str_equal(before[b + i], after[a + j])) {
            push(diff, KEPT, before[b + i], b + i, a + j);
            i++;
            j++;
        } else if (i + 1 < height && (!has_both || !table ||
                                      table[(i + 1) * width + j] >= table[i * width + j + 1])) {
            push(diff, REMOVED, before[b + i], b + i, a + j);
            i++;
        } else {
            push(diff, ADDED, after[a + j], b + i, a + j);
            j++;
        }
    }
    free(table);
}

static void make_steps(struct diff *diff) {
    size_t before = diff->before.count, after = diff->after.count, same = 0;
    while (same < before && same < after &&
           str_equal(diff->before.items[same], diff->after.items[same])) {
        push(diff, KEPT, diff->before.items[same], same, same);
        same++;
    }
    while (before > same && after > same &&
           str_equal(diff->before.items[before - 1], diff->after.items[after - 1])) {
        before--;
        after--;
    }
    compare(diff, same, before, same, after);
    for (; before < diff->before.count; before++, after++) {
        push(diff, KEPT, diff->before.items[before], before, after);
    }
}

static void print_line(struct buf *out, const struct step *step, bool is_coloured) {
    static const char marks[] = { ' ', '-', '+' };
    static const char *const colours[] = { "", "\033[31m", "\033[32m" };
    bool has_colour = is_coloured && step->change != KEPT;
    bool has_end = str_has_suffix(step->line, STR("\n"));
    _cleanup_buf_ struct buf text = BUF_INIT;
    buf_append_str(&text, str_sub(step->line, 0, step->line.len - has_end));
    buf_append_byte(&text, '\0');
    buf_printf(out, "%s%c", has_colour ? colours[step->change] : "", marks[step->change]);
    if (is_coloured) {
        error_print_text(out, text.data); /* to a terminal, which nothing in it may steer */
    } else {
        buf_append_str(out, str_sub(step->line, 0, step->line.len - has_end));
    }
    buf_append_c(out, has_colour ? "\033[0m\n" : "\n");
    if (!has_end) {
        buf_append_c(out, "\\ No newline at end of file\n");
    }
}

/* The end of the hunk that begins at FIRST: its last change and the lines behind it. */
static size_t hunk_end(const struct diff *diff, size_t first) {
    size_t last = first;
    for (size_t i = first; i < diff->steps.count && i <= last + 2 * CONTEXT; i++) {
        last = diff->steps.items[i].change != KEPT ? i : last;
    }
    size_t end = last + CONTEXT + 1;
    return end < diff->steps.count ? end : diff->steps.count;
}

static void print_range(struct buf *out, char mark, size_t start, size_t count) {
    buf_printf(out, "%c%zu", mark, count > 0 ? start + 1 : start);
    if (count != 1) {
        buf_printf(out, ",%zu", count);
    }
}

static void print_hunk(struct buf *out, const struct diff *diff, size_t from, size_t to,
                       bool is_coloured) {
    size_t removed = 0, added = 0;
    for (size_t i = from; i < to; i++) {
        removed += diff->steps.items[i].change != ADDED;
        added += diff->steps.items[i].change != REMOVED;
    }
    buf_append_c(out, is_coloured ? "\033[36m@@ " : "@@ ");
    print_range(out, '-', diff->steps.items[from].before, removed);
    buf_append_byte(out, ' ');
    print_range(out, '+', diff->steps.items[from].after, added);
    buf_append_c(out, is_coloured ? " @@\033[0m\n" : " @@\n");
    for (size_t i = from; i < to; i++) {
        print_line(out, &diff->steps.items[i], is_coloured);
    }
}

void diff_print(struct buf *out, const char *name, struct str before, struct str after,
                bool is_coloured) {
    struct diff diff = { 0 };
    if (str_equal(before, after)) {
        return;
    }
    split(before, &diff.before);
    split(after, &diff.after);
    make_steps(&diff);
    buf_append_c(out, "--- ");
    error_print_text(out, name);
    buf_append_c(out, "\n+++ ");
    error_print_text(out, name);
    buf_append_byte(out, '\n');
    for (size_t i = 0; i < diff.steps.count;) {
        if (diff.steps.items[i].change == KEPT) {
            i++;
            continue;
        }
        size_t end = hunk_end(&diff, i);
        print_hunk(out, &diff, i > CONTEXT ? i - CONTEXT : 0, end, is_coloured);
        i = end;
    }
    vec_free(&diff.before);
    vec_free(&diff.after);
    vec_free(&diff.steps);
}
