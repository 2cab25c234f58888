/* image_config: the configuration of the image a stage would become, folded instruction by instruction.
 *
 * Read from a base image's config blob, copied from stage to stage, written out by the commit (OCI image-spec,
 * config.md, with docker's Healthcheck, OnBuild, Shell and ArgsEscaped always written). Arena-allocated. */
#ifndef BUD_PLANNER_IMAGE_CONFIG_H
#define BUD_PLANNER_IMAGE_CONFIG_H

#include "base/arena.h"
#include "base/error.h"

struct str_list {
    struct str *items;
    size_t count;
    size_t capacity;
    bool is_set; /* tells [] from null where that matters (Cmd, Entrypoint) */
};

/* More variables, labels or volumes than this are refused. */
enum { NAMES_MAX = 10000 };

struct name_value { /* ENV, LABEL, ARG */
    struct str name;
    struct str value;
};

struct name_values { /* in order of first definition */
    struct name_value *items;
    size_t count;
    size_t capacity;
};

struct healthcheck {
    struct str_list test;                                    /* empty: none given */
    int64_t interval, timeout, start_period, start_interval; /* ns */
    int64_t retries;
};

struct step;

struct history_entry {
    struct str created_by;
    struct str comment;
    struct str author;
    bool is_empty_layer;
    bool has_created;
    int64_t created; /* ns; known for base entries */
    const struct step
        *step; /* whose completion gives `created` (and, unless empty, the layer); NULL: base */
};

struct image_config {
    struct str architecture, os, variant, os_version;
    struct str author;
    bool has_created;
    int64_t created;
    struct str user, working_dir, stop_signal;
    struct name_values env, labels;
    struct str_list exposed_ports, volumes; /* sets, sorted when written */
    struct str_list entrypoint, cmd, shell, on_build;
    bool is_args_escaped;
    struct healthcheck healthcheck;
    struct str_list diff_ids; /* of the base image, then of new layers when committing */
    struct history_entry *history;
    size_t history_count, history_capacity;
};

/* The empty config of `scratch`: WorkingDir "/", the platform of this machine. */
void image_config_scratch(struct image_config *out);
/* Reads a config blob; wrong types are ERROR_CORRUPT with the member's name. Strings are copied into ARENA. */
int image_config_parse(struct str json, struct arena *arena, struct image_config *out,
                       struct error *error);
void image_config_copy(struct image_config *out, const struct image_config *in,
                       struct arena *arena);
/* The blob: compact JSON, members in the order of BuildKit's output, deterministic. `created` and every history time
 * must be filled in. */
void image_config_write(struct buf *out, const struct image_config *config);
/* The same without any time: what an image is apart from when it was made (the image step's key). */
void image_config_write_untimed(struct buf *out, const struct image_config *config);
void image_config_push_history(struct image_config *config, struct arena *arena,
                               struct history_entry entry);

/* Replaces in place or appends. */
void name_values_set(struct name_values *list, struct arena *arena, struct str name,
                     struct str value);
const struct str *name_values_get(const struct name_values *list, struct str name);
void str_list_push(struct str_list *list, struct arena *arena, struct str item);

#endif
