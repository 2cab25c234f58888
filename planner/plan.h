/* plan: what has to be done, as an immutable DAG of steps in topological order.
 *
 * Made by planner.h, printed by print.h, run by executor/. Everything is fully resolved: nobody needs the Dockerfile
 * any more. All memory belongs to the plan's arena. */
#ifndef BUD_PLANNER_PLAN_H
#define BUD_PLANNER_PLAN_H

#include "parser/ast.h"
#include "planner/image_config.h"
#include "planner/selection.h"
#include "store/cache.h"

enum step_kind {
    STEP_SOURCE, /* an image; scratch has no step */
    STEP_EXEC,   /* RUN */
    STEP_FILE,   /* COPY, ADD, the directory of WORKDIR */
    STEP_IMAGE,  /* the output's config */
};

enum step_state {
    STEP_HIT,      /* the result is there */
    STEP_MISS,     /* has to run (if needed) */
    STEP_DEFERRED, /* the key is known only after an input has run */
};

/* What is known of a step in the build before this one of the same Dockerfile. */
enum former_kind {
    FORMER_UNKNOWN, /* not looked for: only misses ask */
    FORMER_NONE,    /* its stage was never built */
    FORMER_OTHERS,  /* its stage was built without it */
    FORMER_BEHIND,  /* it stands behind all that was built of its stage */
    FORMER_LIKE, /* the same, but another stage, Dockerfile or context has its like (former_like.h) */
    FORMER_KEY,
};

struct step;
struct oci_image;

/* An instruction of a stage as printed; those that only change the config have no step. */
struct stage_line {
    struct str text;
    unsigned line;
    const struct step *step; /* NULL: config only */
};

struct stage {
    unsigned index;   /* position in the Dockerfile */
    struct str name;  /* lower-cased; "" when unnamed */
    struct str label; /* what is printed: its name or "stage-0" */
    unsigned twins;   /* stages before it that have the same label */
    const struct step
        *last; /* the step whose file system the stage ends with; NULL: empty (scratch) */
    struct image_config config; /* at the stage's end */
    unsigned step_count;        /* numbered steps, for "[build 2/5]" */
    struct span span;           /* of its FROM */
    struct str base; /* what that names, for messages: "image debian:12", "stage build" */
    unsigned line;
    struct { /* FROM and all that follows, triggers included */
        struct stage_line *items;
        size_t count;
        size_t capacity;
    } lines;
};

/* An extra file system read by a step: a stage, an image, or the build context. */
struct step_input {
    const struct step *step;    /* whose file system; NULL without a context: empty (scratch) */
    const struct tree *context; /* a directory of this machine instead, one of the plan's */
    struct str label;           /* "context", "stage build", "image alpine" */
    /* What of it is read, and so decides by content; NULL: nothing. */
    const struct selection *selection;
    /* Of what the step reads from it; filled by lookup_step(), so that the executor can tell after copying
     * whether the context changed meanwhile. */
    bool has_content;
    struct digest content;
    const struct content *details; /* the same file by file, to explain a miss; NULL: not known */
};

enum cache_sharing { SHARING_SHARED, SHARING_PRIVATE, SHARING_LOCKED };

struct mount_plan { /* RUN --mount, and --volume of the command line */
    enum mount_type type;
    struct str target; /* absolute; "": a secret that is a variable only */
    struct str source; /* cleaned, absolute: inside the input, or on the host for a volume */
    size_t input;      /* index into step->inputs; SIZE_MAX: none */
    bool is_host;      /* --volume */
    bool is_readonly;
    struct str id;              /* cache, secret */
    struct str env;             /* secret: the variable that gets its value; "": none */
    bool is_required;           /* secret: RUN fails when --secret does not give it */
    enum cache_sharing sharing; /* cache */
    bool
        is_as_source; /* cache: mode and owner are those of the directory it begins with, if it is new */
    uint64_t size; /* tmpfs, bytes; 0: kernel default */
    unsigned mode;
    unsigned uid, gid;
    struct digest content; /* bind: what is mounted */
};

enum network_mode { NETWORK_NONE, NETWORK_HOST };

struct secret { /* --secret: in no key, layer or config */
    struct str id, value;
};

/* What the build as a whole gives every RUN. */
struct run_options {
    enum network_mode network;
    const char *runtime;               /* program name or path; NULL: first of runc, crun found */
    struct str_list cap_add, cap_drop; /* "CAP_X", upper case; "CAP_ALL" or "ALL" possible */
    struct str_list
        security_options; /* as given: seccomp=FILE|unconfined, no-new-privileges, apparmor=…, label=… */
    struct digest seccomp;     /* of the profile that is named there */
    struct str_list ulimits;   /* name=soft[:hard] */
    struct str_list add_hosts; /* host:ip or host=ip */
    struct str hostname;       /* default "buildsandbox" */
    const struct secret *secrets;
    size_t secret_count;
};

struct step_exec {
    struct str_list argv;
    struct str_list env;       /* "K=V", as the process sees it */
    size_t key_env_count;      /* the first so many decide the key; what follows are proxies */
    struct str_list arguments; /* names in ENV that came from ARG, for explanations */
    struct str cwd;            /* absolute */
    struct str user;           /* as in the config; "" is root */
    enum network_mode network;
    bool is_insecure; /* --security=insecure, granted */
    struct mount_plan *mounts;
    size_t mount_count;
    struct str script; /* heredoc with #!: written to /dev/pipes/SCRIPT_NAME, else len 0 */
    struct str script_name;
    struct str command; /* the command as written, for messages */
};

enum file_kind { FILE_COPY, FILE_ADD, FILE_DIRECTORY };

