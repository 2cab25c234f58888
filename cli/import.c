#include "store/import.h"
#include "base/fs.h"
#include "base/remote.h"
#include "cli/command.h"
#include "executor/rootfs.h"
#include "planner/platform.h"
#include "registry/oci_import.h"
#include "registry/reference.h"

#include <stdlib.h>
#include <unistd.h>

#define LAYOUT_PREFIX "oci:" /* as Skopeo has it */

static const struct option_spec import_options[] = {
    { .name = "author", .kind = OPTION_TEXT, .value = "TEXT", .help = "the author of the image" },
    { .name = "timestamp",
      .kind = OPTION_UINT,
      .value = "SECONDS",
      .environment = "SOURCE_DATE_EPOCH",
      .help = "the time of the image, in seconds since 1970; default: now" },
    { .name = "change",
      .letter = 'c',
      .kind = OPTION_LIST,
      .value = "INSTRUCTION",
      .only = "",
      .instead = "import, then build: printf 'FROM NAME\\nCMD sh\\n' | bud -f - -t NAME .",
      .help = "" },
    { .name = "message",
      .letter = 'm',
      .kind = OPTION_TEXT,
      .value = "TEXT",
      .only = "",
      .help = "" },
    { .name = "quiet",
      .letter = 'q',
      .kind = OPTION_FLAG,
      .help = "means nothing: only the ID is printed anyway" },
    { .name = NULL },
};

/* What other tools call an image by: hints at what comes to the same. ERROR is about the file of that name. */
static int explain_transport(const char *path, struct error *error) {
    static const struct {
        const char *prefix, *advice;
    } transports[] = {
        { "oci-archive:",
          "unpack the archive into a directory, and `bud import oci:DIRECTORY NAME`; "
          "or `podman load -i FILE`, which fills the same store" },
        { "docker-archive:", "`podman load -i FILE` fills the same store" },
        { "dir:", "`skopeo copy dir:DIRECTORY oci:LAYOUT`, then `bud import oci:LAYOUT NAME`" },
        { "docker:", "`podman pull NAME` fills the same store" },
        { "docker-daemon:", "`docker save NAME | podman load` fills the same store" },
        { "containers-storage:", "it is in the store already: `bud tag NAME OTHER`" },
    };
    for (size_t i = 0; i < sizeof(transports) / sizeof(transports[0]); i++) {
        if (str_has_prefix(str_of(path), str_of(transports[i].prefix))) {
            return error_hint(error, "%s", transports[i].advice);
        }
    }
    return -1;
}

static int open_archive(const char *path, struct arena *arena, struct error *error) {
    if (strcmp(path, "-") == 0) {
        int fd = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3);
        return fd >= 0 ? fd : error_system(error, "cannot use standard input");
    }
    if (str_find(str_of(path), STR("://")) != SIZE_MAX) {
        error_set(error, ERROR_UNSUPPORTED, "import from %.*s is not done yet",
                  STR_ARG(remote_shown(str_of(path), arena)));
        return error_hint(error, "curl URL | bud import - NAME");
    }
    int fd = fs_open(path, O_RDONLY, 0, error);
    if (fd < 0) {
        return explain_transport(path, error);
    }
    struct stat stat_;
    if (fstat(fd, &stat_) == 0 && S_ISDIR(stat_.st_mode)) {
        close(fd);
        _cleanup_free_ char *index = xasprintf("%s/index.json", path);
        error_set(error, ERROR_INPUT, "%s is a directory, not an archive", path);
        return access(index, F_OK) == 0
                   ? error_hint(error, "bud import " LAYOUT_PREFIX "%s NAME", path)
                   : error_hint(error, "tar -C %s -c . | bud import - NAME", path);
    }
    return fd;
}

static int read_options(const struct options *options, struct import_options *out,
                        struct error *error) {
    uint64_t seconds = option_uint(options, "timestamp", 0);
    if (seconds > INT64_MAX / 1000000000) {
        return error_set(error, ERROR_USAGE, "%s: too far in the future",
                         option_source(options, "timestamp"));
    }
    *out = (struct import_options){ .author = option_text(options, "author", NULL) };
    if (option_is_given(options, "timestamp")) {
        out->created = seconds == 0 ? 1 : (int64_t)seconds * 1000000000; /* 0 would be now */
    }
    return 0;
}

