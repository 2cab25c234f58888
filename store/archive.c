#include "store/archive.h"

#include "base/fs.h"
#include "base/log.h"
#include "base/vec.h"
#include "store/archive_input.h"
#include "store/archive_item.h"
#include "store/archive_place.h"
#include "store/layer_intake.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <locale.h>
#include <stdlib.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#define MAX_ENTRIES 20000000 /* more is an attack on inodes and memory, not an archive */

/* A directory's time is set when nothing is put into it any more. So is a mode that would keep its owner out. */
struct dated_directory {
    char *path;
    mode_t mode; /* 0: it has it already */
    dev_t device;
    ino_t inode;
    struct timespec mtime;
};

struct unpacker {
    const struct archive_options *options;
    const char *name; /* the archive's */
    struct archive_input input;
    struct error input_error; /* what went wrong inside libarchive's call of our reader */
    struct archive *tar;
    struct archive_place place;
    VEC(struct dated_directory) directories;
};

static struct archive_item item_of(const struct unpacker *unpacker, struct archive_entry *entry) {
    return (struct archive_item){ .entry = entry,
                                  .options = unpacker->options,
                                  .archive = unpacker->name,
                                  .shown = archive_entry_pathname(entry),
                                  .parent = -1 };
}

static ssize_t give_block(struct archive *tar, void *context, const void **block) {
    struct unpacker *unpacker = context;
    size_t len;
    if (archive_input_read(&unpacker->input, block, &len, &unpacker->input_error)) {
        archive_set_error(tar, EIO, "reading failed");
        return -1;
    }
    struct layer_intake *layer = unpacker->options->layer;
    if (layer && layer_intake_block(layer, *block, len, &unpacker->input_error)) {
        archive_set_error(tar, EIO, "reading failed");
        return -1;
    }
    return (ssize_t)len;
}

/* libarchive could not go on; ITEM may be NULL. */
static int stream_failed(struct unpacker *unpacker, const struct archive_item *item,
                         struct error *error) {
    if (unpacker->input_error.code != ERROR_NONE) {
        error_move(error, &unpacker->input_error);
        return item ? error_wrap(error, "archive '%s': cannot unpack '%s'", unpacker->name,
                                 item->shown)
                    : -1;
    }
    if (archive_format(unpacker->tar) == 0) {
        error_set(error, ERROR_INPUT, "'%s' is no tar archive", unpacker->name);
        return error_hint(error,
                          "tar, plain or compressed with gzip, bzip2, xz or zstd, can be unpacked");
    }
    const char *why = archive_error_string(unpacker->tar);
    error_set(error, ERROR_INPUT, "archive '%s' is damaged%s%s: %s", unpacker->name,
              item ? " at " : "", item ? item->shown : "",
              why ? why : "its contents cannot be read");
    return error_hint(
        error, "fetch or make the archive again; 'tar -tf' should list it without complaint");
}

/* An entry whose name is taken: the old thing goes. */
static int make_room(struct unpacker *unpacker, const struct archive_item *item,
                     struct error *error) {
    archive_place_forget(&unpacker->place, item->parent);
    if (fs_remove_tree(item->parent, item->base, error)) {
        return error_wrap(error, "archive '%s': cannot replace '%s'", unpacker->name, item->shown);
    }
    return 0;
}

/* Only root may go where the mode forbids it. */
static int keep_open(const struct archive_item *item, int fd, mode_t *mode) {
    mode_t wanted = archive_entry_perm(item->entry) & 07777;
    bool is_open = geteuid() == 0 || (wanted & 0700) == 0700;
    *mode = is_open ? 0 : wanted | S_IFDIR;
    return is_open ? 0 : fchmod(fd, wanted | 0700);
}

