#include "executor/user.h"

#include "base/fs.h"
#include "base/vec.h"

#include <errno.h>
#include <stdio.h>

#define FILE_LIMIT (10u << 20)
#define ID_LIMIT INT32_MAX
/* Linux takes no more groups of one process. */
#define GROUPS_MAX 65536

/* The whole of a user file; empty when there is none. Looked at before it is opened: opening a device or a pipe of an image
 * could do anything. */
static int read_file(int rootfs, const char *path, struct buf *out, struct error *error) {
    struct stat stat;
    char name[64];
    _cleanup_fd_ int place = fs_open_in_root(rootfs, path, O_PATH, 0, error);
    if (place < 0) {
        if (errno != ENOENT && errno != ENOTDIR) {
            return -1;
        }
        if (error) {
            error_clear(error);
        }
        return 0;
    }
    if (fstat(place, &stat) < 0) {
        return error_system(error, "cannot look at /%s in the image", path);
    }
    if (!S_ISREG(stat.st_mode)) {
        return error_set(error, ERROR_INPUT, "/%s in the image is not a regular file", path);
    }
    snprintf(name, sizeof(name), "/proc/self/fd/%d", place);
    _cleanup_fd_ int fd = fs_open(name, O_RDONLY, 0, error);
    return fd < 0 ? -1 : fs_read_fd(fd, path, FILE_LIMIT, out, error);
}

/* passwd(5) name:password:uid:gid:..., group(5) name:password:gid:members. */
struct entry {
    struct str name;
    uint32_t ids[2]; /* uid, gid; or gid */
    struct str members;
};

static bool parse_id(struct str text, uint32_t *id) {
    uint64_t value;
    if (!str_parse_uint(text, 10, ID_LIMIT, &value)) {
        return false;
    }
    *id = (uint32_t)value;
    return true;
}

/* The next well-formed line. Lines that are not are skipped: what they mean is anybody's guess. */
static bool next_entry(struct str *rest, size_t id_count, struct entry *entry) {
    struct str line;
    while (str_split(rest, '\n', &line)) {
        struct str password;
        struct str field;
        bool is_good = true;
        line = str_trim(line);
        if (!str_split(&line, ':', &entry->name) || !str_split(&line, ':', &password)) {
            continue;
        }
        for (size_t i = 0; i < id_count && is_good; i++) {
            is_good = str_split(&line, ':', &field) && parse_id(field, &entry->ids[i]);
        }
        if (is_good && entry->name.len) {
            entry->members = line;
            return true;
        }
    }
    return false;
}

/* By name, or, where NAME is empty, by the first id. */
static bool find_entry(struct str file, size_t id_count, struct str name, uint32_t id,
                       struct entry *entry) {
    while (next_entry(&file, id_count, entry)) {
        if (name.len ? str_equal(entry->name, name) : entry->ids[0] == id) {
            return true;
        }
    }
    return false;
}

static bool is_member(struct str members, struct str name) {
    struct str member;
    while (str_split(&members, ',', &member)) {
        if (str_equal(str_trim(member), name)) {
            return true;
        }
    }
    return false;
}

static bool is_all_digits(struct str text) {
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] < '0' || text.data[i] > '9') {
            return false;
        }
    }
    return text.len > 0;
}

/* user[:group]; what follows a second colon is ignored, as in runc's library. */
struct request {
    struct str user, group;
    bool is_uid, is_gid; /* numeric */
    uint32_t uid, gid;
};

static int parse_request(struct str text, struct request *out, struct error *error) {
    *out = (struct request){ 0 };
    struct str rest = text;
    str_split(&rest, ':', &out->user);
    str_split(&rest, ':', &out->group);
    out->is_uid = parse_id(out->user, &out->uid);
    out->is_gid = parse_id(out->group, &out->gid);
    if ((!out->is_uid && is_all_digits(out->user)) || (!out->is_gid && is_all_digits(out->group))) {
        return error_set(error, ERROR_INPUT, "user %.*s: ids must be in the range 0 to %d",
                         STR_ARG(text), ID_LIMIT);
    }
    return 0;
}

static void add_group(struct arena *arena, struct user *user, size_t *capacity, uint32_t gid) {
    for (size_t i = 0; i < user->group_count; i++) {
        if (user->groups[i] == gid) {
            return;
        }
    }
    if (user->group_count == *capacity) {
        user->groups = vec_grow(arena, user->groups, user->group_count, capacity, sizeof(gid));
    }
    user->groups[user->group_count++] = gid;
}

/* A name the image does not have, as the error says; WHAT is "user" or "group". */
static int hint_name(const char *what, struct error *error) {
    bool is_user = strcmp(what, "user") == 0;
    return error_hint(error, "make the %s in a RUN before (%s), or write its number", what,
                      is_user ? "adduser or useradd" : "addgroup or groupadd");
}

