/* RUN: from a mounted root file system and a step to an exit status. Reads top to bottom: what the container sees is
 * decided, the bundle written, the mount points made, the runtime run, everything taken back. */
#include "executor/work.h"

#include "base/fs.h"
#include "base/json.h"
#include "base/log.h"
#include "base/vec.h"
#include "executor/bundle.h"
#include "executor/etc.h"
#include "executor/mount_points.h"
#include "executor/run_mounts.h"
#include "executor/run_options.h"
#include "executor/runtime.h"
#include "executor/seccomp.h"
#include "planner/platform.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <unistd.h>

#define DEFAULT_HOSTNAME "buildsandbox"
/* How much of a command a message quotes. */
#define QUOTE_LIMIT 160

struct run {
    const struct work *work;
    const struct step *step;
    const struct rootfs *rootfs;
    struct arena arena;
    const char *directory; /* the bundle */
    const char *id;
    const char *trace; /* of the container, where its state is hidden; or NULL */
    bool is_hidden;    /* the bundle, on a tmpfs */
    struct runtime runtime;
    struct bundle bundle;
    struct bundle_mounts mounts;
    struct str_list env; /* the step's, with secrets */
    struct run_mounts extra;
    struct mount_points *points;
};

/* ---- what the container sees ---- */

static bool is_tty_group_mapped(void) {
    _cleanup_buf_ struct buf text = BUF_INIT;
    unsigned long long first;
    unsigned long long count;
    if (fs_read_file(AT_FDCWD, "/proc/self/gid_map", 65536, &text, NULL) < 0) {
        return false;
    }
    struct str rest = buf_str(&text);
    struct str line;
    while (str_split(&rest, '\n', &line)) {
        _cleanup_free_ char *copy = xasprintf("%.*s", STR_ARG(line));
        if (sscanf(copy, "%llu %*u %llu", &first, &count) == 2 && first <= 5 && 5 - first < count) {
            return true;
        }
    }
    return false;
}

static struct bundle_host host_of(const struct work *work, const struct step_exec *exec) {
    return (struct bundle_host){
        .is_rootless = work->store->is_rootless,
        .is_network_private = exec->network == NETWORK_NONE,
        .is_insecure = exec->is_insecure,
        .has_tty_group = is_tty_group_mapped(),
        .is_unified = access("/sys/fs/cgroup/cgroup.subtree_control", F_OK) == 0 &&
                      access("/proc/self/ns/cgroup", F_OK) == 0,
    };
}

/* A file of the bundle directory, mounted read-only. */
static int mount_text(struct run *run, const char *name, struct str text, mode_t mode,
                      struct str destination, struct error *error) {
    const char *path = arena_printf(&run->arena, "%s/%s", run->directory, name);
    if (fs_write_atomic(AT_FDCWD, path, text.data, text.len, mode, FS_NO_SYNC, error) < 0) {
        return -1;
    }
    run_mounts_bind(&run->extra, destination, path, true);
    return 0;
}

static int mount_etc(struct run *run, struct error *error) {
    _cleanup_buf_ struct buf resolv = BUF_INIT;
    _cleanup_buf_ struct buf hosts = BUF_INIT;
    return etc_resolv_conf_here(run->bundle.host.is_network_private, &resolv, error) < 0 ||
                   etc_hosts(run->bundle.hostname, &run->work->plan->run.add_hosts, &hosts, error) <
                       0 ||
                   mount_text(run, "resolv.conf", buf_str(&resolv), 0644, STR("/etc/resolv.conf"),
                              error) < 0 ||
                   mount_text(run, "hosts", buf_str(&hosts), 0644, STR("/etc/hosts"), error) < 0
               ? -1
               : 0;
}

static int mount_script(struct run *run, struct error *error) {
    const struct step_exec *exec = &run->step->exec;
    if (!exec->script.len) {
        return 0;
    }
    if (!exec->script_name.len || str_find_byte(exec->script_name, '/') != SIZE_MAX ||
        exec->script_name.data[0] == '.') {
        return error_set(error, ERROR_INPUT, "\"%.*s\" cannot name a script",
                         STR_ARG(exec->script_name));
    }
    return mount_text(run, "script", exec->script, 0755,
                      str_printf(&run->arena, "/dev/pipes/%.*s", STR_ARG(exec->script_name)),
                      error);
}

