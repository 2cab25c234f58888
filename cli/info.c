#include "base/fs.h"
#include "base/subprocess.h"
#include "cli/command.h"
#include "cli/stored_image.h"
#include "cli/userns.h"
#include "store/check.h"

#include <sys/utsname.h>
#include <unistd.h>

static const struct option_spec info_options[] = {
    { .name = "check",
      .kind = OPTION_FLAG,
      .help = "check that the store is what its format says; what is wrong is listed, and is an "
              "error" },
    { .name = "deep",
      .kind = OPTION_FLAG,
      .help = "with --check: also read every layer and compare it with its digest" },
    { .name = "debug", .letter = 'd', .kind = OPTION_FLAG, .only = "", .help = "" },
    { .name = "format",
      .kind = OPTION_TEXT,
      .value = "FORMAT",
      .only = "json",
      .undone = "*{{*",
      .instead = "Go templates are not done yet: use jq",
      .help = "json (default)" },
    { .name = NULL },
};

static int check(const struct store *store, bool is_deep, struct error *error) {
    _cleanup_buf_ struct buf report = BUF_INIT;
    size_t findings = 0;
    if (!store_exists(store)) {
        error_set(error, ERROR_NOT_FOUND, "there is no store in %s", store->root);
        return error_hint(error, "check --root; the first build or import makes one");
    }
    if (check_store(store, is_deep, &report, &findings, error) < 0) {
        return error_wrap(error, "cannot check the store %s", store->root);
    }
    if (findings == 0) {
        buf_printf(&report, "%s: nothing is wrong\n", store->root);
    }
    if (output_write(&report, error) < 0) {
        return -1;
    }
    return findings == 0 ? 0
                         : error_set(error, ERROR_CORRUPT, "%zu thing%s wrong in the store %s",
                                     findings, findings == 1 ? " is" : "s are", store->root);
}

static json_t *host_json(const struct store *store, struct arena *arena) {
    struct utsname machine;
    uname(&machine);
    const char *runtime = subprocess_find(arena, "runc");
    if (runtime == NULL) {
        runtime = subprocess_find(arena, "crun");
    }
    return json_pack("{s:s, s:I, s:s, s:s, s:s, s:b, s:s?}", "arch", machine.machine, "cpus",
                     (json_int_t)sysconf(_SC_NPROCESSORS_ONLN), "hostname", machine.nodename,
                     "kernel", machine.release, "os", "linux", "rootless", store->is_rootless,
                     "OCIRuntime", runtime);
}

/* The shape of `buildah info`. */
static int print_info(const struct store *store, struct arena *arena, struct error *error) {
    struct image_list images;
    struct layer_list layers;
    if (image_list_read(store, arena, &images, error) < 0 ||
        layer_list_read(store, arena, &layers, error) < 0) {
        return -1;
    }
    json_t *options = json_object();
    if (store->mount_options[0] != '\0') {
        json_object_set_new(options, "mountopt", json_string(store->mount_options));
    }
    _cleanup_json_ json_t *object = json_pack(
        "{s:o, s:{s:s, s:s, s:s, s:o, s:s?, s:{s:I}, s:{s:I}}, s:{s:s}}", "host",
        host_json(store, arena), "store", "GraphDriverName", store->driver_name, "GraphRoot",
        store->root, "RunRoot", store->run_root, "GraphOptions", options, "ConfigFile",
        store->configuration, "ImageStore", "number", (json_int_t)images.count, "LayerStore",
        "number", (json_int_t)layers.count, "version", "Version", BUD_VERSION);
    _cleanup_buf_ struct buf out = BUF_INIT;
    json_write_indented(&out, object, 4);
    return output_write(&out, error);
}

static int info_run(struct invocation *invocation, struct error *error) {
    const struct options *options = &invocation->options;
    bool is_check = option_flag(options, "check", false),
         is_deep = option_flag(options, "deep", false);
    if (is_deep && !is_check) {
        return error_set(error, ERROR_USAGE, "--deep says how thorough --check is: give both");
    }
    struct store *store;
    if (invocation_open_store(invocation, STORE_READ,
                              is_check ? NAMESPACE_FOR_FILES : NAMESPACE_FOR_TABLES, &store,
                              error) < 0) {
        return -1;
    }
    int result =
        is_check ? check(store, is_deep, error) : print_info(store, invocation->arena, error);
    store_close(store);
    return result;
}

const struct command command_info = {
    .name = "info",
    .arguments = "[OPTION...]",
    .summary = "show the machine and the store, or check the store",
    .description = "Prints a JSON object with what bud found out about this machine and where it "
                   "stores images.",
    .groups = (const struct option_group[]){ { "Options", info_options }, { NULL, NULL } },
    .run = info_run,
};
