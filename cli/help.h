/* help: the option tables as text for people: `--help`, man pages, shell completion. Pure functions of the tables. */
#ifndef BUD_CLI_HELP_H
#define BUD_CLI_HELP_H

#include "cli/command.h"

void help_overview(struct buf *out, const char *program);
void help_command(struct buf *out, const char *program, const struct command *command);
/* man(7) source of bud-COMMAND(1), or of bud(1) when COMMAND is NULL. */
void help_man(struct buf *out, const struct command *command);
/* A script for bash-completion. */
void help_completion(struct buf *out);

#endif
