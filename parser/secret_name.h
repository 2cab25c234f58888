/* secret_name: variables whose values are not for everybody, by their names. Any thread may ask. */
#ifndef BUD_PARSER_SECRET_NAME_H
#define BUD_PARSER_SECRET_NAME_H

#include "base/str.h"

/* Is NAME that of a secret, as the check SecretsUsedInArgOrEnv has it: one of the parts between underscores says so (TOKEN,
 * password), and none that it is something else (PUBLIC, FILE)? */
bool secret_name(struct str name);

#endif
