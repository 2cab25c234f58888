#include "registry/oci_import.h"

#include "base/fs.h"
#include "base/json.h"
#include "base/log.h"
#include "base/thread_pool.h"
#include "base/time.h"
#include "store/layer_unpack.h"
#include "store/publish.h"

#include <stdlib.h>

/* One layer on its way into the store; what belongs to it alone is touched by one thread. */
struct task {
    const struct importing *importing;
    size_t index;
    struct snapshot snapshot;
    bool has_snapshot;
    struct layer_contents contents;
    struct arena arena;
    int status;
    struct error error;
};

struct importing {
    const struct store *store;
    const struct build *build;
    const struct oci_image *image;
    const char *name;
    const atomic_bool *is_cancelled;
    struct arena arena;
    struct digest_hex *ids; /* of the layers */
    size_t present;         /* the first so many are in the store */
    const char *base;       /* contents of the last of them, NULL: none */
    struct task *tasks;     /* of the others */
    size_t task_count;
};

static void layer_ids(const struct oci_image *image, struct digest_hex *ids) {
    for (size_t i = 0; i < image->layer_count; i++) {
        ids[i] = layer_id(i > 0 ? str_of(ids[i - 1].text) : STR_EMPTY, &image->layers[i].diff_id);
    }
}

bool oci_import_top_layer(const struct oci_image *image, struct digest_hex *id) {
    _cleanup_free_ struct digest_hex *ids = xcalloc(image->layer_count + 1, sizeof(*ids));
    layer_ids(image, ids);
    if (image->layer_count > 0) {
        *id = ids[image->layer_count - 1];
    }
    return image->layer_count > 0;
}

/* What is in the store of it already: a layer is there only with all below it. */
static int find_present(struct importing *importing, struct error *error) {
    struct layer_list layers;
    if (layer_list_read(importing->store, &importing->arena, &layers, error)) {
        return -1;
    }
    importing->present = importing->image->layer_count;
    while (importing->present > 0) {
        const struct layer *layer =
            layer_find(&layers, str_of(importing->ids[importing->present - 1].text));
        if (layer) {
            importing->base = layer->path;
            return 0;
        }
        importing->present--;
    }
    return 0;
}

static int unpack(struct task *task, struct error *error) {
    const struct importing *importing = task->importing;
    const struct oci_layer *layer = &importing->image->layers[task->index];
    _cleanup_free_ char *name = xasprintf("sha256:%s", digest_hex(&layer->digest).text);
    _cleanup_fd_ int fd = oci_layout_open_layer(importing->image, task->index, error);
    struct layer_blob blob = {
        .fd = fd,
        .name = name,
        .digest = layer->digest,
        .size = layer->size,
        .diff_id = layer->diff_id,
    };
    if (fd < 0 || snapshot_new(importing->store, importing->build, NULL, &task->snapshot, error)) {
        return -1;
    }
    task->has_snapshot = true;
    return layer_unpack(importing->store, &task->snapshot, &blob, importing->is_cancelled,
                        &task->arena, &task->contents, error);
}

static void run_task(void *context) {
    struct task *task = context;
    task->status = unpack(task, &task->error);
}

static int unpack_all(struct importing *importing, struct error *error) {
    size_t threads = thread_pool_cores();
    struct thread_pool *pool;
    if (importing->task_count == 0) {
        return 0;
    }
    threads = threads < importing->task_count ? threads : importing->task_count;
    if (thread_pool_new((unsigned)threads, &pool, error)) {
        return -1;
    }
    for (size_t i = 0; i < importing->task_count; i++) {
        thread_pool_submit(pool, run_task, &importing->tasks[i]);
    }
    thread_pool_free(pool);
    for (size_t i = 0; i < importing->task_count; i++) {
        struct task *task = &importing->tasks[i];
        if (task->status) {
            if (error) {
                *error = task->error;
                task->error = (struct error)ERROR_INIT;
            }
            return -1;
        }
    }
    return 0;
}

/* A root without an entry of its own is as the layer below has it. */
static int set_roots(struct importing *importing, struct error *error) {
    const char *below = importing->base;
    for (size_t i = 0; i < importing->task_count; i++) {
        struct task *task = &importing->tasks[i];
        if (below && !task->contents.has_root &&
            snapshot_set_root(importing->store, task->snapshot.id, below, error)) {
            return -1;
        }
        below = arena_printf(&importing->arena, "%s/diff", task->snapshot.directory);
    }
    return 0;
}

static int64_t created(const struct oci_image *image) {
    _cleanup_json_ json_t *config = json_parse(image->config, "the config", NULL);
    const char *text = json_string_value(json_object_get(config, "created"));
    int64_t time;
    return text && time_parse(str_of(text), &time) ? time : time_now();
}

static int publish(struct importing *importing, struct error *error) {
    const struct oci_image *image = importing->image;
    const char *const names[] = { importing->name, NULL };
    struct layer_draft *drafts =
        arena_array(&importing->arena, importing->task_count, sizeof(*drafts));
    struct digest_hex id;
    for (size_t i = 0; i < importing->task_count; i++) {
        const struct task *task = &importing->tasks[i];
        drafts[i] = layer_draft(task->snapshot.id, &task->contents.layer);
        drafts[i].blob = &image->layers[task->index].digest;
        drafts[i].blob_size = image->layers[task->index].size;
        drafts[i].compression = task->contents.compression;
    }
    return publish_image(
        importing->store,
        &(struct image_draft){ .base_layer = importing->present > 0
                                                 ? importing->ids[importing->present - 1].text
                                                 : NULL,
                               .layers = drafts,
                               .layer_count = importing->task_count,
                               .config = image->config,
                               .manifest = image->manifest,
                               .names = names,
                               .created = created(image) },
        &id, error);
}

static void importing_free(struct importing *importing, bool is_failed) {
    for (size_t i = 0; i < importing->task_count; i++) {
        struct task *task = &importing->tasks[i];
        if (is_failed && task->has_snapshot &&
            snapshot_remove(importing->store, task->snapshot.id, NULL)) {
            log_debug("cannot remove the snapshot %s; the next build does", task->snapshot.id);
        }
        snapshot_free(&task->snapshot);
        arena_free(&task->arena);
        error_clear(&task->error);
    }
    arena_free(&importing->arena);
}

int oci_import(const struct store *store, const struct build *build, const struct oci_image *image,
               const char *name, const atomic_bool *is_cancelled, struct error *error) {
    struct importing importing = { .store = store,
                                   .build = build,
                                   .image = image,
                                   .name = name,
                                   .is_cancelled = is_cancelled,
                                   .arena = ARENA_INIT };
    importing.ids = arena_array(&importing.arena, image->layer_count, sizeof(*importing.ids));
    layer_ids(image, importing.ids);
    int status = find_present(&importing, error);
    if (status == 0) {
        importing.task_count = image->layer_count - importing.present;
        importing.tasks =
            arena_array(&importing.arena, importing.task_count, sizeof(*importing.tasks));
        for (size_t i = 0; i < importing.task_count; i++) {
            importing.tasks[i] = (struct task){ .importing = &importing,
                                                .index = importing.present + i,
                                                .arena = ARENA_INIT,
                                                .error = ERROR_INIT };
        }
        status = unpack_all(&importing, error) || set_roots(&importing, error) ||
                         publish(&importing, error)
                     ? -1
                     : 0;
    }
    importing_free(&importing, status < 0);
    return status < 0 ? error_wrap(error, "cannot take the image %.12s from the OCI layout %s",
                                   digest_hex(&image->id).text, image->directory)
                      : 0;
}
