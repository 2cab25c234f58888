/* replace: files of the user that are rewritten where they are. */
#ifndef BUD_CLI_REPLACE_H
#define BUD_CLI_REPLACE_H

#include "base/error.h"
#include "base/str.h"

/* TEXT becomes the file PATH in one step. A link stays, what it leads to is replaced; mode, owner and group stay, or a warning
 * says that they could not. ERROR_INPUT for what is no regular file, ERROR_SYSTEM for one that may not be written, even when
 * its directory may. */
int replace_file(const char *path, struct str text, struct error *error);

#endif
