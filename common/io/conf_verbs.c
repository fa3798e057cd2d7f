#include "common/io/conf_verbs.h"

#include "common/base/mem.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int conf_from_command(const struct program *program, int argc, char **argv, struct conf_sources *sources,
                      void *values)
{
    *sources = (struct conf_sources){
        .file = program->conf_file, .file_optional = true, .environ = environ, .argc = argc, .argv = argv};
    if (argc && !strcmp(argv[0], "--config")) {
        if (argc < 2) {
            fprintf(stderr, "%s: --config needs a file\n", program->name);
            return 2;
        }
        sources->file = argv[1];
        sources->file_optional = false;
        sources->argc -= 2;
        sources->argv += 2;
    }
    struct err e;
    return conf_load(program->conf, sources, values, &e) ? verb_failed(program, e.text) : 0;
}

/* Loads the configuration, and prints it if out is not NULL. */
static int try_conf(const struct program *program, int argc, char **argv, FILE *out)
{
    struct conf_sources sources;
    CLEANUP(mem_free_ptr) void *values = mem_zalloc(program->conf->size);
    int rc = conf_from_command(program, argc, argv, &sources, values);
    if (rc)
        return rc;
    struct err e;
    if (!out && program->conf->check && program->conf->check(values, &e))
        rc = verb_failed(program, e.text);
    if (out)
        conf_show(program->conf, values, out);
    conf_fini(program->conf, values);
    return rc;
}

int conf_verb_check(const struct program *program, int argc, char **argv)
{
    int rc = try_conf(program, argc, argv, NULL);
    if (!rc)
        puts("ok");
    return rc;
}

int conf_verb_show(const struct program *program, int argc, char **argv)
{
    bool effective =
        argc &&
        !strcmp(argv[0], "--effective"); /* accepted for clarity: the effective values are always shown */
    return try_conf(program, argc - effective, argv + effective, stdout);
}

static int no_argument(const struct program *program, const char *argument)
{
    fprintf(stderr, "%s: takes no argument such as \"%s\"\n", program->name, argument);
    return 2;
}

int conf_verb_env(const struct program *program, int argc, char **argv)
{
    if (argc)
        return no_argument(program, argv[0]);
    conf_env_example(program->conf, stdout);
    return 0;
}

int conf_verb_docs(const struct program *program, int argc, char **argv)
{
    if (argc)
        return no_argument(program, argv[0]);
    conf_markdown(program->conf, stdout);
    return 0;
}
