#include "cli/completion.h"

#include "cli/cli_int.h"
#include "cli/print.h"
#include "cli/profile.h"
#include "cli/text.h"

#include "common/base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ASK_SECONDS 3L /* at most, so that a server that is away does not hold up the user's typing */
#define NAMES_MAX   1000
#define BASE_IMAGE  "corral-base:latest"

static bool begins(const char *text, const char *start)
{
    return !strncmp(text, start, strlen(start));
}

/*
 * One line, if the value begins with what was typed. before: the part of the word in front of the value, such
 * as "--image=".
 */
static void offer(const char *before, const char *typed, const char *value, const char *description)
{
    if (!value || !value[0] || !begins(value, typed))
        return;
    if (value[0] == '-' && !typed[0] && !before[0]) /* a name that would be taken for an option */
        return;
    CLEANUP(mem_free_ptr) char *safe = text_show_only(mem_strdup(value));
    CLEANUP(mem_free_ptr) char *what = text_show_only(mem_strdup(description));
    if (!strcmp(safe, value)) /* what cannot be shown cannot be typed */
        printf("%s%s\t%s\n", before, value, what);
}

/* --- names that the server knows --- */

/* All items of a list, or as many as a person may like to choose from. Empty where the server says nothing.
 */
static json_t *ask(struct cli *cli, const char *path)
{
    json_t *items = json_array();
    if (cli->url && cli_all_pages(cli, path, NAMES_MAX, items))
        json_array_clear(items);
    return items;
}

static const char *text_in(const json_t *item, const char *path)
{
    const json_t *value = print_at(item, path);
    return json_is_string(value) ? json_string_value(value) : "";
}

/* Offers a member of each item, described by another one. */
static void offer_members(struct cli *cli, const char *path, const char *member, const char *described_by,
                          const char *before, const char *typed)
{
    size_t i;
    json_t *item, *items = ask(cli, path);
    json_array_foreach(items, i, item)
        offer(before, typed, text_in(item, member), text_in(item, described_by));
    json_decref(items);
}

static void offer_sandboxes(struct cli *cli, const char *before, const char *typed)
{
    size_t i;
    json_t *item, *items = ask(cli, "/sandbox");
    json_array_foreach(items, i, item)
    {
        const char *name = text_in(item, "name"), *image = text_in(item, "image"),
                   *state = text_in(item, "state");
        CLEANUP(mem_free_ptr) char *what = NULL;
        if (asprintf(&what, "%s, %s%s%s", state, image, name[0] ? ", " : "", name) < 0)
            abort();
        offer(before, typed, text_in(item, "id"), what);
        offer(before, typed, name, state);
    }
    json_decref(items);
}

/* The base image, and those of the user's sandboxes. */
static void offer_images(struct cli *cli, const char *before, const char *typed)
{
    size_t i;
    json_t *item, *items = ask(cli, "/sandbox?all=true"), *seen = json_object();
    json_object_set_new(seen, BASE_IMAGE, json_true());
    offer(before, typed, BASE_IMAGE, "the base image");
    json_array_foreach(items, i, item)
    {
        const char *image = text_in(item, "image");
        if (!json_object_get(seen, image))
            offer(before, typed, image, "used before");
        json_object_set_new(seen, image, json_true());
    }
    json_decref(seen);
    json_decref(items);
}

static void offer_profiles(struct cli *cli, const char *before, const char *typed)
{
    size_t i;
    json_t *item, *items = profile_all(cli);
    json_array_foreach(items, i, item) offer(before, typed, text_in(item, "name"), text_in(item, "url"));
    json_decref(items);
}

/* --- values --- */

/* Offers each of the words between '|', as in the name "table|json". */
static void offer_words(const char *words, const char *before, const char *typed)
{
    for (size_t len; *words; words += len + (words[len] == '|')) {
        len = strcspn(words, "|");
        CLEANUP(mem_free_ptr) char *word = mem_dup(words, len);
        offer(before, typed, word, "");
    }
}

