#include "store/import.h"
#include "base/fs.h"
#include "cli/command.h"
#include "executor/rootfs.h"
#include "registry/reference.h"

#include <unistd.h>

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

static int open_archive(const char *path, struct error *error) {
    if (strcmp(path, "-") == 0) {
        int fd = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3);
        return fd >= 0 ? fd : error_system(error, "cannot use standard input");
    }
    if (str_find(str_of(path), STR("://")) != SIZE_MAX) {
        error_set(error, ERROR_UNSUPPORTED, "import from %s is not done yet", path);
        return error_hint(error, "curl %s | bud import - NAME", path);
    }
    int fd = fs_open(path, O_RDONLY, 0, error);
    struct stat stat_;
    if (fd >= 0 && fstat(fd, &stat_) == 0 && S_ISDIR(stat_.st_mode)) {
        close(fd);
        error_set(error, ERROR_INPUT, "%s is a directory, not an archive", path);
        return error_hint(error, "tar -C %s -c . | bud import - NAME", path);
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
    _cleanup_fd_ int fd = open_archive(path, error);
    struct store *store;
    if (fd < 0 ||
        invocation_open_store(invocation, STORE_WRITE, NAMESPACE_FOR_FILES, &store, error) < 0) {
        return -1;
    }
    struct digest_hex id;
    const char *name = strcmp(path, "-") == 0 ? "standard input" : path;
    int result = rootfs_enter_namespace(store, error);
    if (result == 0) {
        result = import_image(store, fd, name, reference, &import, &id, error);
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
    .arguments = "[OPTION...] TAR [NAME]",
    .summary = "make an image of a root file system in a tar archive",
    .description = "TAR is an archive, plain or compressed by gzip, bzip2, xz or zstd, or `-` for "
                   "standard input. Its "
                   "content becomes the only layer of a new image, whose ID is printed.",
    .examples = "mmdebstrap bookworm - | bud import - debian:bookworm",
    .groups = (const struct option_group[]){ { "Options", import_options }, { NULL, NULL } },
    .minimum = 1,
    .maximum = 2,
    .run = import_run,
};