static int finish_directory(struct unpacker *unpacker, const struct archive_item *item, int fd,
                            struct error *error) {
    struct stat status;
    struct timespec times[2];
    mode_t mode;
    archive_item_times(item, times);
    if (archive_item_set_metadata(item, fd, error)) {
        return -1;
    }
    if (keep_open(item, fd, &mode) < 0) {
        return archive_item_failed(item, "set the mode of", error);
    }
    if (fstat(fd, &status) < 0) {
        return archive_item_failed(item, "read", error);
    }
    if (times[1].tv_nsec != UTIME_OMIT || mode != 0) {
        vec_push(&unpacker->directories,
                 (struct dated_directory){ xstrdup(item->path.len > 0 ? item->path.data : "."),
                                           mode, status.st_dev, status.st_ino, times[1] });
    }
    return 0;
}

static int unpack_root(struct unpacker *unpacker, const struct archive_item *item,
                       struct error *error) {
    if (archive_entry_filetype(item->entry) != AE_IFDIR) {
        return archive_item_bad(item, "stands for the target directory but is none", error);
    }
    if (!unpacker->options->is_root_entry_kept) {
        return 0;
    }
    if (unpacker->options->layer) {
        unpacker->options->layer->has_root = true;
    }
    _cleanup_fd_ int fd = fs_open_at(unpacker->place.target, ".", O_RDONLY | O_DIRECTORY, 0, error);
    return fd < 0 ? -1 : finish_directory(unpacker, item, fd, error);
}

static int unpack_directory(struct unpacker *unpacker, const struct archive_item *item,
                            struct error *error) {
    const int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
    if (mkdirat(item->parent, item->base, 0700) < 0 && errno != EEXIST) {
        return archive_item_failed(item, "create", error);
    }
    _cleanup_fd_ int fd = openat(item->parent, item->base, flags);
    if (fd < 0 && (errno == ENOTDIR || errno == ELOOP)) {
        if (make_room(unpacker, item, error)) {
            return -1;
        }
        if (mkdirat(item->parent, item->base, 0700) == 0) {
            fd = openat(item->parent, item->base, flags);
        }
        /* In place of a whiteout or a file: what that hid of the layers below does not come back. */
        if (fd >= 0 && unpacker->options->layer &&
            whiteout_make_opaque(fd, unpacker->options->is_rootless, error)) {
            return -1;
        }
    }
    return fd < 0 ? archive_item_failed(item, "create", error)
                  : finish_directory(unpacker, item, fd, error);
}

static int write_contents(struct unpacker *unpacker, const struct archive_item *item, int fd,
                          struct error *error) {
    const void *block;
    size_t len;
    la_int64_t offset, end = 0;
    int status;
    struct layer_intake *layer = unpacker->options->layer;
    while ((status = archive_read_data_block(unpacker->tar, &block, &len, &offset)) == ARCHIVE_OK) {
        if (layer) {
            layer_intake_data(layer, block, len);
        }
        if (layer && item->is_raw &&
            layer_intake_raw(layer, (uint64_t)archive_filter_bytes(unpacker->tar, 0), error)) {
            return -1;
        }
        for (const char *data = block; len > 0;) {
            ssize_t written = pwrite(fd, data, len, offset);
            if (written < 0 && errno == EINTR) {
                continue;
            }
            if (written <= 0) {
                return archive_item_failed(item, "write", error);
            }
            data += written;
            len -= (size_t)written;
            offset += written;
        }
        end = offset > end ? offset : end;
    }
    if (status != ARCHIVE_EOF) {
        return stream_failed(unpacker, item, error);
    }
    /* A sparse entry may end in a hole. */
    if (archive_entry_size(item->entry) > end &&
        ftruncate(fd, archive_entry_size(item->entry)) < 0) {
        return archive_item_failed(item, "write", error);
    }
    return 0;
}

