/* git_source: the files of one commit of a git repository, by the program git.
 *
 * git gets an environment of its own: no configuration of the system or the user, no hooks, no prompts, no helpers, the
 * protocols http, https, git and ssh only, also for submodules. Of the caller's environment it sees PATH, HOME (for .netrc and
 * .ssh), the ssh agent, proxies and certificates. Credentials of the URL are handed over in that environment, never as words
 * or in a file. ssh must not ask. The process that runs git is killed with bud. For any thread that lives as long as git. */
#ifndef BUD_REGISTRY_GIT_SOURCE_H
#define BUD_REGISTRY_GIT_SOURCE_H

#include "base/error.h"
#include "base/remote.h"

#include <stdint.h>

struct git_limits {
    uint64_t bytes;          /* of the disk, by the files and by what git keeps of the repository */
    unsigned silent_seconds; /* that git and the server may say nothing, while nothing is written */
};

/* Which commit REMOTE's ref is now, in ARENA; a whole commit ID is taken as it is, without asking. Of a branch and a tag of one
 * name the branch is meant, as git-checkout(1) has it. ERROR_NOT_FOUND without git or such a ref; ERROR_FAILED with git's
 * reason. */
int git_source_resolve(const struct remote *remote, const struct git_limits *limits,
                       struct arena *arena, struct str *commit, struct error *error);
/* Puts the files of COMMIT and of its submodules into the directory TARGET, an absolute path, which is empty: one commit deep,
 * where the server allows that. KEEPS_GIT leaves .git in it. ERROR_FAILED beyond LIMITS, which are looked at
 * while git works: it may have written a little more. What is there after an error is for the caller to discard. */
int git_source_checkout(const struct remote *remote, const struct git_limits *limits,
                        struct str commit, bool keeps_git, const char *target, struct error *error);

#endif
