/* Shared by several verbs. */
#include "cli/cli_int.h"

#include "common/base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PAGES_MAX 10000

static int next_page(struct cli *cli, const char *path, const char *cursor, struct cli_answer *page)
{
    char *with = NULL;
    CLEANUP(mem_free_ptr) char *escaped = cli_path("%s", cursor);
    if (asprintf(&with, "%s%climit=200%s%s", path, strchr(path, '?') ? '&' : '?', cursor[0] ? "&cursor=" : "",
                 escaped) < 0)
        abort();
    int rc = cli_call(cli, "GET", with, NULL, page);
    free(with);
    return rc;
}

int cli_all_pages(struct cli *cli, const char *path, json_t *items)
{
    char cursor[256] = "";
    for (int i = 0; i < PAGES_MAX; i++) {
        struct cli_answer page;
        int rc = next_page(cli, path, cursor, &page);
        if (rc)
            return rc;
        json_array_extend(items, json_object_get(page.json, "items"));
        const char *next = json_string_value(json_object_get(page.json, "next_cursor"));
        snprintf(cursor, sizeof cursor, "%s", next ? next : "");
        cli_answer_fini(&page);
        if (!cursor[0])
            break;
    }
    return CLI_DONE;
}

static void print_ids(const json_t *items, const char *name)
{
    size_t i;
    json_t *item;
    json_array_foreach(items, i, item)
    {
        const char *id = json_string_value(json_object_get(item, name));
        if (id)
            puts(id);
    }
}

int cli_list(struct cli *cli, const char *path, const struct column *columns, size_t count,
             const char *quiet_path)
{
    json_t *items = json_array();
    int rc = cli_all_pages(cli, path, items);
    if (!rc && cli_wants_json(cli)) {
        json_t *whole = json_pack("{s:O}", "items", items);
        cli_print_json(whole);
        json_decref(whole);
    } else if (!rc && cli_is_quiet(cli)) {
        print_ids(items, quiet_path);
    } else if (!rc) {
        cli_print_table(cli, items, columns, count);
    }
    json_decref(items);
    return rc;
}

/* Tells that the server answered 202, unless the caller asked for that with --async. */
static void tell_later(const struct cli *cli, const struct cli_answer *answer, const char *what)
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
        cli_print_object(cli, answer.json);
    if (!rc)
        tell_later(cli, &answer, "the change");
    cli_answer_fini(&answer);
    return rc;
}

/* The result for one argument: the server's object, or an object with the id. */
static json_t *done_to(const struct cli_answer *answer, const char *id)
{
    return answer->json ? json_incref(answer->json) : json_pack("{s:s}", "id", id);
}

int cli_each(struct cli *cli, const char *method, const char *before, const char *after, int argc,
             char **argv)
{
    int first = CLI_DONE;
    bool json = cli_wants_json(cli);
    json_t *done = json_array();
    for (int i = 0; i < argc; i++) {
        struct cli_answer answer;
        CLEANUP(mem_free_ptr) char *id = cli_path("%s", argv[i]);
        CLEANUP(mem_free_ptr) char *path = NULL;
        if (asprintf(&path, "%s%s%s", before, id, after) < 0)
            abort();
        int rc = cli_call(cli, method, path, NULL, &answer);
        if (!rc && json)
            json_array_append_new(done, done_to(&answer, argv[i]));
        else if (!rc)
            puts(argv[i]);
        if (!rc)
            tell_later(cli, &answer, argv[i]);
        if (!first)
            first = rc;
        cli_answer_fini(&answer);
    }
    if (json && argc > 1)
        cli_print_json(done);
    else if (json_array_size(done))
        cli_print_json(json_array_get(done, 0));
    json_decref(done);
    return first;
}
