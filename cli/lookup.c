#include "cli/lookup.h"

#include "cli/cli_int.h"
#include "cli/text.h"

#include "common/base/id.h"
#include "common/base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SANDBOXES_MAX 100000 /* that are searched */
#define SHOWN_MAX     10     /* of those that are meant, in the error */

/*
 * A prefix begins with "sbx_": without it, a misspelt name could be the beginning of an id. A name that looks
 * like the prefix of another sandbox's id therefore makes the text ambiguous, and nothing else.
 */
static bool is_meant(const json_t *sandbox, const char *text)
{
    const char *id = json_string_value(json_object_get(sandbox, "id")),
               *name = json_string_value(json_object_get(sandbox, "name"));
    bool prefix = strlen(text) > 4 && !strncmp(text, "sbx_", 4);
    return (name && !strcmp(name, text)) || (id && prefix && !strncmp(id, text, strlen(text)));
}

/* Reads a list of sandboxes once a run. */
static int read_list(struct cli *cli, const char *path, json_t **list)
{
    if (*list)
        return CLI_DONE;
    json_t *items = json_array();
    int rc = cli_all_pages(cli, path, SANDBOXES_MAX, items);
    if (rc)
        json_decref(items);
    else
        *list = items;
    return rc;
}

/* The members of list that are meant; the caller's. */
static json_t *meant(const json_t *list, const char *text)
{
    json_t *found = json_array();
    size_t i;
    json_t *sandbox;
    json_array_foreach(list, i, sandbox)
    {
        if (is_meant(sandbox, text))
            json_array_append(found, sandbox);
    }
    return found;
}

static void say_ambiguous(const json_t *found, const char *text)
{
    size_t i, count = json_array_size(found);
    json_t *sandbox;
    fprintf(stderr, "corral: \"%s\" is ambiguous: it means %zu sandboxes; give a whole id:\n", text, count);
    json_array_foreach(found, i, sandbox)
    {
        const char *name = json_string_value(json_object_get(sandbox, "name"));
        CLEANUP(mem_free_ptr) char *safe = text_show_only(mem_strdup(name ? name : "-"));
        if (i == SHOWN_MAX) {
            fprintf(stderr, "  and %zu more\n", count - i);
            break;
        }
        fprintf(stderr, "  %s  %s  %s\n", json_string_value(json_object_get(sandbox, "id")),
                json_string_value(json_object_get(sandbox, "state")), safe);
    }
}

int lookup_sandbox(struct cli *cli, const char *text, char **id)
{
    struct sandbox_id whole;
    CLEANUP(mem_free_ptr) char *safe = text_show_only(mem_strdup(text));
    json_t *found = NULL;
    *id = NULL;
    if (sandbox_id_parse(text, &whole)) {
        *id = mem_strdup(text);
        return CLI_DONE;
    }
    int rc = read_list(cli, "/sandbox", &cli->live);
    if (!rc)
        found = meant(cli->live, text);
    if (!rc && !json_array_size(found)) {
        json_decref(found);
        found = NULL;
        rc = read_list(cli, "/sandbox?all=true", &cli->all);
        if (!rc)
            found = meant(cli->all, text);
    }
    if (!rc && json_array_size(found) == 1)
        *id = mem_strdup(json_string_value(json_object_get(json_array_get(found, 0), "id")));
    else if (!rc && json_array_size(found))
        say_ambiguous(found, safe);
    else if (!rc)
        fprintf(stderr, "corral: no sandbox has the id \"%s\", an id that begins so, or this name\n", safe);
    json_decref(found);
    return rc || *id ? rc : CLI_REFUSED;
}
