/* Sandboxes by what people type: an id, the beginning of an id that no other has, or a name. */
#ifndef CORRAL_CLI_LOOKUP_H
#define CORRAL_CLI_LOOKUP_H

#include "cli/cli.h"

/* Help of --admin-access, of the verbs that work inside a sandbox. */
#define ADMIN_ACCESS_HELP                                                                                    \
    "As an administrator, enter another user's sandbox: it is audited, and its owner gets an event."

/* Help of --auto-resume. */
#define AUTO_RESUME_HELP "Resume the sandbox first if it is paused."

/*
 * Fills *id, which is then the caller's. A whole id is not looked up; a live sandbox comes before one that
 * has ended. CLI_REFUSED, with an error printed, where none or several are meant.
 */
int lookup_sandbox(struct cli *cli, const char *text, char **id) MUST_CHECK;

#endif