static int unpack_file(struct unpacker *unpacker, const struct archive_item *item,
                       struct error *error) {
    const int flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
    _cleanup_fd_ int fd = openat(item->parent, item->base, flags, 0600);
    if (fd < 0 && errno == EEXIST) {
        if (make_room(unpacker, item, error)) {
            return -1;
        }
        fd = openat(item->parent, item->base, flags, 0600);
    }
    if (fd < 0) {
        return archive_item_failed(item, "create", error);
    }
    struct timespec times[2];
    struct stat status;
    archive_item_times(item, times);
    if (unpacker->options->layer) {
        if (fstat(fd, &status) < 0) {
            return archive_item_failed(item, "read", error);
        }
        vec_push(&unpacker->options->layer->files, status.st_ino);
    }
    if (write_contents(unpacker, item, fd, error) || archive_item_set_metadata(item, fd, error)) {
        return -1;
    }
    return futimens(fd, times) < 0 ? archive_item_failed(item, "set the time of", error) : 0;
}

static bool is_same_file(int directory, const char *name, int other_directory, const char *other) {
    struct stat a, b;
    return fstatat(directory, name, &a, AT_SYMLINK_NOFOLLOW) == 0 &&
           fstatat(other_directory, other, &b, AT_SYMLINK_NOFOLLOW) == 0 && a.st_dev == b.st_dev &&
           a.st_ino == b.st_ino;
}

/* Data that comes along with a hard link is skipped: it is that of the file linked to. */
static int unpack_hard_link(struct unpacker *unpacker, const struct archive_item *item,
                            struct error *error) {
    const char *link = archive_entry_hardlink(item->entry);
    _cleanup_buf_ struct buf path = BUF_INIT;
    if (!archive_place_clean(link, &path) || path.len == 0) {
        archive_item_bad(item, "is a hard link to something outside of the archive", error);
        return error_hint(error, "a hard link names another entry of the archive");
    }
    struct str cleaned = buf_str(&path);
    struct str base = path_base(cleaned);
    struct str parent = str_sub(cleaned, 0, cleaned.len - base.len);
    _cleanup_buf_ struct buf parent_path = BUF_INIT;
    buf_append_c(&parent_path, "./");
    buf_append_str(&parent_path, parent);
    _cleanup_fd_ int directory =
        fs_open_in_root(unpacker->place.target, parent_path.data, O_PATH | O_DIRECTORY, 0, NULL);
    int result = directory < 0 ? -1 : linkat(directory, base.data, item->parent, item->base, 0);
    if (directory >= 0 && result < 0 && errno == EEXIST) {
        if (is_same_file(directory, base.data, item->parent, item->base)) {
            return 0;
        }
        if (make_room(unpacker, item, error)) {
            return -1;
        }
        result = linkat(directory, base.data, item->parent, item->base, 0);
    }
    if (result < 0 && (errno == ENOENT || errno == ENOTDIR || errno == ELOOP || errno == EPERM)) {
        error_set(error, ERROR_INPUT,
                  "archive '%s': entry '%s' is a hard link to '%s', which is no file there",
                  unpacker->name, item->shown, link);
        return error_hint(error, "a hard link names another entry of the archive");
    }
    return result < 0 ? archive_item_failed(item, "link", error) : 0;
}

static int unpack_symlink(struct unpacker *unpacker, const struct archive_item *item,
                          struct error *error) {
    const char *link = archive_entry_symlink(item->entry);
    if (!link || !*link) {
        return archive_item_bad(item, "is a symbolic link to nothing", error);
    }
    int result = symlinkat(link, item->parent, item->base);
    if (result < 0 && errno == EEXIST) {
        if (make_room(unpacker, item, error)) {
            return -1;
        }
        result = symlinkat(link, item->parent, item->base);
    }
    return result < 0 ? archive_item_failed(item, "create", error)
                      : archive_item_set_metadata_by_name(item, error);
}

