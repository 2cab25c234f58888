#include "base/log.h"

#include "base/error.h"
#include "base/remote.h"

#include <errno.h>
#include <strings.h>
#include <unistd.h>

static enum log_level threshold = LOG_WARN;

void log_set_level(enum log_level level) {
    threshold = level;
}

bool log_parse_level(const char *text, enum log_level *level) {
    static const struct {
        const char *name;
        enum log_level level;
    } levels[] = {
        { "trace", LOG_DEBUG }, { "debug", LOG_DEBUG },  { "info", LOG_INFO },
        { "warn", LOG_WARN },   { "warning", LOG_WARN }, { "error", LOG_ERROR },
        { "fatal", LOG_ERROR }, { "panic", LOG_ERROR },
    };
    for (size_t i = 0; i < sizeof(levels) / sizeof(levels[0]); i++) {
        if (strcasecmp(text, levels[i].name) == 0) {
            *level = levels[i].level;
            return true;
        }
    }
    return false;
}

void log_write(enum log_level level, const char *format, ...) {
    static const char *const names[] = { "debug: ", "info: ", "warning: ", "error: " };
    if (level < threshold) {
        return;
    }
    int saved = errno;
    _cleanup_buf_ struct buf message = BUF_INIT;
    va_list arguments;
    va_start(arguments, format);
    buf_vprintf(&message, format, arguments);
    va_end(arguments);
    remote_mask(message.data, message.len);
    /* Messages quote names from images and archives: an escape sequence in one must not reach the terminal. */
    _cleanup_buf_ struct buf line = BUF_INIT;
    buf_append_c(&line, names[level]);
    error_print_text(&line, message.data);
    if (line.data[line.len - 1] != '\n') {
        buf_append_byte(&line, '\n');
    }
    /* Nobody could be told that standard error is gone. */
    ssize_t ignored = write(STDERR_FILENO, line.data, line.len);
    (void)ignored;
    errno = saved;
}
