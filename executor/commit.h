/* commit: the finished steps become an image: config, manifest, one publishing transaction. */
#ifndef BUD_EXECUTOR_COMMIT_H
#define BUD_EXECUTOR_COMMIT_H

#include "executor/hashing.h"
#include "executor/outcome.h"
#include "executor/work.h"

/* OUTCOMES is complete and HASHING has been waited for. On success *id is the image's ID and the image step's record is
 * in the cache (unless IS_RECORDING is false); the records KEYS are settled. ERROR_CHANGED when the base image vanished. */
int commit_image(const struct work *work, const struct outcomes *outcomes,
                 const struct hashing *hashing, const char *const *names, bool is_recording,
                 const struct digest *keys, size_t key_count, struct digest_hex *id,
                 struct error *error);

/* The records KEYS, which a build wrote or found, are believed after the machine went down, too: their results are written
 * through to the disk first. An earlier build that failed may have left some that are not. */
int commit_settle(const struct work *work, const struct digest *keys, size_t count,
                  struct error *error);

#endif