/* What a name stands for (struct opt). */
static void offer_values(struct cli *cli, const char *value_name, const char *before, const char *typed)
{
    static const struct {
        const char *value_name, *path, *member, *described_by;
    } lists[] = {{"NODE", "/sandbox/system/nodes", "name", "state"},
                 {"REGION", "/sandbox/system/nodes", "region", "name"},
                 {"USER", "/sandbox/system/users", "id", "name"},
                 {"TIER", "/sandbox/system/tiers", "name", "id"},
                 {"TEMPLATE", "/sandbox/templates", "name", "image"}};
    if (!strcmp(value_name, "SANDBOX"))
        offer_sandboxes(cli, before, typed);
    else if (!strcmp(value_name, "IMAGE"))
        offer_images(cli, before, typed);
    else if (!strcmp(value_name, "PROFILE"))
        offer_profiles(cli, before, typed);
    else if (!strcmp(value_name, "STATE"))
        offer_words("pending|starting|running|paused|stopping|stopped|failed|lost", before, typed);
    else if (value_name[0] >= 'a' && value_name[0] <= 'z')
        offer_words(value_name, before, typed);
    for (size_t i = 0; i < ARRAY_LEN(lists); i++) {
        if (!strcmp(value_name, lists[i].value_name))
            offer_members(cli, lists[i].path, lists[i].member, lists[i].described_by, before, typed);
    }
}

/*
 * The name of argument number index, such as SANDBOX of "SANDBOX KEY..."; the last one with points
 * stands for all that follow. The caller's; NULL where there is none.
 */
static char *value_name_of(const char *args, int index)
{
    while (*args) {
        args += strspn(args, " [");
        size_t len = strcspn(args, " ].");
        bool repeats = !strncmp(args + len, "...", 3) || !strncmp(args + len, "]...", 4);
        if (len && (!index-- || repeats))
            return mem_dup(args, len);
        args += strcspn(args, " ");
    }
    return NULL;
}

/* --- the command line --- */

struct line {
    struct cli *cli;
    const struct command *command;
    const struct opt *pending; /* the option whose value is typed; NULL: none */
    int arguments;             /* before what is typed */
    bool no_options;           /* they have ended */
    bool no_more;              /* what follows is a command line of its own */
};

static const struct opt *find_option(const struct command *c, const char *name, size_t len, char letter)
{
    const struct opt *o;
    for (int i = 0; (o = cli_option_row(c, i)); i++) {
        if (letter ? o->letter == letter : strlen(o->name) == len && !strncmp(o->name, name, len))
            return o;
    }
    return NULL;
}

/* The option that this word is, with a value still to come; its profile is used for the questions. */
static void take_word(struct line *line, const char *word)
{
    struct cli *cli = line->cli;
    if (line->pending) {
        cli->given = mem_grow(cli->given, cli->given_count + 1, sizeof *cli->given);
        cli->given[cli->given_count++] = (struct given){line->pending, word};
        line->pending = NULL;
    } else if (line->no_options || word[0] != '-' || !word[1]) {
        line->arguments++;
        if (line->command->arguments == ARGUMENTS_END_OPTIONS)
            line->no_options = true;
    } else if (!strcmp(word, "--")) {
        line->no_options = true;
        line->no_more = line->command->arguments == ARGUMENTS_AFTER_DASHES;
    } else if (!begins(word, "--")) {
        const struct opt *o = find_option(line->command, NULL, 0, word[strlen(word) - 1]);
        line->pending = o && o->type != OPT_FLAG ? o : NULL;
    } else {
        size_t len = strcspn(word + 2, "=");
        const struct opt *o = find_option(line->command, word + 2, len, 0);
        line->pending = o && o->type != OPT_FLAG ? o : NULL;
        if (line->pending && word[2 + len])
            take_word(line, word + 2 + len + 1);
    }
}

