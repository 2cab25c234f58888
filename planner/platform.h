/* platform: os/architecture/variant texts, as FROM --platform takes them and image configs hold them.
 *
 * Normalised as containerd does: x86_64 is amd64, aarch64 is arm64, arm without a variant is v7 (docs/plan.md). */
#ifndef BUD_PLANNER_PLATFORM_H
#define BUD_PLANNER_PLATFORM_H

#include "base/error.h"

struct platform {
    struct str os, architecture, variant; /* variant empty: none */
};

/* The machine we run on. */
struct platform platform_host(void);
/* `os[/arch[/variant]]` or `arch`; what is missing comes from the host. ERROR_INPUT `failed to parse platform X: why`. */
int platform_parse(struct str text, struct arena *arena, struct platform *out, struct error *error);
/* Normalises what an image config says. */
struct platform platform_normalise(struct platform platform);
/* The architecture that was meant when that of PLATFORM is none we know; NULL: it is known, or none is near. */
const char *platform_nearest_architecture(const struct platform *platform);
bool platform_equal(const struct platform *a, const struct platform *b);
/* How well a machine of platform WANT likes what was made for HAVE: 0 it cannot run it, 1 the same, then the more the
 * older: amd64/v3 runs v2, v1, 386; arm/v7 runs v6, v5; arm64 runs arm (containerd's order). */
unsigned platform_rank(const struct platform *want, const struct platform *have);
/* The same for what a descriptor says, not normalised; WANT is a struct platform (registry/oci_layout.h, oci_platform_rank). */
unsigned platform_rank_described(void *want, struct str os, struct str architecture,
                                 struct str variant);
/* "linux/arm/v7" in ARENA. */
struct str platform_format(const struct platform *platform, struct arena *arena);

#endif
