#include "executor/runtime.h"

#include "base/fs.h"
#include "base/json.h"
#include "base/log.h"
#include "base/subprocess.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#define CANCEL_INTERVAL 50 /* ms */
#define LOG_LIMIT (1u << 20)
/* A line without end is not collected without end. */
#define LINE_LIMIT 65536
/* The runtime's own complaint is held back, to be told once, as an error with a place. */
#define HELD_LIMIT 4096

int runtime_find(const char *wanted, struct arena *arena, struct runtime *out,
                 struct error *error) {
    const char *const names[] = { wanted ? wanted : "runc", wanted ? NULL : "crun" };
    for (size_t i = 0; i < 2 && names[i]; i++) {
        out->program = subprocess_find(arena, names[i]);
        if (out->program) {
            return 0;
        }
    }
    error_set(error, ERROR_NOT_FOUND, "the runtime %s is not installed",
              wanted ? wanted : "runc (or crun)");
    return error_hint(
        error, wanted ? "check --runtime, or leave it out to use runc"
                      : "RUN needs one: install the package runc, or name another with --runtime");
}

/* Nothing of bud's own environment may steer the runtime (LISTEN_FDS, NOTIFY_SOCKET) or leak. */
static const char **make_environment(struct arena *arena) {
    static const char *const passed[] = { "PATH", "XDG_RUNTIME_DIR", "HOME" };
    const char **environment = arena_array(arena, 4, sizeof(char *));
    size_t count = 0;
    for (size_t i = 0; i < 3; i++) {
        const char *value = getenv(passed[i]);
        if (value) {
            environment[count++] = arena_printf(arena, "%s=%s", passed[i], value);
        }
    }
    return environment;
}

static bool is_runc(const struct runtime *runtime) {
    const char *slash = strrchr(runtime->program, '/');
    return strcmp(slash ? slash + 1 : runtime->program, "runc") == 0;
}

/* PROGRAM --root STATE [--rootless true] [--log FILE --log-format json] COMMAND..., NULL-terminated. */
static const char **make_command(const struct runtime *runtime, struct arena *arena,
                                 const char *log, const char *const *command) {
    const char **argv = arena_array(arena, 24, sizeof(char *));
    size_t count = 0;
    argv[count++] = runtime->program;
    argv[count++] = "--root";
    argv[count++] = runtime->state;
    if (runtime->is_rootless && is_runc(runtime)) {
        argv[count++] = "--rootless";
        argv[count++] = "true";
    }
    if (log) {
        argv[count++] = "--log";
        argv[count++] = log;
        argv[count++] = "--log-format";
        argv[count++] = "json";
    }
    for (size_t i = 0; command[i]; i++) {
        argv[count++] = command[i];
    }
    return argv;
}

/* What is left of a container whose processes were killed: its cgroup and its state. Contained as well, so that process
 * ids in the state cannot mean anybody else. */
static void delete_container(const struct runtime *runtime, const char *id) {
    _cleanup_arena_ struct arena arena = ARENA_INIT;
    _cleanup_error_ struct error problem = ERROR_INIT;
    const char *command[] = { "delete", "--force", id, NULL };
    const struct subprocess_options options = {
        .argv = make_command(runtime, &arena, NULL, command),
        .envp = make_environment(&arena),
        .stdin_fd = -1,
        .stdout_fd = -1,
        .stderr_fd = -1,
        .is_contained = true,
    };
    int status;
    if (subprocess_run(&options, NULL, NULL, 0, &status, &problem) < 0) {
        log_warn("cannot remove container %s: %s", id, problem.message);
    }
    /* A runtime that was killed between making its cgroup and writing its state knows nothing of it. */
    runtime_remove_cgroups(id);
}

struct stream {
    int fds[2]; /* read ends of stdout and stderr; -1: ended */
    const struct runtime_output *output;
    struct buf held; /* stderr, as long as it may be the runtime's complaint */
    bool is_holding;
    struct buf lines[2]; /* an unfinished line of each output */
};

/* Whole lines only, so that those of one output are not torn by the other's. */
static void pass_lines(struct stream *stream, int i, const char *data, size_t len) {
    struct buf *line = &stream->lines[i];
    buf_append(line, data, len);
    size_t end = str_rfind_byte(buf_str(line), '\n');
    end = end != SIZE_MAX ? end + 1 : line->len > LINE_LIMIT ? line->len : 0;
    if (end > 0) {
        stream->output->write(stream->output->context, line->data, end);
        memmove(line->data, line->data + end, line->len - end);
        line->len -= end;
    }
}