static void offer_options(const struct command *c, const char *typed)
{
    const struct opt *o;
    for (int i = 0; (o = cli_option_row(c, i)); i++) {
        CLEANUP(mem_free_ptr) char *name = NULL;
        if (asprintf(&name, "--%s", o->name) < 0)
            abort();
        offer("", typed, name, o->help);
    }
}

static void offer_last(struct line *line, const char *word)
{
    const char *sign = begins(word, "--") && !line->no_options ? strchr(word, '=') : NULL;
    const struct opt *o = line->pending;
    if (!o && sign)
        o = find_option(line->command, word + 2, (size_t)(sign - word) - 2, 0);
    if (o && o->value) {
        CLEANUP(mem_free_ptr)
        char *before = mem_dup(word, line->pending ? 0 : (size_t)(sign + 1 - word));
        offer_values(line->cli, o->value, before, line->pending ? word : sign + 1);
        return;
    }
    if (line->no_more || sign)
        return;
    if (word[0] == '-' && !line->no_options) {
        offer_options(line->command, word);
        return;
    }
    CLEANUP(mem_free_ptr) char *value_name = value_name_of(line->command->args, line->arguments);
    bool alone = line->command->arguments == ARGUMENTS_AFTER_DASHES && line->arguments; /* one before "--" */
    if (value_name && !alone)
        offer_values(line->cli, value_name, "", word);
}

/* --- verbs --- */

/* How many words of a verb's name are at the beginning of these; -1 where one differs. */
static int words_in_common(const char *name, int argc, char **argv)
{
    int words = 0;
    for (size_t n; *name && words < argc; words++, name += n + (name[n] == ' ')) {
        n = strcspn(name, " ");
        if (strlen(argv[words]) != n || strncmp(argv[words], name, n))
            return -1;
    }
    return words;
}

static int word_count(const char *name)
{
    int n = 1;
    for (; *name; name++)
        n += *name == ' ';
    return n;
}

/* Offers the next word of the verbs that begin with these. */
static void offer_verbs(const struct cli *cli, int argc, char **argv, const char *typed)
{
    json_t *seen = json_object();
    for (size_t i = 0; i < cli->verb_count; i++) {
        const char *name = cli->verbs[i]->name, *next = name;
        if (words_in_common(name, argc, argv) != argc || word_count(name) <= argc)
            continue;
        for (int n = 0; n < argc; n++)
            next = strchr(next, ' ') + 1;
        size_t len = strcspn(next, " ");
        CLEANUP(mem_free_ptr) char *word = mem_dup(next, len);
        if (!json_object_get(seen, word))
            offer("", typed, word, next[len] ? "" : cli->verbs[i]->help);
        json_object_set_new(seen, word, json_true());
    }
    json_decref(seen);
    if (!argc && typed[0] == '-') {
        offer("", typed, "--help", "Print the verbs.");
        offer("", typed, "--version", "Print the version.");
    }
}

/* Finds the server and the key without a word; without them only what the table knows is offered. */
static void prepare(struct cli *cli)
{
    cli_be_silent(cli);
    cli_patience(cli, ASK_SECONDS);
    if (freopen("/dev/null", "w", stderr) && !profile_use(cli))
        cli->url = NULL;
}

int completion_run(struct cli *cli, int argc, char **argv)
{
    struct line line = {.cli = cli};
    int words = 0;
    if (argc < 1)
        return CLI_DONE;
    for (size_t i = 0; i < cli->verb_count && !line.command; i++) {
        int all = word_count(cli->verbs[i]->name);
        if (all < argc && words_in_common(cli->verbs[i]->name, argc - 1, argv) == all) {
            line.command = cli->command = cli->verbs[i];
            words = all;
        }
    }
    if (!line.command) {
        offer_verbs(cli, argc - 1, argv, argv[argc - 1]);
        return CLI_DONE;
    }
    for (int i = words; i < argc - 1; i++)
        take_word(&line, argv[i]);
    prepare(cli);
    offer_last(&line, argv[argc - 1]);
    return CLI_DONE;
}