static int decide_mounts(struct run *run, struct error *error) {
    bundle_mounts_standard(&run->mounts, &run->arena, &run->bundle.host);
    if (mount_etc(run, error) < 0 || mount_script(run, error) < 0 ||
        run_mounts_prepare(&run->extra, error) < 0) {
        return -1;
    }
    bundle_mounts_sort(&run->mounts);
    run->bundle.mounts = &run->mounts;
    return 0;
}

static int decide(struct run *run, struct error *error) {
    const struct step_exec *exec = &run->step->exec;
    for (size_t i = 0; i < exec->env.count; i++) {
        arena_vec_push(&run->arena, &run->env, exec->env.items[i]);
    }
    struct bundle *bundle = &run->bundle;
    struct str hostname = run->work->plan->run.hostname;
    *bundle = (struct bundle){
        .host = host_of(run->work, exec),
        .root = run->rootfs->path,
        .argv = &exec->argv,
        .env = &run->env,
        .cwd = exec->cwd,
        .hostname = hostname.len ? hostname : STR(DEFAULT_HOSTNAME),
        /* Below the root of the hierarchies, not below bud's own cgroup: a v2 group that holds processes cannot have
         * groups with controllers. */
        .cgroups_path =
            run->work->store->is_rootless ? NULL : arena_printf(&run->arena, "/%s", run->id),
    };
    if (!exec->argv.count || !exec->argv.items[0].len) {
        return error_set(error, ERROR_INPUT, "RUN has no command");
    }
    const struct run_options *options = &run->work->plan->run;
    return user_for_process(run->rootfs->fd, exec->user, &run->arena, &bundle->user, error) < 0 ||
                   run_options_security(options, bundle, error) < 0 ||
                   run_options_limits(options, &run->arena, bundle, error) < 0 ||
                   decide_mounts(run, error) < 0
               ? -1
               : 0;
}

/* ---- preparing ---- */

/* A missing working directory is made and stays, unless a mount will bring it. */
static int make_cwd(struct run *run, struct error *error) {
    struct str cwd;
    struct str destination;
    int root = run->rootfs->fd;
    if (root_path_resolve(root, run->bundle.cwd, &run->arena, &cwd, error) < 0) {
        return -1;
    }
    for (size_t i = 0; i < run->mounts.count; i++) {
        if (root_path_resolve(root, run->mounts.items[i].destination, &run->arena, &destination,
                              error) < 0) {
            return -1;
        }
        if (root_path_is_below(cwd, destination)) {
            return 0;
        }
    }
    return root_path_make_directories(root, cwd, run->bundle.user.uid, run->bundle.user.gid, error);
}

/* Of the mount point, where it has to be made; 0 is a file. */
static mode_t mount_point_mode(const struct bundle_mount *mount) {
    struct stat stat_buffer;
    if (strcmp(mount->type, "bind") == 0) {
        bool is_file = stat(mount->source, &stat_buffer) == 0 && !S_ISDIR(stat_buffer.st_mode);
        return is_file ? 0 : 0755;
    }
    return strstr(mount->options, "mode=1777") ? 01777 : 0755;
}

static int make_mount_points(struct run *run, struct error *error) {
    run->points = mount_points_new(run->rootfs);
    for (size_t i = 0; i < run->mounts.count; i++) {
        const struct bundle_mount *mount = &run->mounts.items[i];
        if (mount_points_add(run->points, mount->destination, mount_point_mode(mount), error) < 0) {
            return -1;
        }
    }
    return 0;
}

static int write_bundle(struct run *run, struct error *error) {
    _cleanup_buf_ struct buf config = BUF_INIT;
    bundle_write(&run->bundle, &config);
    return fs_write_atomic(AT_FDCWD, arena_printf(&run->arena, "%s/config.json", run->directory),
                           config.data, config.len, 0600, FS_NO_SYNC, error);
}

static bool has_secrets(const struct step_exec *exec) {
    for (size_t i = 0; i < exec->mount_count; i++) {
        if (!exec->mounts[i].is_host && exec->mounts[i].type == MOUNT_SECRET) {
            return true;
        }
    }
    return false;
}