static int find_group(const struct request *request, struct str group_file, uint32_t *gid,
                      struct error *error) {
    struct entry entry;
    if (request->is_gid) {
        *gid = request->gid;
        return 0;
    }
    if (!find_entry(group_file, 1, request->group, 0, &entry)) {
        error_set(error, ERROR_INPUT,
                  "unable to find group %.*s: no matching entries in group file",
                  STR_ARG(request->group));
        return hint_name("group", error);
    }
    *gid = entry.ids[0];
    return 0;
}

/* The user part: *name is the entry's, or empty. */
static int find_user(const struct request *request, struct str passwd_file, struct user *out,
                     struct str *name, struct error *error) {
    struct entry entry;
    bool is_by_id = request->is_uid || !request->user.len;
    *name = STR_EMPTY;
    if (find_entry(passwd_file, 2, is_by_id ? STR_EMPTY : request->user, request->uid, &entry)) {
        out->uid = entry.ids[0];
        out->gid = entry.ids[1];
        *name = entry.name;
        return 0;
    }
    if (!is_by_id) {
        error_set(error, ERROR_INPUT,
                  "unable to find user %.*s: no matching entries in passwd file",
                  STR_ARG(request->user));
        return hint_name("user", error);
    }
    out->uid = request->uid;
    return 0;
}

int user_for_process(int rootfs, struct str text, struct arena *arena, struct user *out,
                     struct error *error) {
    _cleanup_buf_ struct buf passwd = BUF_INIT;
    _cleanup_buf_ struct buf group = BUF_INIT;
    struct request request;
    struct str name;
    struct entry entry;
    size_t capacity = 0;
    *out = (struct user){ 0 };
    if (parse_request(text, &request, error) < 0) {
        return -1;
    }
    if (request.is_uid && request.is_gid) {
        out->uid = request.uid;
        out->gid = request.gid;
        add_group(arena, out, &capacity, out->gid);
        return 0;
    }
    if (read_file(rootfs, "etc/passwd", &passwd, error) < 0 ||
        read_file(rootfs, "etc/group", &group, error) < 0 ||
        find_user(&request, buf_str(&passwd), out, &name, error) < 0) {
        return -1;
    }
    if (request.group.len && find_group(&request, buf_str(&group), &out->gid, error) < 0) {
        return -1;
    }
    add_group(arena, out, &capacity, out->gid);
    for (struct str rest = buf_str(&group);
         name.len && !request.group.len && next_entry(&rest, 1, &entry);) {
        if (is_member(entry.members, name) && out->group_count < GROUPS_MAX) {
            add_group(arena, out, &capacity, entry.ids[0]);
        }
    }
    return 0;
}

/* The owner of files: numbers as they are, names looked up; one that is not there is an error, or root. */
static int find_owner(int rootfs, struct str text, bool is_required, uint32_t *uid, uint32_t *gid,
                      struct error *error) {
    _cleanup_buf_ struct buf passwd = BUF_INIT;
    _cleanup_buf_ struct buf group = BUF_INIT;
    struct request request;
    struct entry entry;
    if (parse_request(text, &request, error) < 0) {
        return -1;
    }
    *uid = *gid = request.uid;
    if (request.user.len && !request.is_uid) {
        if (read_file(rootfs, "etc/passwd", &passwd, error) < 0) {
            return -1;
        }
        if (find_entry(buf_str(&passwd), 2, request.user, 0, &entry)) {
            *uid = entry.ids[0];
            *gid = entry.ids[1];
        } else if (is_required) {
            error_set(error, ERROR_INPUT, "user \"%.*s\" not found in /etc/passwd",
                      STR_ARG(request.user));
            return hint_name("user", error);
        }
    }
    if (request.group.len && !request.is_gid) {
        if (read_file(rootfs, "etc/group", &group, error) < 0) {
            return -1;
        }
        if (find_entry(buf_str(&group), 1, request.group, 0, &entry)) {
            request.gid = entry.ids[0];
        } else if (is_required) {
            error_set(error, ERROR_INPUT, "group \"%.*s\" not found in /etc/group",
                      STR_ARG(request.group));
            return hint_name("group", error);
        }
    }
    if (request.group.len) {
        *gid = request.gid;
    }
    return 0;
}

int user_for_chown(int rootfs, struct str text, uint32_t *uid, uint32_t *gid, struct error *error) {
    return find_owner(rootfs, text, true, uid, gid, error);
}

int user_for_workdir(int rootfs, struct str text, uint32_t *uid, uint32_t *gid,
                     struct error *error) {
    return find_owner(rootfs, text, false, uid, gid, error);
}
