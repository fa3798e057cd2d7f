/* The verbs on the configuration that both daemons have: config check, show, docs and env. */
#ifndef CORRAL_COMMON_CONF_VERBS_H
#define CORRAL_COMMON_CONF_VERBS_H

#include "common/conf.h"

/*
 * Takes "--config FILE" out of argv and loads the rest (flags, environment, the file; default_file may be
 * missing). *sources keeps what reload needs. Returns 0 or the exit code, with the sentence on stderr.
 */
int conf_from_command(const char *program, const struct conf_table *table, const char *default_file, int argc,
                      char **argv, struct conf_sources *sources, void *values);

/* config check: says "ok". config show: prints what is in force. Each returns the exit code. */
int conf_verb_check(const char *program, const struct conf_table *table, const char *default_file, int argc,
                    char **argv);
int conf_verb_show(const char *program, const struct conf_table *table, const char *default_file, int argc,
                   char **argv);

/* config env, config docs: prints deploy/env.example's part, or the Markdown table. */
int conf_verb_texts(const struct conf_table *table, bool markdown, int argc, char **argv);

#endif
