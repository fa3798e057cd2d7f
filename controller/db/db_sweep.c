#include "controller/db/db_sweep.h"

#include "controller/db/db_query.h"
#include "controller/db/db_text.h"

#include <stdlib.h>

static void add_hosts(struct db_text *text, const struct db_sweep_host *hosts, size_t count)
{
    db_text_add(text, "{");
    for (size_t i = 0; i < count; i++) {
        if (hosts[i].number)
            db_text_num(text, hosts[i].name, hosts[i].number);
    }
    db_text_add(text, "}");
}

/* Hosts that did not answer are named: what they came to is not in the counts. */
static void add_silent(struct db_text *text, const struct db_sweep_host *hosts, size_t count)
{
    db_text_comma(text);
    db_text_add(text, "\"silent\":[");
    for (size_t i = 0; i < count; i++) {
        if (hosts[i].number)
            continue;
        db_text_comma(text);
        db_text_fmt(text, "\"%s\"", hosts[i].name); /* a node's name needs no escapes */
    }
    db_text_add(text, "]");
}

void db_sweep_add(struct db_pool *pool, const struct db_actor *actor, const char *target, bool dry_run,
                  const struct sweep_counts *counts, const struct db_sweep_host *hosts, size_t host_count,
                  db_json_cb *cb, void *arg)
{
    static const struct db_stmt stmt = {"add_sweep", "select add_sweep($1, $2, $3, $4)", 4};
    static const struct db_actor nobody = {0};
    struct db_text numbers = {0}, after = {0};
    char found[SWEEP_TEXT_MAX], removed[SWEEP_TEXT_MAX];
    char *who = db_actor_json(actor ? actor : &nobody);
    sweep_json(counts->found, found);
    sweep_json(counts->removed, removed);
    add_hosts(&numbers, hosts, host_count);
    db_text_add(&after, "{");
    db_text_bool(&after, "dry_run", dry_run);
    db_text_json(&after, "found", found);
    db_text_json(&after, "removed", removed);
    add_silent(&after, hosts, host_count);
    db_text_add(&after, "}");
    const char *params[] = {who, target, numbers.data, after.data};
    db_query_json(pool, &stmt, params, 0, "", cb, arg);
    db_text_fini(&numbers);
    db_text_fini(&after);
    free(who);
}
