/* Findings for people: as errors look, with the name of the rule. */
#include "base/fs.h"
#include "cli/check.h"

#include <stdlib.h>

/* ---- places -------------------------------------------------------------------------------------------- */

void check_lines_make(struct check_lines *lines, const struct check_file *file) {
    VEC(uint32_t) starts = VEC_INIT;
    struct str source = file->source;
    vec_push(&starts, 0);
    for (size_t at = 0, len; (len = str_find_byte(str_from(source, at), '\n')) != SIZE_MAX;) {
        at += len + 1;
        vec_push(&starts, (uint32_t)at);
    }
    *lines = (struct check_lines){ file, starts.items, starts.count };
}

void check_lines_free(struct check_lines *lines) {
    free(lines->starts);
}

static void find_line(const struct check_lines *lines, uint32_t at, unsigned *line,
                      unsigned *column) {
    size_t low = 0, high = lines->count;
    while (high - low > 1) {
        size_t middle = low + (high - low) / 2;
        if (lines->starts[middle] <= at) {
            low = middle;
        } else {
            high = middle;
        }
    }
    *line = (unsigned)low + 1;
    *column = at - lines->starts[low] + 1;
}

struct error_place check_place(const struct check_lines *lines, struct span span) {
    struct error_place place = { .file = (char *)(uintptr_t)lines->file->name, .span = span };
    find_line(lines, span.start, &place.line_number, &place.column);
    find_line(lines, span.end, &place.end_line, &place.end_column);
    size_t start = lines->starts[place.line_number - 1];
    size_t end = place.line_number < lines->count ? lines->starts[place.line_number] - 1
                                                  : lines->file->source.len;
    place.line = str_sub(lines->file->source, start, end);
    if (str_has_suffix(place.line, STR("\r"))) {
        place.line.len--;
    }
    return place;
}

/* ---- text ---------------------------------------------------------------------------------------------- */

static void print_text(struct buf *out, const char *colour, const char *label, const char *text,
                       bool is_coloured) {
    buf_printf(out, "%s%s:%s ", is_coloured ? colour : "", label, is_coloured ? "\033[0m" : "");
    error_print_text(out, text);
    buf_append_byte(out, '\n');
}

static void print_finding(struct check_output *output, const struct check_lines *lines,
                          const struct lint_finding *finding) {
    struct buf *out = &output->text;
    _cleanup_buf_ struct buf message = BUF_INIT, hint = BUF_INIT;
    buf_printf(&message, "%s: %.*s", lint_rules[finding->rule].name, STR_ARG(finding->message));
    print_text(out, "\033[1;33m", "warning", message.data, output->is_coloured);
    struct error_place place = check_place(lines, finding->span);
    error_print_place(out, &place, output->is_coloured);
    if (finding->hint.len > 0) {
        buf_printf(&hint, "%.*s", STR_ARG(finding->hint));
        print_text(out, "\033[1;36m", "hint", hint.data, output->is_coloured);
    }
}

static int flush(struct check_output *output, struct error *error) {
    struct buf *text = &output->text;
    if (text->len == 0) {
        return 0;
    }
    int result = fs_write_all(output->descriptor, "standard output", text->data, text->len, error);
    buf_reset(text);
    return result;
}

int check_output_add(struct check_output *output, const struct check_file *file,
                     struct error *error) {
    const struct lint_report *report = &file->report;
    output->files++;
    output->fixed += file->fixed;
    output->warnings += report->count;
    for (size_t i = 0; i < report->count; i++) {
        output->fixable += report->findings[i].edit_count > 0;
    }
    for (const struct error *each = &report->error; each && each->code; each = each->next) {
        output->errors += each->code == ERROR_INPUT && each->number > 0 ? (size_t)each->number : 1;
    }
    if (output->format != CHECK_TEXT) {
        check_json_add(output, file);
        return 0;
    }
    if (report->error.code != ERROR_NONE) {
        error_print(&output->text, &report->error, output->is_coloured);
    }
    if (report->count > 0) {
        struct check_lines lines;
        check_lines_make(&lines, file);
        for (size_t i = 0; i < report->count; i++) {
            print_finding(output, &lines, &report->findings[i]);
        }
        check_lines_free(&lines);
    }
    return output->text.len > 1 << 16 ? flush(output, error) : 0;
}

static void print_number(struct buf *out, size_t number, const char *what) {
    if (number > 0) {
        buf_printf(out, "%s%zu %s%s", out->len > 0 ? ", " : "", number, what,
                   number > 1 ? "s" : "");
    }
}

/* `3 fixed, 1 error, 2 warnings left in 2 files`; without anything to say of one file it is empty. */
static void print_numbers(struct buf *out, const struct check_output *output) {
    _cleanup_buf_ struct buf left = BUF_INIT;
    print_number(&left, output->errors, "error");
    print_number(&left, output->warnings, "warning");
    if (output->fixed > 0) {
        buf_printf(out, "%zu fixed, %s left", output->fixed, left.len > 0 ? left.data : "nothing");
    } else if (left.len > 0) {
        buf_append_str(out, buf_str(&left));
    }
    if (output->files > 1) {
        buf_printf(out, "%s in %zu files", out->len > 0 ? "" : "no warnings", output->files);
    }
}

int check_output_finish(struct check_output *output, struct error *error) {
    _cleanup_buf_ struct buf numbers = BUF_INIT;
    print_numbers(&numbers, output);
    if (output->format != CHECK_TEXT) {
        check_json_finish(output);
    } else if (output->errors + output->warnings == 0 && output->files > 0) {
        buf_printf(&output->text, "%s\n", numbers.len > 0 ? numbers.data : "no warnings");
    }
    if (flush(output, error) < 0) {
        return -1;
    }
    if (output->errors + output->warnings == 0) {
        return 0;
    }
    if (output->fixable > 0) {
        buf_printf(&numbers, ", %zu of which --fix can mend", output->fixable);
    }
    return error_set(error, ERROR_FOUND, "%s", numbers.data);
}

void check_output_free(struct check_output *output) {
    buf_free(&output->text);
    json_decref(output->results);
}
