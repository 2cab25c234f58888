/* bud: one process, one command. Prints the error, chooses the exit status. */
#include "base/fs.h"
#include "cli/command.h"

#include <unistd.h>

/* A descriptor 0 to 2 that the caller closed would be given to the first file opened, and messages would go there. Opened
 * for the wrong direction it stays what it was: using it is an error. */
static void open_standard_descriptors(void) {
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
        if (fcntl(fd, F_GETFD) < 0) {
            /* The lowest free one, which is this; inherited on purpose, as the real ones are. */
            (void)open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY);
        }
    }
}

int main(int argc, char **argv) {
    open_standard_descriptors();
    _cleanup_arena_ struct arena arena = ARENA_INIT;
    _cleanup_error_ struct error error = ERROR_INIT;
    const char *program = argc > 0 ? argv[0] : "bud";
    const char *slash = strrchr(program, '/');
    program = slash != NULL ? slash + 1 : program;

    const char *const none[] = { NULL };
    const char *const *words = argc > 0 ? (const char *const *)argv + 1 : none;
    if (command_run(program, words, &arena, &error) == 0) {
        return 0;
    }
    _cleanup_buf_ struct buf text = BUF_INIT;
    error_print(&text, &error, output_is_coloured(STDERR_FILENO));
    fs_write_all(STDERR_FILENO, "standard error", text.data, text.len, NULL);
    return error_exit_status(&error);
}
