#include "common/io/verb.h"

#include "common/io/std_files.h"

#include <stdio.h>
#include <string.h>

static void print_help(const struct program *program, const char *about, const struct verb *verbs,
                       size_t count)
{
    printf("%s\n\nusage:\n", about);
    for (size_t i = 0; i < count; i++)
        printf("  %s %s%s%s\n        %s\n", program->name, verbs[i].name, verbs[i].args[0] ? " " : "",
               verbs[i].args, verbs[i].help);
    printf("  %s --help | --version\n", program->name);
}

/* How many words of argv form the verb's name; 0 if argv names another verb. */
static int words_taken(const struct verb *verb, int argc, char **argv)
{
    const char *at = verb->name;
    for (int i = 0; i < argc; i++) {
        size_t n = strcspn(at, " ");
        if (strlen(argv[i]) != n || strncmp(argv[i], at, n))
            return 0;
        at += n;
        if (!*at)
            return i + 1;
        at++;
    }
    return 0;
}

static int wants_help(int argc, char **argv)
{
    for (int i = 0; i < argc; i++) {
        if (!strcmp(argv[i], "--help") || !strcmp(argv[i], "-h"))
            return 1;
    }
    return 0;
}

int verb_main(const struct program *program, int argc, char **argv)
{
    std_files_hold();
    argc--;
    argv++;
    if (argc && !strcmp(argv[0], "--version")) {
        printf("%s %s\n", program->name, CORRAL_VERSION);
        return 0;
    }
    for (size_t i = 0; i < program->verb_count; i++) {
        const struct verb *verb = &program->verbs[i];
        int taken = words_taken(verb, argc, argv);
        if (!taken)
            continue;
        if (wants_help(argc - taken, argv + taken)) {
            print_help(program, verb->help, verb, 1);
            return 0;
        }
        return verb->run(program, argc - taken, argv + taken);
    }
    if (wants_help(argc, argv)) {
        print_help(program, program->about, program->verbs, program->verb_count);
        return 0;
    }
    fprintf(stderr, "%s: %s; %s --help lists the verbs\n", program->name,
            argc ? "no such verb" : "a verb is missing", program->name);
    return 2;
}

int verb_failed(const struct program *program, const char *sentence)
{
    fprintf(stderr, "%s: %s\n", program->name, sentence);
    return 1;
}
