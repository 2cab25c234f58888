#include "base/fs.h"
#include "executor/copy.h"
#include "executor/copy_data.h"
#include "executor/destination.h"
#include "executor/user.h"
#include "executor/work.h"
#include "store/archive.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

/* One COPY, ADD or WORKDIR while it runs. */
struct run {
    const struct work *work;
    const struct step *step;
    const struct rootfs *rootfs;
    const struct tree *source;
    struct arena arena;
    struct copy_rules rules;
    struct destination destination;
    const char *name; /* of the destination, absolute, for messages */
    struct directories directories;
    int directory; /* the destination as a directory; -1: not opened yet */

    uint64_t stamps; /* of what was taken */
    size_t results;
    bool
        has_plain; /* a result that is no archive: it needs the destination to itself, or a directory */
    bool is_directory; /* the present result */
    struct str base;
    bool is_copying; /* COPY has begun for the present result */
    struct copy copy;
    bool has_times; /* the last result was a directory: its times become the destination's */
    struct timespec times[2];
};

static struct timespec timespec_of(int64_t nanoseconds) {
    int64_t seconds = nanoseconds / 1000000000 - (nanoseconds % 1000000000 < 0);
    return (struct timespec){ .tv_sec = seconds,
                              .tv_nsec = (long)(nanoseconds - seconds * 1000000000) };
}

static int check_cancelled(const struct run *run, struct error *error) {
    if (!atomic_load_explicit(run->work->is_cancelled, memory_order_relaxed)) {
        return 0;
    }
    error_set(error, ERROR_INTERRUPTED, "interrupted");
    error->number = SIGINT;
    return -1;
}

/* ---- where results go ---- */

static bool is_directory_form(const struct run *run) {
    return run->destination.is_directory || run->step->file.selection.is_parents;
}

/* The destination as a directory, made if it is missing; stays open for the whole step. */
static int open_destination(struct run *run, struct error *error) {
    if (run->directory < 0) {
        run->directory = directories_open(&run->directories, run->destination.path, error);
    }
    return run->directory;
}

static int end_copy(struct run *run, struct error *error) {
    if (!run->is_copying) {
        return 0;
    }
    run->is_copying = false;
    return copy_end(&run->copy, error);
}

static void begin_copy(struct run *run, int directory, const char *name) {
    copy_begin(&run->copy, &run->rules, directory, name);
    run->is_copying = true;
}

static const char *keyword(const struct run *run) {
    return run->step->file.kind == FILE_ADD ? "ADD" : "COPY";
}

/* Archives share a destination that is no directory yet, since they make it one; nothing else does. */
static int check_room(struct run *run, bool is_archive, struct error *error) {
    bool is_alone = run->results == 1 || (is_archive && !run->has_plain);
    run->has_plain |= !is_archive;
    if (is_alone || is_directory_form(run)) {
        return 0;
    }
    error_set(error, ERROR_INPUT,
              "When using %s with more than one source file, the destination must be a directory "
              "and end with a /",
              keyword(run));
    return error_hint(error, "write the destination as %s/", run->name);
}

/* ---- the results of the walk ---- */

static int begin_tree(struct run *run, const struct selection_result *result, struct error *error) {
    if (check_room(run, false, error) < 0) {
        return -1;
    }
    if (run->destination.is_occupied && !is_directory_form(run)) {
        error_set(error, ERROR_INPUT, "cannot copy to non-directory: %s", run->name);
        return error_hint(error, "a directory's contents need a directory: choose another "
                                 "destination, or remove what is there in an earlier RUN");
    }
    if (open_destination(run, error) < 0) {
        return -1;
    }
    begin_copy(run, run->directory, run->name);
    /* With --parents the directory is only where the pattern starts. */
    run->has_times = !run->step->file.selection.is_parents;
    run->times[0] = result->stat.st_atim;
    run->times[1] = result->stat.st_mtim;
    return 0;
}

static int on_result(void *context, const struct selection_result *result, struct error *error) {
    struct run *run = context;
    if (check_cancelled(run, error) < 0 || end_copy(run, error) < 0) {
        return -1;
    }
    run->results++;
    run->has_times = false;
    run->is_directory = result->is_directory;
    run->base = str_copy(&run->arena, result->base);
    return result->is_directory ? begin_tree(run, result, error) : 0;
}

