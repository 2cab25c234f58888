/* signal_name: what STOPSIGNAL takes. */
#ifndef BUD_PLANNER_SIGNAL_NAME_H
#define BUD_PLANNER_SIGNAL_NAME_H

#include "base/str.h"

/* Any integer but 0, or a Linux signal's name in any case, with or without SIG; RTMIN[+N], RTMAX[-N] (moby/sys/signal). */
bool signal_name_is_valid(struct str text);

#endif