static int unpack_special(struct unpacker *unpacker, const struct archive_item *item, mode_t type,
                          struct error *error) {
    dev_t device = 0;
    if (type != S_IFIFO) {
        device = makedev((unsigned)archive_entry_rdevmajor(item->entry),
                         (unsigned)archive_entry_rdevminor(item->entry));
        if (type == S_IFCHR && device == 0) {
            return archive_item_bad(
                item, "is the character device 0/0, which would mean a deletion in a layer", error);
        }
        if (unpacker->options->is_rootless) {
            log_warn("archive '%s': device '%s' is left out: only root can make devices",
                     unpacker->name, item->shown);
            return 0;
        }
    }
    int result = mknodat(item->parent, item->base, type | 0600, device);
    if (result < 0 && errno == EEXIST) {
        if (make_room(unpacker, item, error)) {
            return -1;
        }
        result = mknodat(item->parent, item->base, type | 0600, device);
    }
    return result < 0 ? archive_item_failed(item, "create", error)
                      : archive_item_set_metadata_by_name(item, error);
}

static int unpack_item(struct unpacker *unpacker, const struct archive_item *item,
                       struct error *error) {
    if (archive_entry_hardlink(item->entry)) {
        return unpack_hard_link(unpacker, item, error);
    }
    switch (archive_entry_filetype(item->entry)) {
    case AE_IFREG:
        return unpack_file(unpacker, item, error);
    case AE_IFDIR:
        return unpack_directory(unpacker, item, error);
    case AE_IFLNK:
        return unpack_symlink(unpacker, item, error);
    case AE_IFIFO:
        return unpack_special(unpacker, item, S_IFIFO, error);
    case AE_IFCHR:
        return unpack_special(unpacker, item, S_IFCHR, error);
    case AE_IFBLK:
        return unpack_special(unpacker, item, S_IFBLK, error);
    default:
        return archive_item_bad(item, "is of a kind that bud does not know", error);
    }
}

/* The second reading of a layer: ITEM's data is that of its file still. */
static bool is_current(const struct unpacker *unpacker, struct str path, uint64_t inode) {
    _cleanup_buf_ struct buf name = BUF_INIT;
    struct stat status;
    buf_append_c(&name, "./");
    buf_append_str(&name, path);
    _cleanup_fd_ int fd =
        fs_open_in_root(unpacker->place.target, name.data, O_PATH | O_NOFOLLOW, 0, NULL);
    return inode != 0 && fd >= 0 && fstat(fd, &status) == 0 && S_ISREG(status.st_mode) &&
           status.st_ino == inode;
}

static int log_again(struct unpacker *unpacker, struct archive_entry *entry, bool is_file,
                     struct layer_intake_entry *place, struct error *error) {
    struct layer_intake *layer = unpacker->options->layer;
    const struct archive_item item = item_of(unpacker, entry);
    _cleanup_buf_ struct buf path = BUF_INIT;
    const void *block;
    size_t len;
    la_int64_t offset;
    int status;
    bool has_file = place->size > 0 && layer->file < layer->first->files.count &&
                    archive_place_clean(item.shown, &path) &&
                    is_current(unpacker, buf_str(&path), layer->first->files.items[layer->file]);
    layer->file += is_file;
    place->size = has_file ? place->size : 0;
    if (layer_intake_begin(layer, place, error)) {
        return -1;
    }
    while ((status = archive_read_data_block(unpacker->tar, &block, &len, &offset)) == ARCHIVE_OK) {
        if (has_file) {
            layer_intake_data(layer, block, len);
        } else if (layer_intake_raw(layer, (uint64_t)archive_filter_bytes(unpacker->tar, 0),
                                    error)) {
            return -1;
        }
    }
    if (status != ARCHIVE_EOF) {
        return stream_failed(unpacker, &item, error);
    }
    return has_file ? layer_intake_end(layer, place, error) : 0;
}

