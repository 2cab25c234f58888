/* log: messages for the person at the terminal, on standard error, one write per line.
 *
 * The level is the one mutable global of the program: passing a logger to every function would say nothing.
 * It is set once, before threads start. Any thread may log. */
#ifndef BUD_BASE_LOG_H
#define BUD_BASE_LOG_H

#include <stdbool.h>

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };

void log_set_level(enum log_level level); /* default LOG_WARN */
/* "debug", "info", "warn" or "warning", "error", "fatal", "panic" and "trace" as Buildah names them. */
bool log_parse_level(const char *text, enum log_level *level);
void log_write(enum log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));
#define log_debug(...) log_write(LOG_DEBUG, __VA_ARGS__)
#define log_info(...) log_write(LOG_INFO, __VA_ARGS__)
#define log_warn(...) log_write(LOG_WARN, __VA_ARGS__)
#define log_error(...) log_write(LOG_ERROR, __VA_ARGS__)

#endif
