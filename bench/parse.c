/* How fast Dockerfile text becomes an AST, checks included, on one core: bench/README.md.
 *
 *     parse FILE              MB/s for FILE as it is, and repeated to 1 MB and 20 MB, beside the floor
 *     parse --once FILE       parses FILE once, for a profiler; prints its size in bytes
 *
 * The floor is what no parser of lines can go below: memchr for the ends of the lines of the same text. */
#include "base/fs.h"
#include "parser/parser.h"

#include <fcntl.h>
#include <limits.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static void die(const struct error *error) {
    _cleanup_buf_ struct buf text = BUF_INIT;
    error_print(&text, error, false);
    fputs(text.data, stderr);
    exit(1);
}

static void parse(struct str source, const char *name) {
    _cleanup_arena_ struct arena arena = ARENA_INIT;
    struct error error = ERROR_INIT;
    struct dockerfile *dockerfile;
    if (parser_parse(source, name, &arena, &dockerfile, &error) < 0) {
        die(&error);
    }
}

static size_t count_lines(struct str text) {
    size_t lines = 0;
    for (size_t at; (at = str_find_byte(text, '\n')) != SIZE_MAX; lines++) {
        text = str_from(text, at + 1);
    }
    return lines;
}

/* MB/s of the best of a few rounds, each of which reads TEXT so often that it takes a while. */
static double rate(struct str text, const char *name) {
    enum { ROUNDS = 7, ENOUGH = 20 << 20 };
    double best = 0;
    size_t times = ENOUGH / text.len + 1;
    size_t lines = 0; /* looked at below, so that counting is not left out */
    for (int round = 0; round < ROUNDS; round++) {
        double start = now();
        for (size_t i = 0; i < times; i++) {
            if (name) {
                parse(text, name);
            } else {
                lines += count_lines(text);
            }
        }
        double rate = (double)(text.len * times) / (now() - start) / 1e6;
        best = rate > best ? rate : best;
    }
    if (!name && lines == 0) {
        printf("the text has no lines\n");
    }
    return best;
}

static void row(struct str text, const char *name) {
    double parser = rate(text, name), floor = rate(text, NULL);
    printf("%12zu bytes %9.1f MB/s %9.1f MB/s (memchr), floor/bud %.1f\n", text.len, parser, floor,
           floor / parser);
    fflush(stdout);
}

int main(int argc, char **argv) {
    bool is_once = argc == 3 && strcmp(argv[1], "--once") == 0;
    _cleanup_buf_ struct buf text = BUF_INIT;
    struct error error = ERROR_INIT;
    if (argc != 2 && !is_once) {
        fprintf(stderr, "usage: %s [--once] FILE\n", argv[0]);
        return 2;
    }
    const char *name = argv[argc - 1];
    if (fs_read_file(AT_FDCWD, name, 1 << 30, &text, &error) < 0) {
        die(&error);
    }
    if (is_once) {
        parse(buf_str(&text), name);
        printf("%zu\n", text.len);
        return 0;
    }
    /* Keep memory from round to round: how long the kernel takes to hand out pages is not what is measured. */
    mallopt(M_MMAP_THRESHOLD, 32 << 20);
    mallopt(M_TRIM_THRESHOLD, INT_MAX);
    row(buf_str(&text), name);
    static const size_t sizes[] = { 1000000, 20000000 };
    size_t len = text.len;
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        buf_reserve(&text, sizes[i]);
        while (text.len + len <= sizes[i]) {
            buf_append_str(&text, str_make(text.data, len));
        }
        row(buf_str(&text), name);
    }
    return 0;
}
