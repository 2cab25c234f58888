/* `bud check --fix`: the rewrites that a program may make, and nothing else changed. */
#include "base/fs.h"
#include "cli/check.h"
#include "cli/diff.h"
#include "cli/replace.h"

#include <stdlib.h>
#include <unistd.h>

/* A fix may make the next one possible: FROM in upper case, then its AS. More rounds than rules that depend on each
 * other would be a mistake of ours. */
enum { ROUNDS = 10 };

/* Returns how many. */
static size_t tell(struct buf *out, const struct check_file *file, const bool *applied) {
    size_t count = 0;
    struct check_lines lines;
    check_lines_make(&lines, file);
    for (size_t i = 0; i < file->report.count; i++) {
        const struct lint_finding *finding = &file->report.findings[i];
        if (applied[i]) {
            count++;
            struct error_place place = check_place(&lines, finding->span);
            _cleanup_buf_ struct buf text = BUF_INIT;
            buf_printf(&text, "fixed: %s:%u: %s: %.*s", file->name, place.line_number,
                       lint_rules[finding->rule].name, STR_ARG(finding->hint));
            error_print_text(out, text.data);
            buf_append_byte(out, '\n');
        }
    }
    check_lines_free(&lines);
    return count;
}

/* One round: *is_done when there was nothing to do. */
static int fix_once(struct check_run *run, struct check_file *file, struct arena *arena,
                    struct buf *told, bool *is_done, struct error *error) {
    _cleanup_buf_ struct buf text = BUF_INIT;
    const struct dockerfile *before = file->dockerfile;
    bool *applied = arena_array(arena, file->report.count, sizeof(*applied));
    *is_done = !before || lint_apply(&file->report, file->source, &text, applied) == 0;
    if (*is_done) {
        return 0;
    }
    struct check_file fixed = *file;
    check_look(run, str_copy(arena, buf_str(&text)), &fixed);
    if (!fixed.dockerfile || !lint_is_same(before, fixed.dockerfile)) {
        error_clear(&fixed.report.error);
        error_set(error, ERROR_FAILED, "%s is left as it is: the fixes would change what it says",
                  file->name);
        return error_hint(error, "this is a mistake of bud; `bud check` without --fix shows what "
                                 "to do by hand");
    }
    fixed.fixed += tell(told, file, applied);
    error_clear(&file->report.error);
    *file = fixed;
    return 0;
}

int check_fix(struct check_run *run, const struct check_fixing *fixing, struct check_file *file,
              struct arena *arena, struct error *error) {
    _cleanup_buf_ struct buf told = BUF_INIT, out = BUF_INIT;
    struct str before = file->source;
    bool is_done = false;
    for (int i = 0; i < ROUNDS && !is_done; i++) {
        if (fix_once(run, file, arena, &told, &is_done, error) < 0) {
            return -1;
        }
    }
    bool is_changed = !str_equal(before, file->source);
    if (fixing->is_diff) {
        diff_print(&out, file->name, before, file->source, fixing->is_coloured);
        return output_write(&out, error);
    }
    if (!file->path) {
        buf_append_str(&out, file->source);
        if (output_write(&out, error) < 0) {
            return -1;
        }
    } else if (is_changed && replace_file(file->path, file->source, error) < 0) {
        return -1;
    }
    return told.len > 0 ? fs_write_all(STDERR_FILENO, "standard error", told.data, told.len, error)
                        : 0;
}
