/* The floor of a no-op build: every directory below the one named is listed, every entry is looked at once with fstatat(2), and
 * nothing is remembered. Prints how many entries there were. */
#include <dirent.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define ROOM (64 << 10)

struct entry { /* getdents64(2) */
    uint64_t inode;
    int64_t offset;
    unsigned short size;
    unsigned char type;
    char name[];
};

static unsigned long count;

static void walk(int parent, const char *name) {
    _Alignas(struct entry) char room[ROOM];
    int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0) {
        perror(name);
        return;
    }
    ssize_t len;
    while ((len = getdents64(fd, room, sizeof(room))) > 0) {
        for (ssize_t at = 0; at < len;) {
            const struct entry *entry = (const void *)(room + at);
            at += entry->size;
            if (strcmp(entry->name, ".") == 0 || strcmp(entry->name, "..") == 0) {
                continue;
            }
            struct stat stat;
            count++;
            if (fstatat(fd, entry->name, &stat, AT_SYMLINK_NOFOLLOW) == 0 &&
                S_ISDIR(stat.st_mode)) {
                walk(fd, entry->name);
            }
        }
    }
    close(fd);
}

int main(int argc, char **argv) {
    walk(AT_FDCWD, argc > 1 ? argv[1] : ".");
    printf("%lu\n", count);
    return 0;
}
