/* Shared by several verbs. */
#include "cli/cli_int.h"
#include "cli/filter.h"
#include "cli/lookup.h"
#include "cli/print.h"

#include "common/base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void print_ids(const json_t *items, const char *name)
{
    size_t i;
    json_t *item;
    json_array_foreach(items, i, item)
    {
        const json_t *id = json_object_get(item, name);
        if (json_is_string(id))
            puts(json_string_value(id));
        else if (json_is_integer(id))
            printf("%" JSON_INTEGER_FORMAT "\n", json_integer_value(id));
    }
}

int cli_list(struct cli *cli, const char *path, const struct column *columns, size_t count, const char *quiet)
{
    json_t *items = json_array();
    int rc = cli_all_pages(cli, path, 0, items);
    if (!rc)
        rc = filter_apply(cli, items);
    if (!rc && cli_wants_json(cli)) {
        json_t *whole = json_pack("{s:O,s:n}", "items", items, "next_cursor"); /* all pages are in it */
        print_json(whole);
        json_decref(whole);
    } else if (!rc && cli_is_quiet(cli)) {
        print_ids(items, quiet);
    } else if (!rc) {
        print_table(items, columns, count, true, 0);
    }
    json_decref(items);
    return rc;
}

void cli_tell_later(const struct cli *cli, const struct cli_answer *answer, const char *what)
{
    if (answer->status == 202 && !cli->async)
        fprintf(stderr, "corral: %s is recorded and will be carried out later: its node is away or slow\n",
                what);
}

int cli_show(struct cli *cli, const char *method, const char *path, json_t *body)
{
    struct cli_answer answer;
    int rc = cli_call(cli, method, path, body, &answer);
    if (!rc && answer.json)
        print_object(cli, answer.json);
    if (!rc)
        cli_tell_later(cli, &answer, "the change");
    cli_answer_fini(&answer);
    return rc;
}

int cli_change(struct cli *cli, const char *path, json_t *body, const char *example)
{
    if (json_object_size(body))
        return cli_show(cli, "PATCH", path, body);
    json_decref(body);
    char usage[120];
    snprintf(usage, sizeof usage, "name what to change, such as %s", example);
    return cli_usage(cli, usage);
}

json_t *cli_switch(struct cli *cli, json_t *body)
{
    if (cli_option(cli, "enable") || cli_option(cli, "disable"))
        json_object_set_new(body, "enabled", json_boolean(cli_option(cli, "enable")));
    return body;
}

/* The result for one argument: the server's object, or an object with the id. */
static json_t *done_to(const struct cli_answer *answer, const char *id)
{
    return answer->json ? json_incref(answer->json) : json_pack("{s:s}", "id", id);
}

/* One request of cli_each; adds its result to done, or prints it. */
static int do_one(struct cli *cli, const char *method, const char *path, const char *argument, const char *id,
                  json_t *done)
{
    struct cli_answer answer;
    int rc = cli_call(cli, method, path, NULL, &answer);
    if (rc)
        return rc;
    if (cli_wants_json(cli))
        json_array_append_new(done, done_to(&answer, id));
    else
        puts(argument);
    cli_tell_later(cli, &answer, argument);
    cli_answer_fini(&answer);
    return CLI_DONE;
}

static int each(struct cli *cli, const char *method, const char *before, const char *after, int argc,
                char **argv, int (*find)(struct cli *cli, const char *argument, char **id))
{
    int first = CLI_DONE;
    json_t *done = json_array();
    for (int i = 0; i < argc; i++) {
        CLEANUP(mem_free_ptr) char *id = find ? NULL : mem_strdup(argv[i]);
        int rc = find ? find(cli, argv[i], &id) : CLI_DONE;
        if (!rc) {
            CLEANUP(mem_free_ptr) char *segment = cli_path("%s", id);
            CLEANUP(mem_free_ptr) char *path = NULL;
            if (asprintf(&path, "%s%s%s", before, segment, after) < 0)
                abort();
            rc = do_one(cli, method, path, argv[i], id, done);
        }
        if (!first)
            first = rc;
    }
    if (cli_wants_json(cli) && argc > 1)
        print_json(done);
    else if (json_array_size(done))
        print_json(json_array_get(done, 0));
    json_decref(done);
    return first;
}

int cli_each(struct cli *cli, const char *method, const char *before, const char *after, int argc,
             char **argv)
{
    return each(cli, method, before, after, argc, argv, NULL);
}

int cli_each_sandbox(struct cli *cli, const char *method, const char *after, int argc, char **argv)
{
    return each(cli, method, "/sandbox/", after, argc, argv, lookup_sandbox);
}
