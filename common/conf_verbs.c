#include "common/conf_verbs.h"

#include "common/mem.h"
#include "common/verb.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int conf_from_command(const char *program, const struct conf_table *table, const char *default_file, int argc,
                      char **argv, struct conf_sources *sources, void *values)
{
    *sources = (struct conf_sources){
        .file = default_file, .file_optional = true, .environ = environ, .argc = argc, .argv = argv};
    if (argc && !strcmp(argv[0], "--config")) {
        if (argc < 2) {
            fprintf(stderr, "%s: --config needs a file\n", program);
            return 2;
        }
        sources->file = argv[1];
        sources->file_optional = false;
        sources->argc -= 2;
        sources->argv += 2;
    }
    struct err e;
    return conf_load(table, sources, values, &e) ? verb_failed(program, e.text) : 0;
}

int conf_verb_check(const char *program, const struct conf_table *table, const char *default_file, int argc,
                    char **argv)
{
    struct conf_sources sources;
    CLEANUP(mem_free_ptr) void *values = mem_zalloc(table->size);
    int rc = conf_from_command(program, table, default_file, argc, argv, &sources, values);
    if (rc)
        return rc;
    conf_fini(table, values);
    puts("ok");
    return 0;
}

int conf_verb_show(const char *program, const struct conf_table *table, const char *default_file, int argc,
                   char **argv)
{
    struct conf_sources sources;
    CLEANUP(mem_free_ptr) void *values = mem_zalloc(table->size);
    if (argc && !strcmp(argv[0], "--effective")) { /* what is shown is always what is in force */
        argc--;
        argv++;
    }
    int rc = conf_from_command(program, table, default_file, argc, argv, &sources, values);
    if (rc)
        return rc;
    conf_show(table, values, stdout);
    conf_fini(table, values);
    return 0;
}

int conf_verb_texts(const struct conf_table *table, bool markdown, int argc, char **argv)
{
    if (argc)
        return 2;
    if (markdown)
        conf_markdown(table, stdout);
    else
        conf_env_example(table, stdout);
    return 0;
}