static int unpack(struct run *run, int source, const struct selection_entry *entry,
                  struct error *error) {
    if (check_room(run, true, error) < 0 || open_destination(run, error) < 0) {
        return -1;
    }
    struct archive_options options = {
        .has_owner = run->step->file.chown.len > 0,
        .uid = run->rules.uid,
        .gid = run->rules.gid,
        .is_rootless = run->work->store->is_rootless,
    };
    const char *name = str_dup(&run->arena, entry->tree_path);
    return archive_unpack(source, name, run->directory, &options, error) < 0
               ? -1
               : copy_check_source(entry, run->rules.is_context, source, error);
}

static int unpack_if_archive(struct run *run, const struct selection_entry *entry, bool *is_archive,
                             struct error *error) {
    *is_archive = false;
    if (!run->step->file.is_unpack || !S_ISREG(entry->stat.st_mode)) {
        return 0;
    }
    _cleanup_fd_ int source = copy_open_source(entry, error);
    if (source < 0 || archive_is_tar(source, is_archive, error) < 0) {
        return -1;
    }
    return *is_archive ? unpack(run, source, entry, error) : 0;
}

/* Where a single file goes: into the destination under its own name, or to the destination itself. The directory is
 * the caller's to close when *IS_OWNED. */
static int open_place(struct run *run, struct str own, struct str *name, bool *is_owned,
                      struct error *error) {
    struct str path = run->destination.path;
    *is_owned = !is_directory_form(run);
    if (!*is_owned) {
        *name = own;
        return open_destination(run, error);
    }
    *name = path_base(path);
    return directories_open(&run->directories, path_above(path), error);
}

static const char *name_of_place(struct run *run, bool is_parent) {
    if (!is_parent) {
        return run->name;
    }
    size_t slash = str_rfind_byte(str_of(run->name), '/');
    return slash ? str_dup(&run->arena, str_sub(str_of(run->name), 0, slash)) : "/";
}

static int copy_single(struct run *run, const struct selection_entry *entry, struct error *error) {
    bool is_owned;
    struct str name;
    int directory = open_place(run, run->base, &name, &is_owned, error);
    if (directory < 0) {
        return -1;
    }
    begin_copy(run, directory, name_of_place(run, is_owned));
    int result = copy_entry(&run->copy, name, entry, error);
    if (end_copy(run, result < 0 ? NULL : error) < 0) {
        result = -1;
    }
    if (is_owned) {
        close(directory);
    }
    return result;
}

static int on_entry(void *context, const struct selection_entry *entry, struct error *error) {
    struct run *run = context;
    if (check_cancelled(run, error) < 0) {
        return -1;
    }
    run->stamps = selection_stamp(run->stamps, entry);
    if (run->is_directory) {
        return copy_entry(&run->copy, entry->path, entry, error);
    }
    bool is_archive;
    if (unpack_if_archive(run, entry, &is_archive, error) < 0) {
        return -1;
    }
    if (is_archive) {
        return 0;
    }
    return check_room(run, false, error) < 0 ? -1 : copy_single(run, entry, error);
}

/* ---- the step ---- */

static int copy_inline_file(struct run *run, const struct inline_file *file, struct error *error) {
    bool is_owned;
    struct str name;
    run->results++;
    run->has_times = false;
    if (check_room(run, false, error) < 0) {
        return -1;
    }
    int directory = open_place(run, file->name, &name, &is_owned, error);
    if (directory < 0) {
        return -1;
    }
    struct timespec time = timespec_of(run->work->plan->timestamp);
    begin_copy(run, directory, name_of_place(run, is_owned));
    int result = str_find_byte(name, '/') != SIZE_MAX
                     ? error_set(error, ERROR_INPUT,
                                 "the heredoc's name %.*s cannot be a file name", STR_ARG(name))
                     : copy_inline(&run->copy, name, file->data,
                                   run->work->plan->has_timestamp ? &time : NULL, error);
    if (end_copy(run, result < 0 ? NULL : error) < 0) {
        result = -1;
    }
    if (is_owned) {
        close(directory);
    }
    return result;
}

static void on_unmatched(void *context, struct str source) {
    const struct run *run = context;
    if (run->work->progress && !run->source->is_context) { /* else the plan has told it */
        progress_note(run->work->progress, "warning: %.*s: nothing in %.*s matches %.*s",
                      STR_ARG(run->step->text), STR_ARG(run->step->inputs[0].label),
                      STR_ARG(source));
    }
}

