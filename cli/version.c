#include "base/json.h"
#include "cli/command.h"

#include <sys/utsname.h>

static const struct option_spec version_options[] = {
    { .name = "json", .kind = OPTION_FLAG, .help = "as a JSON object" },
    { .name = NULL },
};

static int version_run(struct invocation *invocation, struct error *error) {
    _cleanup_buf_ struct buf out = BUF_INIT;
    struct utsname machine;
    uname(&machine);
    if (option_flag(&invocation->options, "json", false)) {
        _cleanup_json_ json_t *object = json_pack("{s:s, s:s, s:s}", "version", BUD_VERSION, "os",
                                                  "linux", "machine", machine.machine);
        json_write_indented(&out, object, 4);
    } else {
        buf_append_c(&out, "bud version " BUD_VERSION "\n");
    }
    return output_write(&out, error);
}

const struct command command_version = {
    .name = "version",
    .arguments = "[OPTION...]",
    .summary = "print the version of bud",
    .description = "Prints one line, or with --json the version and the platform it runs on.",
    .groups = (const struct option_group[]){ { "Options", version_options }, { NULL, NULL } },
    .run = version_run,
};
