/* etc: the texts of /etc/hosts and /etc/resolv.conf a RUN sees; mounted, so they reach no layer. */
#ifndef BUD_EXECUTOR_ETC_H
#define BUD_EXECUTOR_ETC_H

#include "planner/image_config.h"

/* localhost, HOSTNAME and the --add-host entries (name:address or name=address); a malformed one is ERROR_USAGE. */
int etc_hosts(struct str hostname, const struct str_list *add_hosts, struct buf *out,
              struct error *error);
/* HOST is the host's resolv.conf, UPSTREAM systemd-resolved's list of real servers ("" none): taken when HOST names only
 * the stub 127.0.0.53. With a network of its own (IS_PRIVATE) the container cannot reach loopback servers: they are
 * dropped, and public ones used when none remains, as BuildKit does. */
void etc_resolv_conf(struct str host, struct str upstream, bool is_private, struct buf *out);
/* The same from the files of this machine; a missing one is empty. */
int etc_resolv_conf_here(bool is_private, struct buf *out, struct error *error);

#endif