static int unpack_entry(struct unpacker *unpacker, struct archive_entry *entry, bool is_raw,
                        struct error *error) {
    struct archive_item item = item_of(unpacker, entry);
    item.is_raw = is_raw;
    if (!item.shown) {
        return error_set(error, ERROR_INPUT, "archive '%s' has an entry without a name",
                         unpacker->name);
    }
    _cleanup_buf_ struct buf path = BUF_INIT;
    if (!archive_place_clean(item.shown, &path)) {
        error_set(error, ERROR_INPUT, "archive '%s': entry '%s' would leave the target directory",
                  unpacker->name, item.shown);
        return error_hint(error, "an archive must not have names that climb out with '..'");
    }
    item.path = buf_str(&path);
    if (unpacker->options->layer) {
        layer_intake_name(unpacker->options->layer, item.path);
    }
    if (item.path.len == 0) {
        return unpack_root(unpacker, &item, error);
    }
    item.base = path_base(item.path).data;
    enum whiteout whiteout = unpacker->options->layer ? whiteout_of_path(item.path) : WHITEOUT_NONE;
    if (whiteout == WHITEOUT_BAD) {
        return archive_item_bad(&item, "has a name that is reserved for deletions", error);
    }
    if (whiteout == WHITEOUT_SKIPPED) {
        return 0;
    }
    item.parent = archive_place_parent(&unpacker->place, item.path, error);
    if (item.parent < 0) {
        return error_wrap(error, "archive '%s': cannot unpack '%s'", unpacker->name, item.shown);
    }
    if (whiteout == WHITEOUT_NONE) {
        return unpack_item(unpacker, &item, error);
    }
    return whiteout_apply(whiteout, item.parent, item.base, unpacker->options->is_rootless, error)
               ? error_wrap(error, "archive '%s': cannot unpack '%s'", unpacker->name, item.shown)
               : 0;
}

/* A sparse entry's data is not that of the file: it stays in the log. */
static int unpack_logged(struct unpacker *unpacker, struct archive_entry *entry,
                         struct error *error) {
    struct layer_intake *layer = unpacker->options->layer;
    if (!layer) {
        return unpack_entry(unpacker, entry, false, error);
    }
    struct archive *tar = unpacker->tar;
    const char *name = archive_entry_pathname(entry);
    bool is_file = archive_entry_filetype(entry) == AE_IFREG && !archive_entry_hardlink(entry) &&
                   whiteout_of_path(str_of(name)) == WHITEOUT_NONE;
    bool has_data = is_file && archive_entry_sparse_count(entry) == 0;
    uint64_t size = has_data ? (uint64_t)archive_entry_size(entry) : 0;
    struct layer_intake_entry place = { str_of(name), (uint64_t)archive_read_header_position(tar),
                                        (uint64_t)archive_filter_bytes(tar, 0), size };
    if (layer->first) {
        return log_again(unpacker, entry, is_file, &place, error);
    }
    return layer_intake_begin(layer, &place, error) ||
                   unpack_entry(unpacker, entry, !has_data, error) ||
                   layer_intake_end(layer, &place, error)
               ? -1
               : 0;
}

static int unpack_all(struct unpacker *unpacker, struct error *error) {
    struct archive_entry *entry;
    int status;
    for (uint64_t count = 0;
         (status = archive_read_next_header(unpacker->tar, &entry)) != ARCHIVE_EOF; count++) {
        if (status == ARCHIVE_WARN) {
            log_debug("archive '%s': %s", unpacker->name, archive_error_string(unpacker->tar));
        } else if (status != ARCHIVE_OK) {
            return stream_failed(unpacker, NULL, error);
        }
        if (count == MAX_ENTRIES) {
            return error_set(error, ERROR_INPUT, "archive '%s' has more than %d entries",
                             unpacker->name, MAX_ENTRIES);
        }
        if (unpack_logged(unpacker, entry, error)) {
            return -1;
        }
    }
    return unpacker->input_error.code == ERROR_NONE ? 0 : stream_failed(unpacker, NULL, error);
}

