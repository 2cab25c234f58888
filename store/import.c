#include "store/import.h"

#include "base/fs.h"
#include "base/json.h"
#include "base/log.h"
#include "base/time.h"
#include "store/archive.h"
#include "store/build.h"
#include "store/layer_stream.h"
#include "store/publish.h"
#include "store/snapshot.h"

#include <stdlib.h>
#include <sys/utsname.h>

/* More than any index of an image archive, less than what would hurt. */
#define INDEX_LIMIT ((size_t)4 << 20)

/* GOARCH of this machine, as OCI image-spec config.md wants it, and its variant ("" for none). */
static const char *architecture(const char **variant) {
    static const struct {
        const char *machine, *architecture, *variant;
    } machines[] = {
        { "x86_64", "amd64", "" },        { "aarch64", "arm64", "" },   { "armv7l", "arm", "v7" },
        { "armv6l", "arm", "v6" },        { "i686", "386", "" },        { "i386", "386", "" },
        { "riscv64", "riscv64", "" },     { "ppc64le", "ppc64le", "" }, { "s390x", "s390x", "" },
        { "loongarch64", "loong64", "" },
    };
    struct utsname name;

    *variant = "";
    if (uname(&name) == 0) {
        for (size_t i = 0; i < sizeof(machines) / sizeof(machines[0]); i++) {
            if (strcmp(name.machine, machines[i].machine) == 0) {
                *variant = machines[i].variant;
                return machines[i].architecture;
            }
        }
    }
    return "amd64";
}

/* Members in the order specified for every config bud writes: alphabetical at the top. */
static void write_config(const struct import_options *options, const char *name,
                         const char *created, const char *diff_id, struct buf *out) {
    _cleanup_json_ json_t *config = json_object();
    json_t *history = json_object();
    const char *variant;
    const char *machine = architecture(&variant);
    _cleanup_free_ char *origin = xasprintf("Imported from %s", name);

    json_object_set_new(config, "architecture", json_string(machine));
    if (options->author && options->author[0]) {
        json_object_set_new(config, "author", json_from_str(str_of(options->author)));
    }
    json_object_set_new(config, "config", json_object());
    json_object_set_new(config, "created", json_string(created));
    json_object_set_new(history, "created", json_string(created));
    json_object_set_new(history, "created_by", json_from_str(str_of(origin)));
    json_object_set_new(config, "history", json_pack("[o]", history));
    json_object_set_new(config, "os", json_string("linux"));
    json_object_set_new(config, "rootfs",
                        json_pack("{s:s, s:[s]}", "type", "layers", "diff_ids", diff_id));
    if (variant[0]) {
        json_object_set_new(config, "variant", json_string(variant));
    }
    json_write(out, config);
}

static void write_manifest(const struct buf *config, const char *diff_id, uint64_t diff_size,
                           struct buf *out) {
    struct digest digest = digest_of(config->data, config->len);
    _cleanup_free_ char *config_digest = xasprintf("sha256:%s", digest_hex(&digest).text);
    _cleanup_json_ json_t *manifest = json_pack(
        "{s:i, s:s, s:{s:s, s:s, s:I}, s:[{s:s, s:s, s:I}]}", "schemaVersion", 2, "mediaType",
        "application/vnd.oci.image.manifest.v1+json", "config", "mediaType",
        "application/vnd.oci.image.config.v1+json", "digest", config_digest, "size",
        (json_int_t)config->len, "layers", "mediaType", "application/vnd.oci.image.layer.v1.tar",
        "digest", diff_id, "size", (json_int_t)diff_size);

    json_write(out, manifest);
}

static int publish(const struct store *store, const char *snapshot, const char *name,
                   const char *reference, const struct import_options *options,
                   const struct cache_layer *layer, struct digest_hex *id, struct error *error) {
    _cleanup_buf_ struct buf config = BUF_INIT;
    _cleanup_buf_ struct buf manifest = BUF_INIT;
    int64_t created = options->created ? options->created : time_now();
    _cleanup_free_ char *diff_id = xasprintf("sha256:%s", digest_hex(&layer->diff_id).text);
    const char *names[] = { reference, NULL };
    char text[TIME_TEXT_SIZE];
    struct layer_draft draft = layer_draft(snapshot, layer);

    time_format(text, created);
    write_config(options, name, text, diff_id, &config);
    write_manifest(&config, diff_id, layer->diff_size, &manifest);
    return publish_image(store,
                         &(struct image_draft){ .layers = &draft,
                                                .layer_count = 1,
                                                .config = buf_str(&config),
                                                .manifest = buf_str(&manifest),
                                                .names = names,
                                                .created = created },
                         id, error);
}

