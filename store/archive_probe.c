/* Is a file an archive that can be unpacked? */
#include "store/archive.h"
#include "store/archive_input.h"

#include <string.h>
#include <unistd.h>

#define TAR_HEADER 512

static bool has_valid_checksum(const unsigned char *header) {
    /* Offset 148: six octal digits with blanks or NULs around them, computed as if the field were blank. Old
     * programs summed signed bytes. */
    unsigned long stored = 0;
    bool has_digits = false;
    for (const unsigned char *at = header + 148; at < header + 156; at++) {
        if (*at >= '0' && *at <= '7') {
            stored = stored * 8 + (unsigned long)(*at - '0');
            has_digits = true;
        } else if ((*at != ' ' && *at != '\0') || has_digits) {
            break;
        }
    }
    unsigned long sum = 0;
    long signed_sum = 0;
    bool has_data = false;
    for (size_t i = 0; i < TAR_HEADER; i++) {
        unsigned char byte = i >= 148 && i < 156 ? ' ' : header[i];
        has_data = has_data || header[i] != 0;
        sum += byte;
        signed_sum += (signed char)byte;
    }
    return has_data && has_digits && (stored == sum || (long)stored == signed_sum);
}

int archive_is_tar(int fd, bool *is_tar, struct error *error) {
    *is_tar = false;
    if (lseek(fd, 0, SEEK_SET) < 0) {
        return error_system(error, "cannot read the file as an archive");
    }
    _cleanup_archive_input_ struct archive_input input;
    unsigned char header[TAR_HEADER];
    size_t have = 0;
    struct error reason = ERROR_INIT;
    int result = archive_input_open(&input, fd, "the file", &reason);
    while (result == 0 && have < TAR_HEADER) {
        const void *block;
        size_t len;
        result = archive_input_read(&input, &block, &len, &reason);
        if (result < 0 || len == 0) {
            break;
        }
        len = len < TAR_HEADER - have ? len : TAR_HEADER - have;
        memcpy(header + have, block, len);
        have += len;
    }
    bool is_system = reason.code == ERROR_SYSTEM; /* anything else only means: no archive */
    if (is_system && error) {
        *error = reason;
    } else {
        error_clear(&reason);
    }
    if (is_system || lseek(fd, 0, SEEK_SET) < 0) {
        return -1;
    }
    *is_tar = have == TAR_HEADER && has_valid_checksum(header);
    return 0;
}
