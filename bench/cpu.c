/* What commands cost, one after the other in every round, so that all see the same machine:
 *
 *     cpu ROUNDS COMMAND... [-- COMMAND...]...
 *
 * For each a line "LEAST MEDIAN WALL FAULTS PEAK": least and median CPU time (user and system, children included) and median
 * wall clock in ms; page faults and peak memory in KiB of the last run. Their standard output is dropped. */
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define MAX_COMMANDS 8
#define MAX_ROUNDS 10000

struct command {
    char **words;
    double cpu[MAX_ROUNDS], wall[MAX_ROUNDS]; /* ms */
    long faults, peak;
};

static struct command commands[MAX_COMMANDS];

static double milliseconds(struct timeval time) {
    return (double)time.tv_sec * 1e3 + (double)time.tv_usec / 1e3;
}

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec * 1e3 + (double)time.tv_nsec / 1e6;
}

static int run(struct command *command, int round) {
    posix_spawn_file_actions_t actions;
    struct rusage usage;
    pid_t child;
    int status;
    if (!command->words[0]) {
        fprintf(stderr, "cpu: no command before or after --\n");
        return -1;
    }
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
    double begun = now();
    int code = posix_spawnp(&child, command->words[0], &actions, NULL, command->words, environ);
    posix_spawn_file_actions_destroy(&actions);
    if (code || wait4(child, &status, 0, &usage) < 0 || status) {
        fprintf(stderr, "%s failed\n", command->words[0]);
        return -1;
    }
    command->wall[round] = now() - begun;
    command->cpu[round] = milliseconds(usage.ru_utime) + milliseconds(usage.ru_stime);
    command->faults = usage.ru_minflt + usage.ru_majflt;
    command->peak = usage.ru_maxrss;
    return 0;
}

static int compare(const void *a, const void *b) {
    double left = *(const double *)a, right = *(const double *)b;
    return (left > right) - (left < right);
}

int main(int argc, char **argv) {
    int rounds = argc > 2 ? atoi(argv[1]) : 0, count = 0;
    if (rounds < 1 || rounds > MAX_ROUNDS) {
        fprintf(stderr, "usage: cpu ROUNDS COMMAND... [-- COMMAND...]...\n");
        return 2;
    }
    commands[count++].words = argv + 2;
    for (int i = 2; i < argc && count < MAX_COMMANDS; i++) {
        if (strcmp(argv[i], "--") == 0) {
            argv[i] = NULL;
            commands[count++].words = argv + i + 1;
        }
    }
    for (int round = 0; round < rounds; round++) {
        for (int i = 0; i < count; i++) {
            if (run(&commands[i], round)) {
                return 1;
            }
        }
    }
    for (int i = 0; i < count; i++) {
        struct command *command = &commands[i];
        qsort(command->cpu, (size_t)rounds, sizeof(double), compare);
        qsort(command->wall, (size_t)rounds, sizeof(double), compare);
        printf("%.2f %.2f %.2f %ld %ld\n", command->cpu[0], command->cpu[rounds / 2],
               command->wall[rounds / 2], command->faults, command->peak);
    }
    return 0;
}