/* The JSON of the regular file NAME at the top of what was unpacked, or NULL. */
static json_t *read_index(int diff, const char *name) {
    _cleanup_buf_ struct buf text = BUF_INIT;
    _cleanup_fd_ int fd =
        fs_open_beneath(diff, name, O_RDONLY | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC, 0, NULL);
    struct stat stat;
    return fd >= 0 && fstat(fd, &stat) == 0 && S_ISREG(stat.st_mode) &&
                   fs_read_fd(fd, name, INDEX_LIMIT, &text, NULL) == 0
               ? json_parse(buf_str(&text), name, NULL)
               : NULL;
}

/* A whole image as Docker and Podman save it (OCI image-spec, image-layout.md; Docker's manifest.json): its blobs would
 * become the files of another image, which nobody wants. */
static int refuse_saved_image(int diff, const char *name, struct error *error) {
    _cleanup_json_ json_t *layout = read_index(diff, "oci-layout");
    _cleanup_json_ json_t *manifest = read_index(diff, "manifest.json");
    const json_t *image = json_array_get(manifest, 0);
    bool is_layout = json_is_string(json_object_get(layout, "imageLayoutVersion"));
    if (!is_layout && !(json_is_string(json_object_get(image, "Config")) &&
                        json_is_array(json_object_get(image, "Layers")))) {
        return 0;
    }
    error_set(error, ERROR_INPUT,
              "%s is an image that was saved (it has %s at its top), not a root file system", name,
              is_layout ? "oci-layout" : "manifest.json");
    return is_layout
               ? error_hint(error, "unpack it into a directory, and `bud import oci:DIRECTORY "
                                   "NAME`; or `podman load`, which fills the same store")
               : error_hint(error, "`podman load` takes it into the same store, or `skopeo copy "
                                   "docker-archive:FILE oci:DIRECTORY` makes what `bud import "
                                   "oci:DIRECTORY NAME` takes");
}

static int unpack(const struct store *store, const struct snapshot *snapshot, int tar_fd,
                  const char *name, struct arena *arena, struct cache_layer *layer,
                  struct error *error) {
    _cleanup_free_ char *tar_split = xasprintf("%s/tar-split.gz", snapshot->directory);
    _cleanup_free_ char *path = xasprintf("%s/diff", snapshot->directory);
    _cleanup_fd_ int diff = fs_open(path, O_RDONLY | O_DIRECTORY, 0, error);
    struct archive_options how = { .is_rootless = store->is_rootless, .is_root_entry_kept = true };
    struct layer_stream_options stream = { .tar_split = tar_split,
                                           .tar = -1,
                                           .is_rootless = store->is_rootless };

    if (diff < 0 || archive_unpack(tar_fd, name, diff, &how, error) < 0 ||
        refuse_saved_image(diff, name, error) < 0) {
        return -1;
    }
    return layer_stream_digest(diff, &stream, arena, NULL, layer, error);
}

int import_image(const struct store *store, int tar_fd, const char *name, const char *reference,
                 const struct import_options *options, struct digest_hex *id, struct error *error) {
    _cleanup_arena_ struct arena arena = ARENA_INIT;
    struct snapshot snapshot;
    struct cache_layer layer;
    struct build *build = NULL;
    int result;

    if (build_begin(store, &build, error) < 0) {
        return -1;
    }
    if (snapshot_new(store, build, NULL, &snapshot, error) < 0) {
        build_end(store, build, error);
        return -1;
    }
    result = unpack(store, &snapshot, tar_fd, name, &arena, &layer, error);
    if (result == 0) {
        result = publish(store, snapshot.id, name, reference, options, &layer, id, error);
    }
    if (result < 0 && snapshot_remove(store, snapshot.id, NULL) < 0) {
        log_debug("cannot remove the snapshot %s; the next build does", snapshot.id);
    }
    snapshot_free(&snapshot);
    build_end(store, build, result < 0 ? error : NULL);
    return result;
}