/* ---- an image of an OCI layout ---- */

static int import_layout(const struct store *store, const struct oci_image *image,
                         const char *reference, struct digest_hex *id, struct error *error) {
    struct build *build;
    if (build_begin(store, &build, error) < 0) {
        return -1;
    }
    int result = oci_import(store, build, image, reference, NULL, error);
    build_end(store, build, result < 0 ? error : NULL);
    *id = digest_hex(&image->id);
    return result;
}

/* PATH behind the prefix of a layout, if ARGUMENT has it: it is read as far as can be told without the store. */
static int read_layout(const struct options *options, struct arena *arena, bool *is_layout,
                       struct oci_image *out, struct error *error) {
    struct str text = str_of(options->arguments[0]), path, reference;
    struct platform host = platform_host();
    *is_layout = str_has_prefix(text, STR(LAYOUT_PREFIX));
    if (!*is_layout) {
        return 0;
    }
    bool has_time = option_is_given(options, "timestamp") &&
                    str_has_prefix(str_of(option_source(options, "timestamp")), STR("--"));
    if (option_is_given(options, "author") || has_time) {
        error_set(error, ERROR_USAGE, "an image of an OCI layout has an author and a time already");
        return error_hint(error, "leave --author and --timestamp out");
    }
    oci_layout_split(str_from(text, sizeof(LAYOUT_PREFIX) - 1), &path, &reference);
    return oci_layout_read(str_dup(arena, path), reference, platform_rank_described, &host, arena,
                           out, error);
}

static int import_run(struct invocation *invocation, struct error *error) {
    const struct options *options = &invocation->options;
    const char *path = options->arguments[0];
    const char *reference = NULL;
    struct import_options import;
    if (read_options(options, &import, error) < 0) {
        return -1;
    }
    if (options->argument_count > 1 &&
        reference_for_tag(str_of(options->arguments[1]), invocation->arena, &reference, error) <
            0) {
        return error_wrap(error, "cannot name an image %s", options->arguments[1]);
    }
    struct oci_image layout;
    bool is_layout;
    if (read_layout(options, invocation->arena, &is_layout, &layout, error) < 0) {
        return -1;
    }
    _cleanup_fd_ int fd = is_layout ? -1 : open_archive(path, invocation->arena, error);
    struct store *store;
    if ((fd < 0 && !is_layout) ||
        invocation_open_store(invocation, STORE_WRITE, NAMESPACE_FOR_FILES, &store, error) < 0) {
        return -1;
    }
    struct digest_hex id;
    const char *name = strcmp(path, "-") == 0 ? "standard input" : path;
    int result = rootfs_enter_namespace(store, error);
    if (result == 0) {
        result = is_layout ? import_layout(store, &layout, reference, &id, error)
                           : import_image(store, fd, name, reference, &import, &id, error);
    }
    store_close(store);
    if (result < 0) {
        return -1;
    }
    _cleanup_buf_ struct buf out = BUF_INIT;
    buf_printf(&out, "%s\n", id.text);
    return output_write(&out, error);
}

const struct command command_import = {
    .name = "import",
    .arguments = "[OPTION...] TAR|oci:PATH[:TAG] [NAME]",
    .summary = "make an image of a tar of a root file system, or of an OCI layout",
    .description = "TAR is an archive, plain or compressed by gzip, bzip2, xz or zstd, or `-` for "
                   "standard input. Its "
                   "content becomes the only layer of a new image, whose ID is printed.\n"
                   "\n"
                   "With oci:PATH[:TAG][@DIGEST] the image of an OCI layout is taken as it is, of "
                   "several platforms that for this machine.",
    .examples = "mmdebstrap bookworm - | bud import - debian:bookworm\n"
                "bud import oci:layout:v1 app",
    .groups = (const struct option_group[]){ { "Options", import_options }, { NULL, NULL } },
    .minimum = 1,
    .maximum = 2,
    .run = import_run,
};
