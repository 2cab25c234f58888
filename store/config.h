/* config: where the store is and how it is to be used, from options, environment and storage.conf.
 *
 * containers-storage.conf(5), in the order Podman follows. Everything returned lives in the arena given. */
#ifndef BUD_STORE_CONFIG_H
#define BUD_STORE_CONFIG_H

#include "store/store.h"

struct config {
    const char *path;     /* the file that was read, or NULL */
    const char *root;     /* absolute */
    const char *run_root; /* absolute */
    enum store_driver driver;
    const char *mount_options;     /* "" when none */
    const char **additional_roots; /* NULL-terminated, absolute */
    const char *
        advice; /* what to tell when the store is made: it is not of the usual driver; NULL: nothing */
};

/* ERROR_UNSUPPORTED, naming the setting, for what bud cannot do; ERROR_INPUT for a setting that makes no sense. Opens
 * nothing but the configuration files; looks which driver's directories the root has, and warns when it has those of several. */
int config_read(const struct store_options *options, struct arena *arena, struct config *out,
                struct error *error);
/* Does Podman's idea of rootless hold: not root, or root of a user namespace a container tool set up? */
bool config_is_rootless(void);

#endif