static void pass_unfinished_lines(struct stream *stream) {
    for (int i = 0; i < 2; i++) {
        struct buf *line = &stream->lines[i];
        if (line->len > 0) {
            if (i == 0 && stream->lines[1].len > 0) {
                buf_append_byte(line, '\n');
            }
            stream->output->write(stream->output->context, line->data, line->len);
        }
        buf_free(line);
    }
}

static bool may_be_complaint(struct str text) {
    size_t line = str_find_byte(text, '\n');
    if (text.len > HELD_LIMIT || (line != SIZE_MAX && line + 1 < text.len)) {
        return false;
    }
    static const struct str beginnings[] = { STR("runc run failed: "), STR("exec "),
                                             STR("executable file ") };
    for (size_t i = 0; i < sizeof(beginnings) / sizeof(beginnings[0]); i++) {
        size_t len = text.len < beginnings[i].len ? text.len : beginnings[i].len;
        if (memcmp(text.data, beginnings[i].data, len) == 0) {
            return true;
        }
    }
    return false;
}

static void release_held(struct stream *stream) {
    stream->is_holding = false;
    if (stream->held.len) {
        pass_lines(stream, 1, stream->held.data, stream->held.len);
        buf_reset(&stream->held);
    }
}

static void pass_on(struct stream *stream, int i, const char *data, size_t len) {
    if (i == 1 && stream->is_holding) {
        buf_append(&stream->held, data, len);
        if (!may_be_complaint(buf_str(&stream->held))) {
            release_held(stream);
        }
        return;
    }
    /* The runtime complains before the command can say anything. */
    release_held(stream);
    pass_lines(stream, i, data, len);
}

/* Reads what is there, a bounded amount at a time so that neither output starves the other. */
static int read_stream(struct stream *stream, int i, struct error *error) {
    char chunk[65536];
    ssize_t got = read(stream->fds[i], chunk, sizeof(chunk));
    if (got < 0) {
        return errno == EAGAIN || errno == EINTR
                   ? 0
                   : error_system(error, "cannot read the output of the container");
    }
    if (got == 0) {
        close(stream->fds[i]);
        stream->fds[i] = -1;
        return 0;
    }
    pass_on(stream, i, chunk, (size_t)got);
    return 1;
}

/* Until the runtime has ended and what it wrote is read. Both outputs at their end mean so, too. */
static int follow(struct stream *stream, pid_t pid, const atomic_bool *is_cancelled,
                  struct error *error) {
    _cleanup_fd_ int program = (int)syscall(SYS_pidfd_open, pid, 0);
    bool has_ended = false;
    while (!has_ended && (program >= 0 || stream->fds[0] >= 0 || stream->fds[1] >= 0)) {
        struct pollfd polled[] = {
            { .fd = stream->fds[0], .events = POLLIN },
            { .fd = stream->fds[1], .events = POLLIN },
            { .fd = program, .events = POLLIN },
        };
        if (atomic_load(is_cancelled)) {
            return error_set(error, ERROR_INTERRUPTED, "interrupted");
        }
        if (poll(polled, 3, CANCEL_INTERVAL) < 0 && errno != EINTR) {
            return error_system(error, "cannot wait for the container");
        }
        has_ended = polled[2].revents != 0;
        for (int i = 0; i < 2; i++) {
            int got;
            /* All of it at the end: then nobody writes any more. */
            do {
                got = stream->fds[i] >= 0 ? read_stream(stream, i, error) : 0;
                if (got < 0) {
                    return -1;
                }
            } while (got && has_ended);
        }
    }
    return 0;
}

/* The last error in the runtime's log, empty when there is none. */
static void read_log(const char *path, struct buf *message) {
    _cleanup_buf_ struct buf text = BUF_INIT;
    bool exists;
    if (fs_read_file_if_exists(AT_FDCWD, path, LOG_LIMIT, &text, &exists, NULL) < 0) {
        return;
    }
    struct str rest = buf_str(&text);
    struct str line;
    while (str_split(&rest, '\n', &line)) {
        _cleanup_json_ json_t *entry = line.len ? json_parse(line, path, NULL) : NULL;
        const char *level = NULL;
        const char *text_of_entry = NULL;
        if (entry && json_read_string(entry, "level", &level, NULL) == 0 &&
            json_read_string(entry, "msg", &text_of_entry, NULL) == 0 && level && text_of_entry &&
            strcmp(level, "error") == 0) {
            buf_reset(message);
            buf_append_c(message, text_of_entry);
        }
    }
}

static bool mentions(const struct buf *message, const char *text) {
    return str_find(buf_str(message), str_of(text)) != SIZE_MAX;
}

/* runc 1.1 says `unable to start container process: exec: "x": ...`, and `exec x: ...` when only the kernel finds out;
 * crun says `executable file `x` not found`. Both exit with 1 whatever the reason. */
