/* named_context: --build-context NAME=VALUE, a source of files that stands for what NAME means otherwise.
 *
 * For FROM the name of the stage itself comes first (the whole stage is replaced), then an earlier stage, then a named
 * context; for COPY --from and mounts a stage comes first. Names are compared as image references without what they all
 * have, docker.io/library/ and :latest (docker buildx build, --build-context). Internal to this folder. */
#ifndef BUD_PLANNER_NAMED_CONTEXT_H
#define BUD_PLANNER_NAMED_CONTEXT_H

#include "planner/planning.h"

enum named_context_kind { NAMED_DIRECTORY, NAMED_IMAGE, NAMED_LAYOUT, NAMED_SCRATCH, NAMED_STAGE };

struct named_context {
    struct str name;  /* as given */
    struct str key;   /* what is compared */
    struct str value; /* as given, as far as it may be shown */
    bool is_for_platform;
    struct platform platform; /* NAME::PLATFORM holds for this one only */
    enum named_context_kind kind;
    struct str target;       /* the directory, image, layout or stage */
    const char *origin;      /* of a directory that was fetched from there; NULL: the user's own */
    const struct tree *tree; /* of a directory, when it was asked for */
    bool is_used;
};

/* What replaces TEXT, an image or stage name, for PLATFORM: that of the FROM, or for --from that of the build; NULL: nothing
 * does. One for this platform alone comes first. */
struct named_context *named_context_find(struct planning *planning, struct str text,
                                         const struct platform *platform);
/* The name nearest to TEXT, to suggest it; NULL: none is near. */
const char *named_context_nearest(struct planning *planning, struct str text);
/* For the end of a hint about TEXT that means nothing: how a context of that name is given. Empty where TEXT is no plain word. */
const char *named_context_advice(struct planning *planning, struct str text);
/* The directory as a tree with its own ignore file. */
int named_context_open(struct planning *planning, struct named_context *context,
                       const struct tree **out, struct error *error);
/* The image of CONTEXT, of kind NAMED_IMAGE or NAMED_LAYOUT; of a layout that for PLATFORM. No place. */
int named_context_image(struct planning *planning, const struct named_context *context,
                        const struct platform *platform, struct base_image **out,
                        struct error *error);
/* ERROR: the stage CONTEXT stands for is not among the first LIMIT. No place. */
void named_context_no_stage(struct planning *planning, const struct named_context *context,
                            size_t limit, struct error *error);

#endif
