/* capability: sets of Linux capabilities as bit masks, bit N for capability number N (capabilities(7)). */
#ifndef BUD_EXECUTOR_CAPABILITY_H
#define BUD_EXECUTOR_CAPABILITY_H

#include "planner/image_config.h"

#include <jansson.h>

/* Docker's and BuildKit's 14: CHOWN DAC_OVERRIDE FOWNER FSETID KILL SETGID SETUID SETPCAP NET_BIND_SERVICE NET_RAW
 * SYS_CHROOT MKNOD AUDIT_WRITE SETFCAP. */
#define CAPABILITY_DEFAULT UINT64_C(0xa80425fb)

/* What this process may hand on: its permitted and bounding sets. */
uint64_t capability_available(void);
/* The number of NAME, with or without CAP_, any case; -1: unknown. */
int capability_number(struct str name);
/* BASE with ADD and DROP applied; "ALL" in DROP empties BASE, in ADD takes all AVAILABLE. Then what is not AVAILABLE is
 * left out of BASE; asking for it by name is ERROR_FAILED. Unknown names and names in both lists are ERROR_USAGE. */
int capability_apply(uint64_t base, const struct str_list *add, const struct str_list *drop,
                     uint64_t available, uint64_t *out, struct error *error);
/* ["CAP_CHOWN", ...] in order of their numbers. New reference. */
json_t *capability_names(uint64_t set);

#endif
