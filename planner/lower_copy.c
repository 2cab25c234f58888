#include "base/fs.h"
#include "base/remote.h"
#include "base/vec.h"
#include "parser/heredoc.h"
#include "planner/lower.h"
#include "planner/values.h"

#include <stdlib.h>

/* The destination as files.md §1 says: joined with the directory, cleaned, a trailing slash kept. */
static struct str destination(const struct lowering *lowering, struct str text) {
    struct arena *arena = lowering->arena;
    bool is_directory = text.len == 0 || str_equal_c(text, ".") || str_has_suffix(text, STR("/")) ||
                        str_has_suffix(text, STR("/."));
    struct str base = path_join(arena, STR("/"), lower_directory(lowering));
    struct str path = text.len > 0 ? path_join(arena, base, text) : base;
    if (is_directory && !str_has_suffix(path, STR("/"))) {
        path = str_printf(arena, "%.*s/", STR_ARG(path));
    }
    return path;
}

static int hint_fetch(enum remote_kind kind, struct error *error) {
    return error_hint(
        error,
        kind == REMOTE_HTTP
            ? "download it before the build and COPY the file, or use `RUN curl -fsSLO URL` "
              "in a stage that has curl"
            : "clone it before the build and COPY the directory, or use `RUN git clone` in a "
              "stage that has git");
}

int value_check_copy_source(struct str source, struct error *error) {
    enum remote_kind kind = remote_kind_of(source);
    if (kind == REMOTE_NONE) {
        return 0;
    }
    error_set(error, ERROR_INPUT, "source can't be a %s for COPY",
              kind == REMOTE_HTTP ? "URL" : "git ref");
    return hint_fetch(kind, error);
}

static int check_source(const struct lowering *lowering, const struct ast_word *word,
                        struct str source, struct error *error) {
    bool is_copy = lowering->instruction->kind == INSTRUCTION_COPY;
    int result = is_copy ? value_check_copy_source(source, error) : 0;
    enum remote_kind kind = remote_kind_of(source);
    if (!is_copy && kind != REMOTE_NONE) {
        error_set(error, ERROR_UNSUPPORTED, "ADD of a %s is not supported: %.*s",
                  kind == REMOTE_HTTP ? "URL" : "git repository",
                  STR_ARG(remote_shown(source, lowering->arena)));
        result = hint_fetch(kind, error);
    }
    return result < 0 ? lower_error_at(lowering, word->span, error) : 0;
}

static int lower_sources(struct lowering *lowering, struct step_file *file, struct error *error) {
    const struct instruction *instruction = lowering->instruction;
    size_t count = instruction->copy.source_count;
    struct str *sources = arena_array(lowering->arena, count, sizeof(*sources));
    for (size_t i = 0; i < count; i++) {
        const struct ast_word *word = &instruction->copy.sources[i];
        if (lower_word(lowering, word, &sources[i], error) ||
            check_source(lowering, word, sources[i], error)) {
            return -1;
        }
        if (sources[i].len == 0) { /* BuildKit takes it for the root as well */
            planning_warn(lowering->planning,
                          "line %u: the source %.*s expands to nothing: everything is copied",
                          instruction->line, STR_ARG(word->text));
        }
    }
    file->selection.sources = sources;
    file->selection.source_count = count;
    file->selection.is_parents = instruction->copy.is_parents;
    return 0;
}

static int lower_inline_files(struct lowering *lowering, struct step_file *file,
                              struct error *error) {
    const struct instruction *instruction = lowering->instruction;
    size_t count = instruction->copy.inline_file_count;
    file->inline_files = arena_array(lowering->arena, count, sizeof(*file->inline_files));
    file->inline_file_count = count;
    for (size_t i = 0; i < count; i++) {
        const struct ast_heredoc *heredoc = instruction->copy.inline_files[i];
        struct str body = heredoc_content(heredoc, lowering->arena);
        if (heredoc->is_expanded && scope_expand_body(&lowering->scope, body, &body, error)) {
            return lower_error_at(lowering, heredoc->body_span, error);
        }
        bool is_name = str_find_byte(heredoc->name, '/') == SIZE_MAX &&
                       !str_equal_c(heredoc->name, ".") && !str_equal_c(heredoc->name, "..");
        if (!is_name) { /* it would be the file's name below the destination */
            error_set(error, ERROR_INPUT, "the heredoc delimiter %.*s cannot be a file name",
                      STR_ARG(heredoc->name));
            error_hint(error, "choose a plain word such as EOF");
            return lower_error_at(lowering, heredoc->span, error);
        }
        file->inline_files[i] = (struct inline_file){ heredoc->name, body };
    }
    return 0;
}

