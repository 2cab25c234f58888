/* reference: image names, name[:tag][@digest], by the grammar of distribution/reference (`grammar/reference.re`). */
#ifndef BUD_REGISTRY_REFERENCE_H
#define BUD_REGISTRY_REFERENCE_H

#include "base/arena.h"
#include "base/error.h"
#include "base/str.h"

struct image_list; /* store/image.h */

struct reference {
    struct str
        registry; /* "docker.io", "localhost:5000", "localhost"; empty when the text names none */
    struct str repository; /* "library/debian" */
    struct str tag;        /* empty: none */
    struct str digest;     /* "sha256:…"; empty: none */
};

/* Parses TEXT without adding defaults; `invalid reference format` and the like are ERROR_INPUT with a hint. */
int reference_parse(struct str text, struct arena *arena, struct reference *out,
                    struct error *error);
/* The full form: REGISTRY/REPOSITORY:TAG[@DIGEST], NUL-terminated in ARENA; without a registry and a tag they
 * are left out. */
const char *reference_format(const struct reference *reference, struct arena *arena);
/* What `-t NAME` stores: no registry becomes localhost, no tag and digest becomes latest (Buildah's rule). */
int reference_for_tag(struct str text, struct arena *arena, const char **out, struct error *error);
/* The names under which a local image called TEXT may be stored, most likely first: as given, localhost/TEXT:latest,
 * docker.io/library/TEXT:latest … NULL-terminated in ARENA. A text that is no reference (an image ID) is the only
 * candidate itself. */
const char **reference_candidates(struct str text, struct arena *arena);
/* As reference_candidates(); of a TEXT without tag and digest, repositories without a tag, which stand for all their tags. */
const char **reference_repositories(struct str text, struct arena *arena);
/* The name of one of IMAGES nearest to TEXT, to suggest it: as people write it, without localhost/, docker.io/library/ and
 * :latest; in ARENA. NULL: none is near. */
const char *reference_nearest(const struct image_list *images, struct str text,
                              struct arena *arena);

#endif
