/* seccomp: which system calls a RUN may make: docker's profile format turned into the runtime's.
 *
 * The format is described by its users only (containers/common pkg/seccomp, moby profiles/seccomp); what is decided
 * here is which rules hold for this architecture, kernel and set of capabilities. */
#ifndef BUD_EXECUTOR_SECCOMP_H
#define BUD_EXECUTOR_SECCOMP_H

#include "base/digest.h"
#include "planner/image_config.h"

#include <jansson.h>

/* What rules depend on. */
struct seccomp_target {
    const char *architecture;         /* Go's name: "amd64" */
    const char *native;               /* libseccomp's name: "SCMP_ARCH_X86_64" */
    unsigned kernel, kernel_revision; /* 6, 1 */
    uint64_t capabilities;            /* bounding set of the container */
};

/* This machine with CAPABILITIES; members are NULL on an architecture bud knows no name for. */
struct seccomp_target seccomp_target_here(uint64_t capabilities);
/* The linux.seccomp object for the profile PROFILE (an object in docker's format); NAME for messages. New reference, NULL
 * and ERROR_CORRUPT on anything malformed. */
json_t *seccomp_convert(json_t *profile, const char *name, const struct seccomp_target *target,
                        struct error *error);
/* The profile the security options ask for (seccomp=FILE, seccomp=unconfined), else the system's
 * (/etc/containers/seccomp.json, /usr/share/containers/seccomp.json), converted. *out NULL: none is wanted, or none
 * found (then *is_missing). */
int seccomp_load(const struct str_list *security_options, const struct seccomp_target *target,
                 json_t **out, bool *is_missing, struct error *error);
/* The digest of the profile seccomp=FILE names, of nothing where none is named: what decides the result of a RUN is what is
 * in the file, not its name. */
int seccomp_digest(const struct str_list *security_options, struct digest *out,
                   struct error *error);

#endif