static int lower_excludes(struct lowering *lowering, struct step_file *file, struct error *error) {
    const struct instruction *instruction = lowering->instruction;
    size_t count = instruction->copy.exclude_count;
    if (count == 0) {
        return 0;
    }
    struct str *texts = arena_array(lowering->arena, count, sizeof(*texts));
    for (size_t i = 0; i < count; i++) {
        texts[i] = instruction->copy.excludes[i].text;
    }
    struct ignore *excludes;
    if (ignore_from_patterns(texts, count, lowering->arena, &excludes, error)) {
        return lower_error_at(lowering, instruction->copy.excludes[0].span, error);
    }
    file->selection.excludes = excludes;
    file->selection.exclude_texts = texts;
    file->selection.exclude_count = count;
    return 0;
}

int value_check_mode(struct str mode, struct error *error) {
    uint64_t bits;
    bool is_number = mode.len > 0 && mode.data[0] >= '0' && mode.data[0] <= '9';
    if (!is_number || str_parse_uint(mode, 8, 07777, &bits)) {
        return 0;
    }
    error_set(error, ERROR_INPUT,
              "invalid chmod parameter: '%.*s'. it should be octal string and between 0 and 07777",
              STR_ARG(mode));
    return error_hint(error, "write it as 0644 or as u=rw,go=r");
}

/* "" or "1000:1000": nothing has to be looked up in the image. */
static bool is_numeric(struct str chown) {
    for (size_t i = 0; i < chown.len; i++) {
        if ((chown.data[i] < '0' || chown.data[i] > '9') && chown.data[i] != ':') {
            return false;
        }
    }
    return true;
}

/* What stands on more steps than the kernel mounts as an overlay will not be built anyway. */
#define MAX_DEPTH 500

static int lower_flags(struct lowering *lowering, struct step_file *file, struct error *error) {
    const struct instruction *instruction = lowering->instruction;
    if (instruction->copy.checksum.text.len > 0) {
        error_set(error, ERROR_INPUT, "checksum requires HTTP(S) or Git sources");
        return lower_error_at(lowering, instruction->copy.checksum.span, error);
    }
    if (lower_word(lowering, &instruction->copy.chown, &file->chown, error) ||
        lower_word(lowering, &instruction->copy.chmod, &file->chmod, error)) {
        return -1;
    }
    if (value_check_mode(file->chmod, error)) {
        return lower_error_at(lowering, instruction->copy.chmod.span, error);
    }
    file->is_link = instruction->copy.is_link;
    file->is_independent = file->is_link && is_numeric(file->chown) &&
                           (!lowering->last || lowering->last->depth < MAX_DEPTH) &&
                           lowering->planning->store->driver == STORE_OVERLAY;
    file->is_unpack =
        file->kind == FILE_ADD && (!instruction->copy.has_unpack || instruction->copy.is_unpack);
    return lower_excludes(lowering, file, error);
}

static struct str created_by(const struct lowering *lowering, const struct step_file *file,
                             struct str written_destination) {
    _cleanup_buf_ struct buf text = BUF_INIT;
    buf_append_c(&text, file->kind == FILE_ADD ? "ADD" : "COPY");
    if (file->selection.is_parents) {
        buf_append_c(&text, " --parents");
    }
    if (file->chown.len > 0) {
        buf_printf(&text, " --chown=%.*s", STR_ARG(file->chown));
    }
    if (file->chmod.len > 0) {
        buf_printf(&text, " --chmod=%.*s", STR_ARG(file->chmod));
    }
    for (size_t i = 0; i < file->selection.source_count; i++) {
        buf_append_byte(&text, ' ');
        buf_append_str(&text, file->selection.sources[i]);
    }
    for (size_t i = 0; i < file->inline_file_count; i++) {
        buf_append_c(&text, " <<");
        buf_append_str(&text, file->inline_files[i].name);
    }
    buf_append_byte(&text, ' ');
    buf_append_str(&text, written_destination);
    buf_append_c(&text, " # buildkit");
    return str_copy(lowering->arena, buf_str(&text));
}

int lower_copy(struct lowering *lowering, struct error *error) {
    const struct instruction *instruction = lowering->instruction;
    struct step *step = lower_new_step(lowering, STEP_FILE, lower_text(lowering));
    struct step_file *file = &step->file;
    file->kind = instruction->kind == INSTRUCTION_ADD ? FILE_ADD : FILE_COPY;
    struct str written;
    if (lower_word(lowering, &instruction->copy.destination, &written, error) ||
        lower_sources(lowering, file, error) || lower_flags(lowering, file, error) ||
        lower_inline_files(lowering, file, error)) {
        return -1;
    }
    file->destination = destination(lowering, written);
    if (file->selection.source_count > 0) {
        step->inputs = arena_array(lowering->arena, 1, sizeof(*step->inputs));
        step->input_count = 1;
        struct span span = instruction->copy.from.text.len > 0 ? instruction->copy.from.span
                                                               : instruction->copy.sources[0].span;
        if (lower_input(lowering, instruction->copy.from.text, false, span, &step->inputs[0],
                        error)) {
            return -1;
        }
        step->inputs[0].selection = &file->selection;
    }
    lower_finish_step(lowering, step, created_by(lowering, file, written));
    return 0;
}