struct inline_file { /* heredoc of COPY and ADD, body ready */
    struct str name;
    struct str data;
};

struct step_file {
    enum file_kind kind;
    struct selection selection; /* COPY, ADD: from inputs[0] */
    struct inline_file *inline_files;
    size_t inline_file_count;
    struct str destination; /* absolute, cleaned, with its trailing '/' kept when it had one */
    struct str chown;       /* expanded, "" none; for FILE_DIRECTORY the USER */
    struct str chmod;       /* expanded, "" none */
    bool is_link;
    /* With --link: made on nothing and laid over the parent, so that the result serves any parent. Not when --chown needs the
     * parent's users, the driver keeps whole trees, or more is below than can be mounted: that is gone through for each. */
    bool is_independent;
    bool is_unpack; /* ADD: archives are unpacked */
};

struct step_source {
    const char *image;              /* image ID */
    const char *layer;              /* top layer ID, or NULL: no layers */
    const struct oci_image *layout; /* where it is read from first; NULL: the store has it */
    struct str name;                /* as the Dockerfile names it */
    struct str
        replacement; /* "build context VALUE", "--from NAME": why it stands for what FROM says; or empty */
};

struct step_image {
    struct image_config config; /* history and diff IDs are completed by the commit */
    struct name_values annotations;
    bool is_docker; /* manifest format docker instead of OCI */
    bool is_squashed;
};

struct step {
    enum step_kind kind;
    unsigned id; /* index in plan->steps; inputs and parent have smaller ones */
    const struct stage *stage;
    unsigned number;                       /* 1-based within the stage; 0: not numbered (image) */
    const struct instruction *instruction; /* NULL for the image step */
    struct str text;                       /* what a user sees: "RUN make -j4" */
    const struct step *parent;             /* the file system below; NULL: empty */
    unsigned depth;                        /* how many steps are below */
    struct step_input *inputs;
    size_t input_count;
    union {
        struct step_source source;
        struct step_exec exec;
        struct step_file file;
        struct step_image image;
    };

    /* Filled by the lookup (planner/lookup.h), completed by the executor for deferred steps. */
    enum step_state state;
    bool
        is_certain; /* DEFERRED, but it runs whatever becomes of its inputs: a step below it does, or the cache is not used */
    bool is_needed; /* must run, or its result must be mounted, for the target */
    bool has_key;
    struct digest key;
    struct digest
        own_key; /* without REPETITION: how many below that are independent, too, have the same */
    unsigned repetition;
    bool has_root; /* ROOT is what recipe_root() says */
    struct digest root;
    struct digest place; /* where its last record is kept */
    enum former_kind former_kind;
    struct digest former; /* key of the record it is compared with, to explain a miss */
    struct ingredient *ingredients;
    size_t ingredient_count;
    struct cache_record record; /* when HIT */
    const char *layer;          /* when HIT: the layer that its result is by now; NULL: none */
    struct str reason;          /* when MISS or DEFERRED: why */
    uint64_t expected;          /* ns it took the last time; 0: not known */
    bool is_cache_unused;       /* --no-cache-filter: what is recorded is not looked up */
};

struct stage_skip {
    struct str label;
    unsigned line;
};

/* An image of the store that stages are built on or read from. */
struct plan_base {
    struct str name; /* as the Dockerfile has it, expanded */
    const struct image_config *config;
    bool is_listed; /* NAME is a manifest list */
};

struct plan {
    struct arena arena;
    struct step **steps; /* topological order; the image step is last */
    size_t step_count;
    struct stage **stages; /* those that are built, Dockerfile order */
    size_t stage_count;
    struct stage_skip *skipped; /* stages nothing needs */
    size_t skipped_count;
    const struct stage *target;
    struct step *image; /* the last step, of one platform */
    struct {            /* of every platform; IMAGE is the last of them, TARGET its stage */
        struct step **items;
        size_t count, capacity;
    } images;
    const struct dockerfile *dockerfile;
    struct { /* the directories steps read: the build context, named ones; owned */
        struct tree **items;
        size_t count, capacity;
    } contexts;
    struct {
        struct plan_base *items;
        size_t count, capacity;
    } bases;
    const struct image_list *stored; /* the images the store had */
    struct run_options run;
    struct cache_site site; /* where all places of its steps are */
    bool
        is_cache_unused; /* --no-cache, --layers=false: nothing is looked up, deferred steps neither */
    int64_t oldest_record; /* --cache-ttl, ns: records made before it are not used */
    bool has_timestamp;
    int64_t timestamp;        /* ns; clamps `created`, history and made directories */
    bool is_rewriting_times;  /* files of new layers get it too */
    struct str_list warnings; /* for the user, complete sentences */
};

void plan_free(struct plan *plan);

/* What a user is told: a step that certainly runs is a miss, though its key is not known yet. */
static inline enum step_state step_shown_state(const struct step *step) {
    return step->is_certain ? STEP_MISS : step->state;
}
/* Is STEP's own result the same whatever is below it? */
static inline bool step_is_independent(const struct step *step) {
    return step->kind == STEP_FILE && step->file.is_independent;
}
/* Is STEP an ONBUILD of its stage's base? */
bool step_is_trigger(const struct step *step);
/* Where STEP is a trigger of its base, which stands in no file of the user's, ERROR says so. Returns -1. */
int step_tell_trigger(const struct step *step, struct error *error);
/* What records call the file system that the result OWN of such a step makes together with BELOW's, in ARENA: all results it is
 * made of, the topmost first (cache_record's parent). */
struct str plan_merged_result(struct arena *arena, struct str own, struct str below);

#endif
