/* Lists of the API, which come in pages. */
#include "cli/cli.h"

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

int cli_all_pages(struct cli *cli, const char *path, size_t max, json_t *items)
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
        if (!cursor[0] || (max && json_array_size(items) >= max))
            break;
    }
    return CLI_DONE;
}
