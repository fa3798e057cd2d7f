/* The verbs for the configuration that both daemons have: config check, show, docs and env. */
#ifndef CORRAL_COMMON_IO_CONF_VERBS_H
#define CORRAL_COMMON_IO_CONF_VERBS_H

#include "common/io/verb.h"

/*
 * Removes "--config FILE" from argv and loads the rest (flags, environment, the file). *sources keeps what a
 * reload needs. Returns 0 or the exit code; on failure a sentence is on stderr.
 */
int conf_from_command(const struct program *program, int argc, char **argv, struct conf_sources *sources,
                      void *values);

int conf_verb_check(const struct program *program, int argc, char **argv);
int conf_verb_show(const struct program *program, int argc, char **argv);
int conf_verb_env(const struct program *program, int argc, char **argv);
int conf_verb_docs(const struct program *program, int argc, char **argv);

/* The rows of these verbs in a table of verbs. */
/* clang-format off */
#define CONF_VERBS \
    {"config check", "[--config FILE] [--KEY VALUE]...", "Says whether the configuration can be used.", conf_verb_check}, \
    {"config show", "[--config FILE] [--effective]", "Prints what is in force, secrets hidden.", conf_verb_show}, \
    {"config env", "", "Prints every key as an environment file.", conf_verb_env}, \
    {"config docs", "", "Prints every key as a table of Markdown.", conf_verb_docs}
/* clang-format on */

#endif
