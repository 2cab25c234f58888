#include "store/layer_intake.h"

#include "store/crc64.h"

#include <signal.h>
#include <stdlib.h>

#define BLOCK 512
/* A hundred times what headers may have. */
#define KEPT_LIMIT ((size_t)128 << 20)

static size_t kept_len(const struct layer_intake *intake) {
    return intake->kept.len - intake->head;
}

static int interrupted(struct error *error) {
    error_set(error, ERROR_INTERRUPTED, "interrupted while unpacking a layer");
    if (error) {
        error->number = SIGINT;
    }
    return -1;
}

int layer_intake_block(struct layer_intake *intake, const void *data, size_t len,
                       struct error *error) {
    if (intake->is_cancelled && atomic_load(intake->is_cancelled)) {
        return interrupted(error);
    }
    hasher_update(&intake->hasher, data, len);
    uint64_t ahead = intake->logged > intake->size ? intake->logged - intake->size : 0;
    intake->size += len;
    if (ahead >= len) {
        return 0;
    }
    if (kept_len(intake) + len > KEPT_LIMIT) {
        return error_set(error, ERROR_INPUT, "the layer has more than %zu MiB between its files",
                         KEPT_LIMIT >> 20);
    }
    if (intake->head > 0) {
        memmove(intake->kept.data, intake->kept.data + intake->head, kept_len(intake));
        intake->kept.len -= intake->head;
        intake->head = 0;
    }
    buf_append(&intake->kept, (const char *)data + ahead, len - ahead);
    return 0;
}

/* The stream up to END goes into the log. */
static int log_until(struct layer_intake *intake, uint64_t end, struct error *error) {
    if (end < intake->logged || end - intake->logged > kept_len(intake)) {
        return error_set(error, ERROR_INPUT, "the layer's tar has entries in each other");
    }
    size_t len = (size_t)(end - intake->logged);
    int result =
        len == 0 ? 0 : tar_split_raw(intake->split, intake->kept.data + intake->head, len, error);
    intake->head += len;
    intake->logged = end;
    return result;
}

int layer_intake_begin(struct layer_intake *intake, const struct layer_intake_entry *entry,
                       struct error *error) {
    if (intake->is_after_data &&
        (entry->header < intake->logged || entry->header - intake->logged >= BLOCK)) {
        error_set(error, ERROR_INPUT,
                  "the entry before '%.*s' of the layer is not stored as its file is",
                  STR_ARG(entry->name));
        return error_hint(error, "write the layer again, without sparse entries");
    }
    if (log_until(intake, entry->data, error)) {
        return -1;
    }
    size_t have = kept_len(intake);
    intake->head += entry->size < have ? (size_t)entry->size : have;
    intake->logged += entry->size;
    intake->is_after_data = entry->size > 0;
    intake->crc = CRC64_INIT;
    return 0;
}

void layer_intake_data(struct layer_intake *intake, const void *data, size_t len) {
    intake->crc = crc64_update(intake->crc, data, len);
}

int layer_intake_raw(struct layer_intake *intake, uint64_t end, struct error *error) {
    return end > intake->logged ? log_until(intake, end, error) : 0;
}

int layer_intake_end(struct layer_intake *intake, const struct layer_intake_entry *entry,
                     struct error *error) {
    return tar_split_file(intake->split, entry->name, entry->size, intake->crc, error);
}

void layer_intake_owner(struct layer_intake *intake, uint32_t uid, uint32_t gid) {
    id_set_add(&intake->uids, uid);
    id_set_add(&intake->gids, gid);
}

/* ---- names that are there twice ---- */

static int compare(const void *left, const void *right) {
    uint64_t a = *(const uint64_t *)left, b = *(const uint64_t *)right;
    return a < b ? -1 : a > b;
}

/* Two names with one checksum cost a second reading and nothing else. */
void layer_intake_name(struct layer_intake *intake, struct str name) {
    vec_push(&intake->names, crc64_update(CRC64_INIT, name.data, name.len));
}

bool layer_intake_is_repeated(struct layer_intake *intake) {
    if (intake->names.count > 0) {
        qsort(intake->names.items, intake->names.count, sizeof(*intake->names.items), compare);
    }
    for (size_t i = 1; i < intake->names.count; i++) {
        if (intake->names.items[i - 1] == intake->names.items[i]) {
            return true;
        }
    }
    return false;
}

struct use {
    uint64_t inode;
    size_t file;
};

static int compare_uses(const void *left, const void *right) {
    const struct use *a = left, *b = right;
    return a->inode != b->inode ? (a->inode < b->inode ? -1 : 1)
                                : (a->file > b->file) - (a->file < b->file);
}

void layer_intake_settle(struct layer_intake *intake) {
    size_t count = intake->files.count;
    _cleanup_free_ struct use *uses = xcalloc(count + 1, sizeof(*uses));
    for (size_t i = 0; i < count; i++) {
        uses[i] = (struct use){ intake->files.items[i], i };
    }
    qsort(uses, count, sizeof(*uses), compare_uses);
    for (size_t i = 1; i < count; i++) {
        if (uses[i - 1].inode == uses[i].inode) {
            intake->files.items[uses[i - 1].file] = 0;
        }
    }
}

int layer_intake_flush(struct layer_intake *intake, struct error *error) {
    return intake->logged >= intake->size ? 0 : log_until(intake, intake->size, error);
}

void layer_intake_free(struct layer_intake *intake) {
    buf_free(&intake->kept);
    id_set_free(&intake->uids);
    id_set_free(&intake->gids);
    vec_free(&intake->names);
    vec_free(&intake->files);
}
