/* How fast an ignore file judges paths, beside the floor of reading each path once.
 *
 *   build/bench/ignore [IGNORE-FILE]
 *
 * The paths are those of a made-up monorepo of 100,000 files; every directory is entered and every file asked about, also
 * where a walk would have turned back. Without a file: 200 typical lines, then 10,000. */
#include "parser/pattern.h"

#include "base/fs.h"
#include "base/vec.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { FILES = 100000, RUNS = 7 };

struct entry {
    struct str path;
    size_t parent; /* index of its directory, SIZE_MAX: the root */
    bool is_directory;
};

struct tree {
    struct arena arena;
    VEC(struct entry) entries; /* a directory before what is in it */
    size_t bytes;
};

static double seconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* ---- the tree ------------------------------------------------------------------------------------------ */

static size_t tree_add(struct tree *tree, size_t parent, bool is_directory, struct str name) {
    struct entry entry = { name, parent, is_directory };
    if (parent != SIZE_MAX) {
        struct str directory = tree->entries.items[parent].path;
        entry.path = str_printf(&tree->arena, "%.*s/%.*s", STR_ARG(directory), STR_ARG(name));
    }
    tree->bytes += entry.path.len;
    vec_push(&tree->entries, entry);
    return tree->entries.count - 1;
}

static void tree_fill(struct tree *tree) {
    static const char *const packages[] = { "core", "web-client", "billing", "search", "mailer" };
    static const char *const folders[] = { "src",     "src/components", "test/unit", "dist/js",
                                           "docs/en", "assets/images",  "lib",       "scripts" };
    static const char *const ends[] = { ".js", ".ts",  ".test.ts", ".map",
                                        ".md", ".png", ".go",      ".json" };
    size_t files = 0;
    for (size_t i = 0; files < FILES; i++) {
        size_t package =
            tree_add(tree, SIZE_MAX, true,
                     str_printf(&tree->arena, "packages-%s-%zu", packages[i % 5], i / 5));
        for (size_t j = 0; j < 8; j++) {
            size_t folder = tree_add(tree, package, true, str_of(folders[j]));
            for (size_t k = 0; k < 50 && files < FILES; k++, files++) {
                tree_add(tree, folder, false,
                         str_printf(&tree->arena, "%s-handler%zu%s", packages[k % 5],
                                    k * 7919 % 1000, ends[k * 31 % 8]));
            }
        }
    }
}

/* ---- the rules ----------------------------------------------------------------------------------------- */

/* Kinds of lines as they are found in real files, so often that there are COUNT. */
static void write_rules(struct buf *out, size_t count) {
    static const char *const fixed[] = {
        "# made by bench/ignore",
        ".git",
        "**/.git*",
        "**/node_modules",
        "**/*.log",
        "**/.DS_Store",
        "*.md",
        "!README*.md",
        "**/__pycache__",
        "**/*.py[co]",
        "**/.env*",
        "**/*~",
        "**/tmp*",
        "coverage/",
        "**/.idea",
        "**/*.swp",
        "docker-compose*.yml",
        "Dockerfile*",
        "**/[._]*.s[a-v][a-z]",
        "target/**",
        "**/bin/**",
        "build",
        "*/temp*",
        "temp?",
        "**/*.test.js",
    };
    size_t lines = 0;
    for (; lines < sizeof(fixed) / sizeof(fixed[0]); lines++) {
        buf_printf(out, "%s\n", fixed[lines]);
    }
    for (size_t i = 0; lines < count; lines++, i++) {
        switch (i % 8) {
        case 0:
            buf_printf(out, "packages-mailer-%zu/dist/**\n", i);
            break;
        case 1:
            buf_printf(out, "**/generated-%zu\n", i);
            break;
        case 2:
            buf_printf(out, "packages-*/src/fixture%zu*.json\n", i);
            break;
        case 3:
            buf_printf(out, "**/*.cache%zu\n", i);
            break;
        case 4:
            buf_printf(out, "third_party/lib%zu/*.c\n", i);
            break;
        case 5:
            buf_printf(out, "!third_party/lib%zu/keep.c\n", i - 1);
            break;
        case 6:
            buf_printf(out, "docs/**/draft-%zu.?d\n", i);
            break;
        default:
            buf_printf(out, "services/s%zu/testdata\n", i);
        }
    }
}

