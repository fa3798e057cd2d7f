/* corral image analysis, corral image optimize: what makes an image large, and a smaller one beside it. */
#include "cli/print.h"
#include "cli/text.h"
#include "cli/verbs.h"

#include "common/base/mem.h"
#include "common/base/units.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct opt analysis_options[] = {
    {"node", 'n', OPT_TEXT, "NODE", "node", "The node that reads it. Default: the first that has the image."},
    {"dockerfile", 'd', OPT_FLAG, NULL, NULL, "Print only the suggested build."},
    {NULL, 0, OPT_FLAG, NULL, NULL, NULL},
};

/* Asks until it is done: 202 says that it goes on. */
static int ask(struct cli *cli, const char *method, const char *image, const char *act,
               struct cli_answer *answer)
{
    CLEANUP(mem_free_ptr) char *plain = cli_path("/sandbox/system/images/%s/%s", image, act);
    CLEANUP(mem_free_ptr) char *path = cli_query(cli, plain);
    int rc = cli_call(cli, method, path, NULL, answer);
    while (!rc && answer->status == 202) {
        cli_answer_fini(answer);
        rc = cli_call(cli, method, path, NULL, answer);
    }
    return rc;
}

static void print_bytes(const json_t *object, const char *path, const char *what)
{
    char text[32];
    json_int_t bytes = json_integer_value(print_at(object, path));
    units_format_bytes(bytes > 0 ? (uint64_t)bytes : 0, text, sizeof text);
    printf("%10s  %s\n", text, what);
}

/* A text of the server, made safe to print. */
static void print_text(const json_t *value)
{
    char *text = mem_strdup(json_string_value(value));
    for (char *line = text, *end; line && *line; line = end) {
        end = line + strcspn(line, "\n");
        end += *end ? (*end = 0, 1) : 0;
        puts(text_show_only(line));
    }
    free(text);
}

struct section {
    const char *path, *title; /* path: of the items */
    const struct column *columns;
    size_t count;
};

static void print_sections(const json_t *report)
{
    static const struct column layers[] = {
        {"LAYER", "index", AS_TEXT, 0},          {"SIZE", "bytes", AS_BYTES, 0},
        {"HIDDEN", "hidden_bytes", AS_BYTES, 1}, {"FILES", "files", AS_TEXT, 2},
        {"REMOVES", "removes", AS_TEXT, 3},      {"COMMAND", "command", AS_TEXT, 4}};
    static const struct column hidden[] = {{"SIZE", "bytes", AS_BYTES, 0},
                                           {"LAYER", "layer", AS_TEXT, 1},
                                           {"HOW", "how", AS_TEXT, 1},
                                           {"BY", "hidden_by", AS_TEXT, 1},
                                           {"PATH", "path", AS_TEXT, 0}};
    static const struct column caches[] = {{"SIZE", "bytes", AS_BYTES, 0},
                                           {"FILES", "files", AS_TEXT, 1},
                                           {"WHAT", "what", AS_TEXT, 0},
                                           {"PATH", "path", AS_TEXT, 0}};
    static const struct column same[] = {
        {"SIZE", "bytes", AS_BYTES, 0}, {"COPIES", "copies", AS_TEXT, 0}, {"PATHS", "paths", AS_WORDS, 0}};
    static const struct column large[] = {
        {"SIZE", "bytes", AS_BYTES, 0}, {"LAYER", "layer", AS_TEXT, 1}, {"PATH", "path", AS_TEXT, 0}};
    static const struct column rights[] = {{"MODE", "mode", AS_TEXT, 0},
                                           {"CAPABILITIES", "capabilities", AS_TEXT, 1},
                                           {"PATH", "path", AS_TEXT, 0}};
    static const struct column advice[] = {
        {"SAVES", "bytes", AS_BYTES, 0}, {"LAYER", "layer", AS_TEXT, 0}, {"CHANGE", "text", AS_TEXT, 0}};
    static const struct section sections[] = {
        {"layers", "Layers", layers, ARRAY_LEN(layers)},
        {"hidden.items", "Hidden by later layers", hidden, ARRAY_LEN(hidden)},
        {"caches.items", "Caches", caches, ARRAY_LEN(caches)},
        {"duplicates.items", "The same content", same, ARRAY_LEN(same)},
        {"large.items", "Largest files", large, ARRAY_LEN(large)},
        {"privileged.items", "Programs with more rights", rights, ARRAY_LEN(rights)},
        {"advice.items", "Advice", advice, ARRAY_LEN(advice)}};
    for (size_t i = 0; i < ARRAY_LEN(sections); i++) {
        const json_t *items = print_at(report, sections[i].path);
        if (!json_array_size(items))
            continue;
        printf("\n%s\n", sections[i].title);
        print_table(items, sections[i].columns, sections[i].count, true, 10);
    }
}

static void print_report(const json_t *report)
{
    const json_t *why = json_object_get(report, "why_incomplete");
    const json_t *build = json_object_get(report, "dockerfile");
    print_bytes(report, "bytes", "in all layers");
    print_bytes(report, "visible_bytes", "that a container sees");
    print_bytes(report, "hidden.bytes", "hidden by later layers");
    print_bytes(report, "caches.bytes", "of caches and documentation");
    print_bytes(report, "duplicates.bytes", "of files that are there more than once");
    print_bytes(report, "saved_bytes", "saved by the suggested build");
    if (json_is_string(why)) {
        fputs("Not all of it was read: ", stdout);
        print_text(why);
    }
    print_sections(report);
    if (json_is_string(build)) {
        puts("\nA smaller build");
        print_text(build);
    }
}

static int analysis(struct cli *cli, int argc, char **argv)
{
    struct cli_answer answer;
    int rc = ask(cli, "GET", argv[0], "analysis", &answer);
    if (!rc && cli_wants_json(cli))
        print_json(answer.json);
    else if (!rc && cli_option(cli, "dockerfile"))
        print_text(json_object_get(answer.json, "dockerfile"));
    else if (!rc)
        print_report(answer.json);
    cli_answer_fini(&answer);
    return rc;
}

const struct command cmd_image_analysis = {
    .name = "image analysis",
    .args = "IMAGE",
    .help = "Finds what makes an image large, and suggests a smaller build.",
    .options = analysis_options,
    .least = 1,
    .most = 1,
    .run = analysis};

static const struct opt optimize_options[] = {
    {"node", 'n', OPT_TEXT, "NODE", "node", "The node that does it. Default: the first that has the image."},
    {NULL, 0, OPT_FLAG, NULL, NULL, NULL},
};

static int optimize(struct cli *cli, int argc, char **argv)
{
    struct cli_answer answer;
    int rc = ask(cli, "POST", argv[0], "optimize", &answer);
    if (!rc)
        print_object(cli, answer.json);
    cli_answer_fini(&answer);
    return rc;
}

const struct command cmd_image_optimize = {
    .name = "image optimize",
    .args = "IMAGE",
    .help = "Makes a variant of one layer beside an image, with the same files and configuration.",
    .options = optimize_options,
    .least = 1,
    .most = 1,
    .run = optimize};