/* The bundle and the runtime's state are on no disk then, and gone with us, whatever becomes of us. In the place where the
 * state else is the name of the container tells those who sweep of its cgroup (runtime_sweep). */
static int hide(struct run *run, struct error *error) {
    const char *trace = arena_printf(&run->arena, "%s/%s", run->runtime.state, run->id);
    if (fs_make_directories(AT_FDCWD, trace, 0700, error) < 0) {
        return -1;
    }
    run->trace = trace;
    if (mount("tmpfs", run->directory, "tmpfs", MS_NOSUID | MS_NODEV, "mode=0700") < 0) {
        return error_system(error, "cannot mount a tmpfs on %s", run->directory);
    }
    run->is_hidden = true;
    run->runtime.state = arena_printf(&run->arena, "%s/state", run->directory);
    return 0;
}

static void show(const struct run *run) {
    if (run->is_hidden && umount2(run->directory, MNT_DETACH | UMOUNT_NOFOLLOW) < 0) {
        log_warn("cannot unmount %s: %m", run->directory);
    }
    if (run->trace) {
        rmdir(run->trace);
    }
}

static int prepare(struct run *run, struct error *error) {
    const struct work *work = run->work;
    run->runtime = (struct runtime){
        .state = arena_printf(&run->arena, "%s/runc", work->build->run_directory),
        .is_rootless = work->store->is_rootless,
    };
    if (runtime_find(work->plan->run.runtime, &run->arena, &run->runtime, error) < 0) {
        return -1;
    }
    if (mkdir(run->directory, 0700) < 0) {
        return error_system(error, "cannot make directory %s", run->directory);
    }
    if (has_secrets(&run->step->exec) && hide(run, error) < 0) {
        return -1;
    }
    return decide(run, error) < 0 || make_cwd(run, error) < 0 ||
                   make_mount_points(run, error) < 0 || write_bundle(run, error) < 0
               ? -1
               : 0;
}

/* ---- running ---- */

static void write_output(void *context, const char *data, size_t len) {
    const struct run *run = context;
    progress_output(run->work->progress, run->step, data, len);
}

/* Processes the kernel has killed for want of memory since it booted. */
static unsigned long long count_oom_kills(void) {
    _cleanup_buf_ struct buf text = BUF_INIT;
    static const struct str name = { "\noom_kill ", 10 };
    if (fs_read_file(AT_FDCWD, "/proc/vmstat", 1u << 20, &text, NULL) < 0) {
        return 0;
    }
    size_t at = str_find(buf_str(&text), name);
    return at == SIZE_MAX ? 0 : strtoull(text.data + at + name.len, NULL, 10);
}

/* The first line of the command, shortened. */
static const char *quote_command(struct run *run) {
    struct str command = str_trim(run->step->exec.command);
    struct str line = command;
    str_split(&command, '\n', &line);
    bool is_cut = command.len > 0;
    if (line.len > QUOTE_LIMIT) {
        line = str_sub(line, 0, QUOTE_LIMIT);
        /* not in the middle of a UTF-8 character */
        while (line.len && ((unsigned char)line.data[line.len - 1] & 0xc0) == 0x80) {
            line.len--;
        }
        line.len -= line.len && (unsigned char)line.data[line.len - 1] >= 0xc0;
        is_cut = true;
    }
    return arena_printf(&run->arena, "%.*s%s", STR_ARG(line), is_cut ? " ..." : "");
}

static bool has_shell(const struct run *run) {
    _cleanup_fd_ int fd = fs_open_in_root(run->rootfs->fd, "bin/sh", O_PATH, 0, NULL);
    return fd >= 0;
}

static int exit_status(struct run *run, int status, bool is_out_of_memory, struct error *error) {
    int number = status - 128;
    const char *name = number > 0 ? sigabbrev_np(number) : NULL;
    if (name) {
        error_set(error, ERROR_EXIT, "RUN %s: exit status %d (killed by SIG%s)", quote_command(run),
                  status, name);
    } else {
        error_set(error, ERROR_EXIT, "RUN %s: exit status %d", quote_command(run), status);
    }
    error->number = status;
    if (number == SIGKILL && is_out_of_memory) {
        error_hint(error, "the kernel killed a process meanwhile because memory ran out: give the "
                          "machine or the cgroup more, or run fewer jobs at once");
    } else if (status == 127) {
        error_hint(
            error,
            "127 means that the shell did not find a program: is it installed in the image, and in "
            "its PATH?");
    } else if (status == 126) {
        error_hint(error,
                   "126 means that a program could not be executed: check its mode and its format");
    }
    return -1;
}

