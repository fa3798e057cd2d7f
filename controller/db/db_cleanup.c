#include "controller/db/db_cleanup.h"

#include "controller/db/db_query.h"
#include "common/base/json_text.h"

#include <stdlib.h>

static void add_numbers(struct json_text *text, const struct db_cleanup_node *nodes, size_t count)
{
    json_text_object(text, NULL);
    for (size_t i = 0; i < count; i++) {
        if (nodes[i].number)
            json_text_num(text, nodes[i].name, nodes[i].number);
    }
    json_text_end(text);
}

/* Names the nodes that did not answer: the counts do not include them. */
static void add_silent(struct json_text *text, const struct db_cleanup_node *nodes, size_t count)
{
    json_text_array(text, "silent");
    for (size_t i = 0; i < count; i++) {
        if (nodes[i].number)
            continue;
        json_text_str(text, NULL, nodes[i].name);
    }
    json_text_end(text);
}

void db_cleanup_add(struct db_pool *pool, const struct db_actor *actor, const char *target, bool dry_run,
                    const struct cleanup_counts *counts, const struct db_cleanup_node *nodes,
                    size_t node_count, db_json_cb *cb, void *arg)
{
    static const struct db_stmt stmt = {"add_cleanup", "select add_cleanup($1, $2, $3, $4)", 4};
    static const struct db_actor nobody = {0};
    struct json_text numbers = {0}, after = {0};
    char found[CLEANUP_TEXT_MAX], removed[CLEANUP_TEXT_MAX];
    char *who = db_actor_json(actor ? actor : &nobody);
    cleanup_json(counts->found, found);
    cleanup_json(counts->removed, removed);
    add_numbers(&numbers, nodes, node_count);
    json_text_object(&after, NULL);
    json_text_bool(&after, "dry_run", dry_run);
    json_text_raw(&after, "found", found);
    json_text_raw(&after, "removed", removed);
    add_silent(&after, nodes, node_count);
    json_text_end(&after);
    const char *params[] = {who, target, numbers.text.data, after.text.data};
    db_query_json(pool, &stmt, params, 0, "", cb, arg);
    json_text_fini(&numbers);
    json_text_fini(&after);
    free(who);
}