/* What follows the end mark counts for the checksums of the compression. */
static int read_rest(struct unpacker *unpacker, struct error *error) {
    const void *block;
    size_t len;
    struct layer_intake *layer = unpacker->options->layer;
    do {
        if (archive_input_read(&unpacker->input, &block, &len, error) ||
            (layer &&
             (layer_intake_block(layer, block, len, error) || layer_intake_flush(layer, error)))) {
            return -1;
        }
    } while (len > 0);
    return layer ? archive_input_drain(&unpacker->input, error) : 0;
}

static int date_directories(struct unpacker *unpacker, struct error *error) {
    for (size_t i = unpacker->directories.count; i-- > 0;) {
        const struct dated_directory *directory = &unpacker->directories.items[i];
        _cleanup_fd_ int fd = fs_open_in_root(unpacker->place.target, directory->path,
                                              O_RDONLY | O_DIRECTORY | O_NOFOLLOW, 0, NULL);
        struct stat status;
        if (fd < 0 || fstat(fd, &status) < 0 || status.st_dev != directory->device ||
            status.st_ino != directory->inode) {
            continue; /* a later entry took its place */
        }
        struct timespec times[2] = { { .tv_nsec = UTIME_OMIT }, directory->mtime };
        if (futimens(fd, times) < 0 ||
            (directory->mode != 0 && fchmod(fd, directory->mode & 07777) < 0)) {
            return error_system(error, "archive '%s': cannot set time and mode of '%s'",
                                unpacker->name, directory->path);
        }
    }
    return 0;
}

static int open_tar(struct unpacker *unpacker, struct error *error) {
    unpacker->tar = archive_read_new();
    if (!unpacker->tar) {
        return error_set(error, ERROR_FAILED, "out of memory while unpacking '%s'", unpacker->name);
    }
    /* Podman, Docker and umoci take a layer of no bytes for one without entries. */
    if (archive_read_support_format_tar(unpacker->tar) != ARCHIVE_OK ||
        (unpacker->options->layer &&
         archive_read_support_format_empty(unpacker->tar) != ARCHIVE_OK) ||
        archive_read_open(unpacker->tar, unpacker, NULL, give_block, NULL) != ARCHIVE_OK) {
        return stream_failed(unpacker, NULL, error);
    }
    return 0;
}

static void unpacker_free(struct unpacker *unpacker) {
    if (unpacker->tar) {
        archive_read_free(unpacker->tar);
    }
    archive_input_close(&unpacker->input);
    archive_place_close(&unpacker->place);
    for (size_t i = 0; i < unpacker->directories.count; i++) {
        free(unpacker->directories.items[i].path);
    }
    vec_free(&unpacker->directories);
    error_clear(&unpacker->input_error);
}

static int unpack(int fd, const char *name, int target, const struct archive_options *options,
                  struct error *error) {
    _cleanup_(unpacker_free) struct unpacker unpacker = { .options = options,
                                                          .name = name,
                                                          .input_error = ERROR_INIT,
                                                          .place = ARCHIVE_PLACE_INIT(target),
                                                          .directories = VEC_INIT };
    struct archive_tap *tap = options->layer ? &options->layer->tap : NULL;
    if (archive_input_open_tapped(&unpacker.input, fd, name, tap, error) ||
        open_tar(&unpacker, error) || unpack_all(&unpacker, error) || read_rest(&unpacker, error)) {
        return -1;
    }
    if (options->layer) {
        options->layer->compression = unpacker.input.compression;
    }
    return date_directories(&unpacker, error);
}

/* libarchive converts the names of PAX headers to the character set of the locale, and in a UTF-8 one composes
 * accents. In the C locale it leaves the bytes alone. */
int archive_unpack(int fd, const char *name, int target, const struct archive_options *options,
                   struct error *error) {
    locale_t plain = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    if (plain == (locale_t)0) {
        return error_system(error, "cannot select the C locale");
    }
    locale_t saved = uselocale(plain);
    int result = unpack(fd, name, target, options, error);
    uselocale(saved);
    freelocale(plain);
    return result;
}