static enum runtime_end classify(const struct buf *message) {
    bool is_exec = mentions(message, "exec: \"") || mentions(message, "executable file") ||
                   mentions(message, "open executable") ||
                   str_has_prefix(buf_str(message), STR("exec "));
    if (is_exec && (mentions(message, "not found") || mentions(message, "no such file") ||
                    mentions(message, "No such file"))) {
        return RUNTIME_NOT_FOUND;
    }
    if (is_exec && (mentions(message, "ermission denied") ||
                    mentions(message, "xec format error") || mentions(message, "is a directory"))) {
        return RUNTIME_NOT_EXECUTABLE;
    }
    return RUNTIME_FAILED;
}

/* `exec x: no such file or directory` or the like, alone on standard error: not in the log, for the container had
 * started. */
static bool is_late_exec_failure(struct str held) {
    return str_has_prefix(held, STR("exec ")) && str_find_byte(held, '\n') == held.len - 1 &&
           (str_has_suffix(held, STR(": no such file or directory\n")) ||
            str_has_suffix(held, STR(": exec format error\n")) ||
            str_has_suffix(held, STR(": permission denied\n")));
}

static void judge(const char *log, struct stream *stream, struct runtime_result *result) {
    read_log(log, &result->message);
    if (!result->message.len && result->status != 0 &&
        is_late_exec_failure(buf_str(&stream->held))) {
        buf_append_str(&result->message, str_trim(buf_str(&stream->held)));
    }
    if (result->status == 0 || !result->message.len) {
        result->end = RUNTIME_EXITED;
        release_held(stream);
        return;
    }
    result->end = classify(&result->message);
    struct str message = buf_str(&result->message);
    size_t about = str_find(message, STR("container process: "));
    if (about != SIZE_MAX) {
        _cleanup_free_ char *whole = buf_take(&result->message);
        buf_append_c(&result->message, whole + about + strlen("container process: "));
    }
}

static int start(const struct runtime *runtime, const char *const *argv, const char **envp,
                 struct stream *stream, pid_t *pid, struct error *error) {
    int writers[2] = { -1, -1 };
    int result = 0;
    for (int i = 0; i < 2 && result == 0; i++) {
        int ends[2];
        if (pipe2(ends, O_CLOEXEC) < 0) {
            result = error_system(error, "cannot make a pipe for %s", runtime->program);
            break;
        }
        stream->fds[i] = ends[0];
        writers[i] = ends[1];
        fcntl(ends[0], F_SETFL, O_NONBLOCK);
    }
    if (result == 0) {
        const struct subprocess_options options = {
            .argv = argv,
            .envp = envp,
            .stdin_fd = -1,
            .stdout_fd = writers[0],
            .stderr_fd = writers[1],
            .is_contained = true,
        };
        result = subprocess_start(&options, pid, error);
    }
    cleanup_fd(&writers[0]);
    cleanup_fd(&writers[1]);
    return result;
}

int runtime_run(const struct runtime *runtime, const char *bundle, const char *id,
                const struct runtime_output *output, const atomic_bool *is_cancelled,
                struct runtime_result *result, struct error *error) {
    _cleanup_arena_ struct arena arena = ARENA_INIT;
    struct stream stream = { .fds = { -1, -1 }, .output = output, .is_holding = true };
    const char *log = arena_printf(&arena, "%s/log", bundle);
    /* Session keyrings count against a quota that a user without root has little of. */
    const char *const command[] = {
        "run",
        "--bundle",
        bundle,
        runtime->is_rootless ? "--no-new-keyring" : id,
        runtime->is_rootless ? id : NULL,
        NULL,
    };
    const char **argv = make_command(runtime, &arena, log, command);
    pid_t pid;
    *result = (struct runtime_result){ .end = RUNTIME_EXITED, .message = BUF_INIT };
    int status = start(runtime, argv, make_environment(&arena), &stream, &pid, error);
    if (status == 0) {
        status = follow(&stream, pid, is_cancelled, error);
        if (status < 0) {
            kill(pid, SIGKILL);
            subprocess_wait(pid, &result->status, NULL);
            delete_container(runtime, id);
        } else {
            status = subprocess_wait(pid, &result->status, error);
        }
    }
    if (status == 0) {
        judge(log, &stream, result);
        if (result->end == RUNTIME_FAILED || result->status > 128) {
            delete_container(runtime, id);
        }
    }
    pass_unfinished_lines(&stream);
    cleanup_fd(&stream.fds[0]);
    cleanup_fd(&stream.fds[1]);
    buf_free(&stream.held);
    return status;
}