static int cannot_execute(struct run *run, const struct runtime_result *result,
                          struct error *error) {
    struct str program = run->step->exec.argv.items[0];
    bool is_missing = result->end == RUNTIME_NOT_FOUND;
    error_set(error, ERROR_EXIT, "%s", result->message.data);
    error->number = is_missing ? 127 : 126;
    error_wrap(error, "RUN %s: cannot execute %.*s", quote_command(run), STR_ARG(program));
    if (str_equal(program, STR("/bin/sh")) && is_missing && !has_shell(run)) {
        return error_hint(
            error, "the image has no /bin/sh: use the exec form, RUN [\"program\", \"argument\"], "
                   "a SHELL instruction, or a base image with a shell");
    }
    if (is_missing) {
        return error_hint(
            error, "is it installed in the image, and the interpreter or dynamic loader it names, "
                   "too?");
    }
    const struct image_config *config = &run->step->stage->config;
    struct platform host = platform_host();
    if (config->architecture.len > 0 && !str_equal(config->architecture, host.architecture)) {
        return error_hint(
            error,
            "the image is for %.*s and this machine is %.*s: install qemu-user-static, "
            "which registers an emulator with binfmt_misc, or build it there",
            STR_ARG(config->architecture), STR_ARG(host.architecture));
    }
    return error_hint(error, "it must be executable, and made for this machine (%s)",
                      seccomp_target_here(0).architecture ? seccomp_target_here(0).architecture
                                                          : "its architecture");
}

static int execute(struct run *run, struct error *error) {
    struct runtime_output output = { write_output, run };
    struct runtime_result result;
    unsigned long long oom_kills = count_oom_kills();
    int status = runtime_run(&run->runtime, run->directory, run->id, &output,
                             run->work->is_cancelled, &result, error);
    if (status == 0 && result.end == RUNTIME_FAILED) {
        error_set(error, ERROR_FAILED, "%s", result.message.data);
        status = error_wrap(error, "the runtime %s cannot start RUN %s", run->runtime.program,
                            quote_command(run));
    } else if (status == 0 && result.end != RUNTIME_EXITED) {
        status = cannot_execute(run, &result, error);
    } else if (status == 0 && result.status != 0) {
        status = exit_status(run, result.status, count_oom_kills() > oom_kills, error);
    }
    buf_free(&result.message);
    return status;
}

int exec_step_run(const struct work *work, const struct step *step, const struct rootfs *rootfs,
                  const struct rootfs *inputs, struct error *error) {
    struct run run = { .work = work, .step = step, .rootfs = rootfs, .arena = ARENA_INIT };
    run.id = arena_printf(&run.arena, "bud-%s-%u", work->build->id, step->id);
    run.directory = arena_printf(&run.arena, "%s/step-%u", work->build->run_directory, step->id);
    run.extra = (struct run_mounts){
        .work = work,
        .step = step,
        .inputs = inputs,
        .arena = &run.arena,
        .directory = run.directory,
        .mounts = &run.mounts,
        .env = &run.env,
    };
    struct error problem = ERROR_INIT; /* the code below may read it back */
    int status = prepare(&run, &problem);
    if (status == 0) {
        status = execute(&run, &problem);
    }
    mount_points_remove(run.points);
    run_mounts_release(&run.extra);
    show(&run);
    fs_remove_tree(AT_FDCWD, run.directory, NULL);
    json_decref(run.bundle.seccomp);
    arena_free(&run.arena);
    if (status < 0 && error) {
        const struct dockerfile *file = work->plan->dockerfile;
        if (file && step->instruction) {
            error_at(&problem, file->name, file->source, step->instruction->span);
            step_tell_trigger(step, &problem);
        }
        error_move(error, &problem);
    } else {
        error_clear(&problem);
    }
    return status;
}
