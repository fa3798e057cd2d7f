/* Which limits would be right, by what was used; and setting them. */
#include "cli/lookup.h"
#include "cli/print.h"
#include "cli/verbs.h"

#include "common/base/mem.h"
#include "common/base/units.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct opt recommend_options[] = {
    {"apply", 0, OPT_FLAG, NULL, NULL,
     "Set the recommended limits that can change while the sandbox lives, after asking."},
    {"yes", 'y', OPT_FLAG, NULL, NULL, "With --apply: do not ask."},
    {NULL, 0, OPT_FLAG, NULL, NULL, NULL},
};

/* --- showing --- */

/* The caller's. */
static json_t *amount(const json_t *item, const char *name)
{
    json_int_t value = json_integer_value(json_object_get(item, name));
    const char *unit = json_string_value(json_object_get(item, "unit"));
    char text[40], size[32];
    uint64_t abs = value < 0 ? -(uint64_t)value : (uint64_t)value;
    if (unit && !strcmp(unit, "bytes"))
        units_format_bytes(abs, size, sizeof size);
    else
        snprintf(size, sizeof size, "%llu%s", (unsigned long long)abs,
                 unit && !strcmp(unit, "millis") ? "m" : "");
    snprintf(text, sizeof text, "%s%s", value < 0 ? "-" : "", size);
    return json_string(text);
}

/* Appends a row of the table for each recommendation of a subject. */
static void add_rows(const json_t *subject, json_t *rows)
{
    size_t i;
    const json_t *item;
    json_array_foreach(json_object_get(subject, "items"), i, item)
    {
        json_array_append_new(
            rows, json_pack("{s:O, s:O, s:O, s:o, s:o, s:o, s:f, s:O}", "subject",
                            json_object_get(subject, "subject"), "name", json_object_get(subject, "name"),
                            "field", json_object_get(item, "field"), "current", amount(item, "current"),
                            "recommended", amount(item, "recommended"), "saving", amount(item, "saving"),
                            "confidence", json_number_value(json_object_get(item, "confidence")) * 100,
                            "text", json_object_get(item, "text")));
    }
}

static void print_rows(const json_t *rows)
{
    static const struct column columns[] = {
        {"OF", "subject", AS_TEXT, 3},         {"NAME", "name", AS_TEXT, 1},
        {"LIMIT", "field", AS_TEXT, 0},        {"NOW", "current", AS_TEXT, 0},
        {"BETTER", "recommended", AS_TEXT, 0}, {"SAVES", "saving", AS_TEXT, 2},
        {"SURE", "confidence", AS_TEXT, 4},
    };
    if (json_array_size(rows))
        print_table(rows, columns, ARRAY_LEN(columns), true, 0);
}

static void print_sentences(const json_t *subject)
{
    size_t i;
    const json_t *item;
    json_array_foreach(json_object_get(subject, "items"), i, item)
    {
        fputs(json_string_value(json_object_get(item, "kind")), stdout);
        printf(": %s\n", json_string_value(json_object_get(item, "text")));
    }
    const char *reason = json_string_value(json_object_get(subject, "reason"));
    if (reason)
        printf(json_array_size(json_object_get(subject, "items")) ? "Note: %s.\n"
                                                                  : "Nothing to change: %s.\n",
               reason);
}

static void show_sandbox(const struct cli *cli, const json_t *subject)
{
    json_t *rows = json_array();
    if (cli_wants_json(cli)) {
        print_json(subject);
    } else {
        add_rows(subject, rows);
        print_rows(rows);
        print_sentences(subject);
    }
    json_decref(rows);
}

static int show_all(struct cli *cli)
{
    size_t i;
    const json_t *subject;
    struct cli_answer answer;
    json_t *rows = json_array();
    int rc = cli_call(cli, "GET", "/sandbox/recommendations", NULL, &answer);
    if (!rc && cli_wants_json(cli)) {
        print_json(answer.json);
    } else if (!rc) {
        json_array_foreach(json_object_get(answer.json, "items"), i, subject) add_rows(subject, rows);
        print_rows(rows);
    }
    json_decref(rows);
    cli_answer_fini(&answer);
    return rc;
}

