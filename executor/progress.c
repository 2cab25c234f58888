#include "executor/progress.h"

#include "base/fs.h"
#include "base/str.h"
#include "planner/print.h"

#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

/* A quiet build shows the output of the step that failed; this much of its end is kept for that. */
#define KEPT_OUTPUT ((size_t)256 * 1024)

struct progress {
    int out;
    const struct plan *plan;
    bool is_quiet;
    bool is_explaining;
    pthread_mutex_t lock;
    struct buf *pending; /* by step id: an unfinished line, or, quiet, the end of the output */
};

struct progress *progress_new(int out, const struct plan *plan, bool is_quiet, bool is_explaining) {
    struct progress *progress = xcalloc(1, sizeof(*progress));
    progress->out = out;
    progress->plan = plan;
    progress->is_quiet = is_quiet;
    progress->is_explaining = is_explaining;
    pthread_mutex_init(&progress->lock, NULL);
    progress->pending = xcalloc(plan->step_count + 1, sizeof(struct buf));
    return progress;
}

void progress_free(struct progress *progress) {
    if (progress == NULL) {
        return;
    }
    for (size_t i = 0; i < progress->plan->step_count; i++) {
        buf_free(&progress->pending[i]);
    }
    free(progress->pending);
    pthread_mutex_destroy(&progress->lock);
    free(progress);
}

/* An image that only --from names is no step of a stage. */
static bool is_beside_stages(const struct step *step) {
    return step->kind == STEP_SOURCE && step->number == 0;
}

/* "[build 2/5] ", or "[2/5] " where there is only one stage; "[image debian] ". */
static void append_label(struct buf *line, const struct progress *progress,
                         const struct step *step) {
    if (is_beside_stages(step)) {
        buf_printf(line, "[%.*s] ", STR_ARG(step->text));
        return;
    }
    buf_append_c(line, "[");
    if (progress->plan->stage_count > 1) {
        buf_append_str(line, step->stage->label);
        buf_append_c(line, " ");
    }
    buf_printf(line, "%u/%u] ", step->number, step->stage->step_count);
}

/* Only the first line of a step's text: a heredoc would fill the screen. */
static struct str first_line(struct str text) {
    return str_sub(text, 0, str_find_byte(text, '\n'));
}

/* Progress that cannot be shown is no reason to fail a build. */
static void write_out(const struct progress *progress, const struct buf *text) {
    fs_write_all(progress->out, "standard error", text->data, text->len, NULL);
}

static void announce(struct progress *progress, const struct step *step, const char *state) {
    _cleanup_buf_ struct buf line = BUF_INIT;
    if (step->kind != STEP_IMAGE) {
        append_label(&line, progress, step);
    }
    if (is_beside_stages(step)) {
        line.len--; /* the label says it all */
    } else {
        print_whole(&line, first_line(step->text));
    }
    struct str image = print_source_name(step, step->text);
    if (image.len > 0) {
        buf_append_c(&line, " = ");
        print_whole(&line, image);
    }
    buf_append_c(&line, state);
    if (progress->is_explaining && step->state != STEP_HIT && step->reason.len > 0) {
        buf_append_c(&line, "\n    because: ");
        print_whole(&line, step->reason);
    }
    buf_append_c(&line, "\n");
    write_out(progress, &line);
}

void progress_begin(struct progress *progress, const struct step *step) {
    if (!progress->is_quiet) {
        pthread_mutex_lock(&progress->lock);
        announce(progress, step, "");
        pthread_mutex_unlock(&progress->lock);
    }
}

void progress_image(struct progress *progress, const struct step *image) {
    if (progress->is_explaining && image->reason.len > 0) {
        progress_begin(progress, image);
    }
}

void progress_hit(struct progress *progress, const struct step *step) {
    if (!progress->is_quiet) {
        pthread_mutex_lock(&progress->lock);
        announce(progress, step, step->kind == STEP_SOURCE ? "" : "  (cached)");
        pthread_mutex_unlock(&progress->lock);
    }
}

static void append_line(struct buf *out, const struct progress *progress, const struct step *step,
                        struct str line) {
    if (progress->plan->stage_count > 1) {
        append_label(out, progress, step);
    }
    buf_append_str(out, line);
    buf_append_c(out, "\n");
}

static void keep_end(struct buf *pending, const char *data, size_t len) {
    if (len > KEPT_OUTPUT) {
        data += len - KEPT_OUTPUT;
        len = KEPT_OUTPUT;
    }
    if (pending->len + len > KEPT_OUTPUT) {
        size_t drop = pending->len + len - KEPT_OUTPUT;
        memmove(pending->data, pending->data + drop, pending->len - drop);
        pending->len -= drop;
    }
    buf_append(pending, data, len);
}

void progress_output(struct progress *progress, const struct step *step, const char *data,
                     size_t len) {
    pthread_mutex_lock(&progress->lock);
    struct buf *pending = &progress->pending[step->id];
    if (progress->is_quiet) {
        keep_end(pending, data, len);
        pthread_mutex_unlock(&progress->lock);
        return;
    }
    _cleanup_buf_ struct buf out = BUF_INIT;
    struct str rest = str_make(data, len);
    size_t end;
    while ((end = str_find_byte(rest, '\n')) != SIZE_MAX) {
        buf_append(pending, rest.data, end);
        append_line(&out, progress, step, buf_str(pending));
        buf_reset(pending);
        rest = str_from(rest, end + 1);
    }
    buf_append_str(pending, rest);
    if (pending->len > KEPT_OUTPUT) { /* a line without end is not collected without end */
        append_line(&out, progress, step, buf_str(pending));
        buf_reset(pending);
    }
    write_out(progress, &out);
    pthread_mutex_unlock(&progress->lock);
}

void progress_end(struct progress *progress, const struct step *step, bool is_ok,
                  uint64_t duration) {
    pthread_mutex_lock(&progress->lock);
    struct buf *pending = &progress->pending[step->id];
    _cleanup_buf_ struct buf out = BUF_INIT;
    if (pending->len > 0 && (!progress->is_quiet || !is_ok)) {
        struct str rest = buf_str(pending);
        struct str line;
        if (str_has_suffix(rest, STR("\n"))) {
            rest.len--;
        }
        while (str_split(&rest, '\n', &line)) {
            append_line(&out, progress, step, line);
        }
    }
    buf_reset(pending);
    /* Short steps say nothing more; for long ones the time is worth a line. */
    if (is_ok && !progress->is_quiet && duration >= 1000000000) {
        append_label(&out, progress, step);
        buf_printf(&out, "done in %.1f s\n", (double)duration / 1e9);
    }
    write_out(progress, &out);
    pthread_mutex_unlock(&progress->lock);
}

void progress_note(struct progress *progress, const char *format, ...) {
    if (progress->is_quiet) {
        return;
    }
    _cleanup_buf_ struct buf line = BUF_INIT;
    va_list arguments;
    va_start(arguments, format);
    buf_vprintf(&line, format, arguments);
    va_end(arguments);
    buf_append_c(&line, "\n");
    pthread_mutex_lock(&progress->lock);
    write_out(progress, &line);
    pthread_mutex_unlock(&progress->lock);
}
