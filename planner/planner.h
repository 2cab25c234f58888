/* planner: AST to plan. Starts no process, changes no image; writes only what it learned of the context. */
#ifndef BUD_PLANNER_PLANNER_H
#define BUD_PLANNER_PLANNER_H

#include "planner/plan.h"
#include "planner/platform.h"
#include "store/store.h"

struct plan_request {
    const struct dockerfile *dockerfile; /* must outlive the plan */
    const char *context;                 /* directory, or NULL: none (COPY from it is an error) */
    const char *
        context_origin; /* it was fetched from there: what people are shown, and places; NULL: it is the user's */
    bool has_no_files;           /* a Dockerfile came from there alone */
    const char *dockerfile_path; /* for DOCKERFILE.dockerignore and places; NULL: standard input */
    const char *ignore_file;     /* --ignorefile, or NULL */
    const char *target;          /* --target, or NULL */
    const char *from;            /* --from: the image of the first FROM instead, or NULL */
    const struct platform
        *platforms; /* --platform: one image for each; none: that of this machine */
    size_t platform_count;
    struct name_values build_contexts; /* --build-context NAME=VALUE */
    struct name_values
        fetched; /* VALUES of those that are remote, and the directories they were fetched to */
    struct name_values
        build_args; /* value.data NULL: taken from the environment, unset if absent */
    struct name_values labels;
    struct name_values annotations;
    struct name_values
        envs; /* --env: of the image, over those of the Dockerfile; no step sees them */
    struct str_list volumes; /* --volume HOST:CONTAINER[:ro] */
    struct run_options run;
    bool is_docker; /* --format docker */
    bool is_squashed;
    bool has_timestamp;      /* --timestamp or SOURCE_DATE_EPOCH */
    int64_t timestamp;       /* ns */
    bool is_rewriting_times; /* --timestamp: the files of new layers get that time too */
    bool is_paranoid;        /* --paranoid: files of contexts are read whatever the index knows */
    bool is_no_cache;        /* --no-cache: nothing is looked up */
    struct str_list uncached_stages; /* --no-cache-filter: nor are the steps of these */
    int64_t oldest_record;           /* --cache-ttl, ns since 1970: nor what is older */
    bool is_layers; /* --layers (default true): false behaves as no_cache without records */
};

/* The build arguments that have a value, into OUT: that of `--build-arg NAME` is our own environment's, and absent there the
 * argument is not given at all. */
void arguments_given(const struct name_values *given, struct arena *arena, struct name_values *out);
/* The arguments that the builder sets, for an image of PLATFORM; TARGET NULL: the default. */
void arguments_automatic(const struct dockerfile *dockerfile, const char *target,
                         const struct platform *platform, struct arena *arena,
                         struct name_values *out);

/* The plan with every key that can be known looked up: a step is HIT only if its result is there. Errors carry the place in
 * the Dockerfile. The caller frees the plan; STORE and CACHE must outlive it. */
int planner_plan(const struct plan_request *request, const struct store *store, struct cache *cache,
                 struct plan **out, struct error *error);

#endif