/* ---- measuring ----------------------------------------------------------------------------------------- */

/* STATES: one per entry, for those of the directories. */
static size_t judge_all(const struct tree *tree, const struct ignore *ignore,
                        struct ignore_state *states) {
    _cleanup_arena_ struct arena arena = ARENA_INIT;
    struct ignore_state root;
    size_t ignored = 0;
    ignore_root(ignore, &arena, &root);
    for (size_t i = 0; i < tree->entries.count; i++) {
        const struct entry *entry = &tree->entries.items[i];
        const struct ignore_state *parent =
            entry->parent == SIZE_MAX ? &root : &states[entry->parent];
        if (entry->is_directory) {
            ignore_enter(ignore, parent, entry->path, &arena, &states[i]);
            ignored += states[i].is_ignored;
        } else {
            ignored += ignore_matches(ignore, parent, entry->path);
        }
    }
    return ignored;
}

/* FNV-1a over every path. */
static uint64_t read_all(const struct tree *tree) {
    uint64_t hash = 0xcbf29ce484222325U;
    for (size_t i = 0; i < tree->entries.count; i++) {
        struct str path = tree->entries.items[i].path;
        for (size_t j = 0; j < path.len; j++) {
            hash = (hash ^ (unsigned char)path.data[j]) * 0x100000001b3U;
        }
    }
    return hash;
}

static double floor_of(const struct tree *tree) {
    double best = 1e9;
    volatile uint64_t sink;
    for (int i = 0; i < RUNS; i++) {
        double start = seconds();
        sink = read_all(tree);
        double took = seconds() - start;
        best = took < best ? took : best;
    }
    (void)sink;
    return best;
}

static int measure(const struct tree *tree, struct str rules, double floor) {
    _cleanup_arena_ struct arena arena = ARENA_INIT;
    _cleanup_error_ struct error error = ERROR_INIT;
    struct ignore *ignore;
    double best = 1e9, start = seconds();
    size_t ignored = 0, count = tree->entries.count;
    if (ignore_parse(rules, "bench", &arena, &ignore, &error)) {
        fprintf(stderr, "%s\n", error.message);
        return -1;
    }
    double compiled = seconds() - start;
    struct ignore_state *states = arena_array(&arena, count, sizeof(*states));
    for (int i = 0; i < RUNS; i++) {
        start = seconds();
        ignored = judge_all(tree, ignore, states);
        double took = seconds() - start;
        best = took < best ? took : best;
    }
    printf(
        "%8zu bytes of rules: compiled in %6.2f ms; %zu paths, %zu ignored: %7.2f ms, %7.1f ns per "
        "path, %6.2f times the floor\n",
        rules.len, compiled * 1e3, count, ignored, best * 1e3, best * 1e9 / (double)count,
        best / floor);
    return 0;
}

int main(int argc, char **argv) {
    struct tree tree = { ARENA_INIT, VEC_INIT, 0 };
    int result = 0;
    tree_fill(&tree);
    double floor = floor_of(&tree);
    printf("floor, hashing %zu paths of %zu bytes on average: %7.2f ms, %7.1f ns per path\n",
           tree.entries.count, tree.bytes / tree.entries.count, floor * 1e3,
           floor * 1e9 / (double)tree.entries.count);
    if (argc > 1) {
        _cleanup_buf_ struct buf rules = BUF_INIT;
        _cleanup_error_ struct error error = ERROR_INIT;
        result = fs_read_file(AT_FDCWD, argv[1], 1 << 20, &rules, &error);
        if (result == 0) {
            result = measure(&tree, buf_str(&rules), floor);
        } else {
            fprintf(stderr, "%s\n", error.message);
        }
    } else {
        for (size_t count = 200; result == 0 && count <= 10000; count *= 50) {
            _cleanup_buf_ struct buf rules = BUF_INIT;
            write_rules(&rules, count);
            result = measure(&tree, buf_str(&rules), floor);
        }
    }
    vec_free(&tree.entries);
    arena_free(&tree.arena);
    return result ? 1 : 0;
}
