/* userns: root's powers over one's own files without being root.
 *
 * Files of an image belong to many users. Without root they can only be made in a user namespace in which our ID is
 * root and the subordinate IDs of /etc/subuid and /etc/subgid are the others (user_namespaces(7), subuid(5)). Entering
 * is for the whole process, before it starts threads. */
#ifndef BUD_CLI_USERNS_H
#define BUD_CLI_USERNS_H

#include "base/error.h"

/* Not root, or root without CAP_SYS_ADMIN. */
bool userns_is_needed(void);
/* Has our user subordinate IDs? Without any userns_enter() fails, and says what to do. */
bool userns_is_possible(void);
/* Enters one; from here on we are root in it, with all capabilities over it, and the environment tells the tools of
 * containers/storage (_CONTAINERS_USERNS_CONFIGURED). Supplementary groups are kept: what they let us read stays
 * readable. ERROR_SYSTEM or ERROR_FAILED with a hint when the kernel or the configuration refuses. */
int userns_enter(struct error *error);

/* One range of subordinate IDs. */
struct id_range {
    uint64_t start, count;
};
/* The ranges of USER (name) or UID (decimal) in TEXT, a subuid(5) file; malformed lines are skipped. Fills at most LIMIT
 * and returns how many. */
size_t userns_parse_ranges(struct str text, const char *user, const char *uid,
                           struct id_range *ranges, size_t limit);
/* Where the next range may begin in TEXT, a subuid(5) file: after all that are there, and not among the system's own IDs. */
uint64_t userns_next_free(struct str text);

#endif
