/* --filter FIELD=VALUE of verbs that print a list. */
#ifndef CORRAL_CLI_FILTER_H
#define CORRAL_CLI_FILTER_H

#include "cli/cli.h"

/*
 * Removes the items that the filters do not let through. FIELD is a path as `show` prints it, or `label` with
 * NAME or NAME=VALUE as its value. CLI_USAGE, with an error printed, where no item has such a field: it is
 * probably misspelt.
 */
int filter_apply(const struct cli *cli, json_t *items) MUST_CHECK;

/* Whether a filter names the field, with a value that begins so. */
bool filter_has(const struct cli *cli, const char *field, const char *value);

#endif
