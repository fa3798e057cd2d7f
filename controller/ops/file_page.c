/* The entries of a folder as JSON. */
#include "controller/ops/file.h"

#include "common/base/rfc3339.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LINKED_MAX 900 /* a longer query has no link to its next page */

static void put_time(struct json_text *json, int64_t unix_ms)
{
    char text[RFC3339_LEN + 1];
    rfc3339_format(unix_ms > 0 ? (uint64_t)unix_ms : 0, text);
    json_text_str(json, "modified_at", text);
}

static void on_entry(void *arg, const struct file_entry *entry)
{
    struct json_text *json = arg;
    char mode[8];
    snprintf(mode, sizeof mode, "%04o", entry->mode);
    json_text_object(json, NULL);
    ops_put_bytes(json, "name", entry->name, entry->name_len);
    json_text_str(json, "type", file_type_name(entry->type));
    json_text_num(json, "size", entry->size);
    json_text_str(json, "mode", mode);
    put_time(json, entry->modified_ms);
    if (entry->type == FILE_TYPE_SYMLINK)
        ops_put_bytes(json, "target", entry->target, entry->target_len);
    json_text_end(json);
}

static void begin(struct file_page *page)
{
    json_text_object(&page->json, NULL);
    json_text_array(&page->json, "items");
}

bool file_page_take(struct file_page *page, struct file_run *run, const uint8_t *bytes, size_t len,
                    struct err *e)
{
    if (!page->json.depth)
        begin(page);
    if (!file_list_take(&page->list, bytes, len, on_entry, &page->json)) {
        (void)err_set(e, ERR_PROTOCOL, "its node said what does not belong there");
        return false;
    }
    size_t more = page->json.text.len > page->held ? page->json.text.len - page->held : 0;
    if (more && !file_run_hold(run, more)) {
        (void)err_set(e, ERR_TOO_MANY_STREAMS,
                      "the streams of this key hold as much memory as they may; ask again");
        return false;
    }
    page->held += more;
    return true;
}

void file_page_answer(struct file_page *page, struct api_call *call)
{
    const char *next = page->list.cursor[0] ? page->list.cursor : NULL;
    json_text_end(&page->json);
    if (next)
        json_text_str(&page->json, "next_cursor", next);
    else
        json_text_null(&page->json, "next_cursor");
    json_text_end(&page->json);
    if (strlen(http_query(call->exchange)) < LINKED_MAX)
        api_answer_page(call, page->json.text.data, next);
    else
        api_answer_json(call, 200, NULL, page->json.text.data);
}

void file_page_fini(struct file_page *page)
{
    json_text_fini(&page->json);
}