static int copy_sources(struct run *run, struct error *error) {
    const struct step_file *file = &run->step->file;
    const struct selection_visitor visitor = {
        .result = on_result, .entry = on_entry, .unmatched = on_unmatched, .context = run
    };
    int result = 0;
    if (file->selection.source_count) {
        result = selection_walk(run->source, &file->selection, &visitor, error);
    }
    /* After a failure what is still open is only released. */
    if (end_copy(run, result < 0 ? NULL : error) < 0) {
        return -1;
    }
    if (result < 0) {
        return -1;
    }
    for (size_t i = 0; i < file->inline_file_count; i++) {
        if (check_cancelled(run, error) < 0 ||
            copy_inline_file(run, &file->inline_files[i], error) < 0) {
            return -1;
        }
    }
    bool is_empty = run->results == 0 && file->selection.is_parents;
    return is_empty && open_destination(run, error) < 0 ? -1 : 0;
}

/* Times last: whatever is made in a directory changes its own. */
static int finish(struct run *run, struct error *error) {
    const struct plan *plan = run->work->plan;
    if (plan->has_timestamp &&
        directories_set_time(&run->directories, timespec_of(plan->timestamp), error) < 0) {
        return -1;
    }
    if (run->has_times && futimens(run->directory, run->times) < 0) {
        return error_system(error, "cannot set the time of %s", run->name);
    }
    return 0;
}

static int prepare(struct run *run, struct error *error) {
    const struct step_file *file = &run->step->file;
    int rootfs = run->rootfs->fd;
    struct copy_rules *rules = &run->rules;
    rules->is_link = file->is_link;
    rules->is_context = run->source && run->source->is_context;
    rules->has_owner = rules->is_context || file->chown.len;
    if (chmod_parse(file->chmod, &run->arena, &rules->chmod, error) < 0) {
        return -1;
    }
    if (file->kind == FILE_DIRECTORY) {
        if (user_for_workdir(rootfs, file->chown, &rules->uid, &rules->gid, error) < 0) {
            return -1;
        }
    } else if (file->chown.len &&
               user_for_chown(rootfs, file->chown, &rules->uid, &rules->gid, error) < 0) {
        return -1;
    }
    if (destination_resolve(rootfs, file->destination, file->is_link, &run->arena,
                            &run->destination, error) < 0) {
        return -1;
    }
    run->name = str_printf(&run->arena, "/%.*s", STR_ARG(run->destination.path)).data;
    run->directories = (struct directories){
        .rootfs = rootfs,
        .metadata = { rules->uid, rules->gid, chmod_of_made_directory(&rules->chmod) },
        .is_link = file->is_link,
        .arena = &run->arena,
    };
    return 0;
}

static int perform(struct run *run, struct error *error) {
    if (prepare(run, error) < 0) {
        return -1;
    }
    if (run->step->file.kind == FILE_DIRECTORY) {
        if (open_destination(run, error) < 0) {
            return -1;
        }
    } else if (copy_sources(run, error) < 0) {
        return -1;
    }
    return finish(run, error);
}

static int explain(const struct run *run, struct error *error) {
    if (!error) {
        return -1;
    }
    if (error->code == ERROR_SYSTEM && (error->number == ENOSPC || error->number == EDQUOT)) {
        error_hint(error, "the store's disk is full: free some space, or remove images you do not "
                          "need with bud rmi");
    }
    const struct dockerfile *dockerfile = run->work->plan->dockerfile;
    if (dockerfile && run->step->instruction) {
        error_at(error, dockerfile->name, dockerfile->source, run->step->instruction->span);
        step_tell_trigger(run->step, error);
    }
    return -1;
}

int file_step_run(const struct work *work, const struct step *step, const struct rootfs *rootfs,
                  const struct tree *source, uint64_t *stamps, struct error *error) {
    struct run run = {
        .work = work, .step = step, .rootfs = rootfs, .source = source, .directory = -1
    };
    int result = perform(&run, error);
    if (result < 0) {
        explain(&run, error);
    }
    if (stamps) {
        *stamps = run.stamps;
    }
    cleanup_fd(&run.directory);
    arena_free(&run.arena);
    return result;
}