/* --- setting --- */

/* The body of the change: the recommended limits that are live. The caller's. */
static json_t *change_of(const json_t *subject)
{
    size_t i;
    const json_t *item;
    json_t *body = json_object();
    json_array_foreach(json_object_get(subject, "items"), i, item)
    {
        if (json_is_true(json_object_get(item, "live")))
            json_object_set(body, json_string_value(json_object_get(item, "field")),
                            json_object_get(item, "recommended"));
    }
    return body;
}

/* Asks on stderr, where the answer is no document. False: no. */
static bool agreed(void)
{
    char line[16];
    fputs("Set these limits? [y/N] ", stderr);
    return fgets(line, sizeof line, stdin) && (line[0] == 'y' || line[0] == 'Y');
}

/* One line for each limit that was set, as the server answered. */
static void print_changed(const json_t *body, const json_t *before, const json_t *sandbox)
{
    const char *field;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)body, field, value)
    {
        size_t i;
        const json_t *item;
        const json_t *now = json_object_get(json_object_get(sandbox, "limits"), field);
        json_array_foreach(json_object_get(before, "items"), i, item)
        {
            if (strcmp(field, json_string_value(json_object_get(item, "field"))))
                continue;
            json_t *set = json_pack("{s:O, s:O}", "unit", json_object_get(item, "unit"), "now", now);
            json_t *was_text = amount(item, "current"), *now_text = amount(set, "now");
            printf("%s: %s before, %s now\n", field, json_string_value(was_text),
                   json_string_value(now_text));
            json_decref(was_text);
            json_decref(now_text);
            json_decref(set);
        }
    }
}

/* Takes body. */
static int set(struct cli *cli, const char *id, const json_t *subject, json_t *body)
{
    struct cli_answer answer;
    CLEANUP(mem_free_ptr) char *path = cli_path("/sandbox/%s", id);
    json_t *kept = json_incref(body);
    int rc = cli_call(cli, "PATCH", path, body, &answer);
    if (!rc && cli_wants_json(cli))
        print_json(answer.json);
    else if (!rc)
        print_changed(kept, subject, answer.json);
    if (!rc)
        cli_tell_later(cli, &answer, "the change");
    cli_answer_fini(&answer);
    json_decref(kept);
    return rc;
}

static int apply(struct cli *cli, const char *id, const json_t *subject)
{
    json_t *body = change_of(subject);
    bool any = json_object_size(body), asks = any && !cli_option(cli, "yes");
    if (!cli_wants_json(cli) || !any)
        show_sandbox(cli, subject);
    if (asks && !isatty(STDIN_FILENO)) {
        json_decref(body);
        return cli_usage(cli, "--apply asks on a terminal; without one it takes --yes");
    }
    if (any && (!asks || agreed()))
        return set(cli, id, subject, body);
    json_decref(body);
    return CLI_DONE;
}

static int recommend(struct cli *cli, int argc, char **argv)
{
    struct cli_answer answer;
    CLEANUP(mem_free_ptr) char *id = NULL;
    if (!argc && cli_option(cli, "apply"))
        return cli_usage(cli, "--apply takes a sandbox");
    if (cli_option(cli, "yes") && !cli_option(cli, "apply"))
        return cli_usage(cli, "--yes comes with --apply");
    if (!argc)
        return show_all(cli);
    int rc = lookup_sandbox(cli, argv[0], &id);
    if (rc)
        return rc;
    CLEANUP(mem_free_ptr) char *path = cli_path("/sandbox/%s/recommendations", id);
    rc = cli_call(cli, "GET", path, NULL, &answer);
    if (!rc && cli_option(cli, "apply"))
        rc = apply(cli, id, answer.json);
    else if (!rc)
        show_sandbox(cli, answer.json);
    cli_answer_fini(&answer);
    return rc;
}

const struct command cmd_recommend = {
    .name = "recommend",
    .args = "[SANDBOX]",
    .help = "Shows which limits would be right by what was used: of a sandbox, or of all your live ones and "
            "of new "
            "ones by image, template and label. SURE is the confidence in percent.",
    .options = recommend_options,
    .most = 1,
    .run = recommend,
};
