/* big_data: the files of an image, named by keys of any form. */
#ifndef BUD_STORE_BIG_DATA_H
#define BUD_STORE_BIG_DATA_H

#include "base/str.h"

/* The file name for KEY: the key itself, or `=` and its base64 (containers/storage, makeBigDataBaseName). In ARENA. */
const char *big_data_file(const char *key, struct arena *arena);

#endif
