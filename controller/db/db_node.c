#include "controller/db/db_node.h"

#include "common/base/mem.h"
#include "controller/core/node_table.h"
#include "controller/db/db_query.h"
#include "controller/db/db_row.h"
#include "common/base/json_text.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void add_labels(struct json_text *t, const struct string_list *labels)
{
    json_text_object(t, "labels");
    for (size_t i = 0; i < labels->count; i++) {
        const char *split = strchr(labels->item[i], '=');
        char name[128];
        if (!split || split - labels->item[i] >= (int)sizeof name || strpbrk(labels->item[i], "\"\\"))
            continue;
        snprintf(name, sizeof name, "%.*s", (int)(split - labels->item[i]), labels->item[i]);
        json_text_str(t, name, split + 1);
    }
    json_text_end(t);
}

static void add_runtimes(struct json_text *t, const struct string_list *runtimes)
{
    json_text_array(t, "runtimes");
    for (size_t i = 0; i < runtimes->count; i++) {
        if (strpbrk(runtimes->item[i], "\"\\"))
            continue;
        json_text_str(t, NULL, runtimes->item[i]);
    }
    json_text_end(t);
}

void db_node_join(struct db_pool *pool, const struct node_facts *facts, db_json_cb *cb, void *arg)
{
    static const struct db_stmt stmt = {"node_joined", "select * from node_joined($1)", 1};
    struct json_text t = {0};
    json_text_object(&t, NULL);
    json_text_str(&t, "name", facts->name);
    json_text_str(&t, "health", facts->unhealthy[0] ? "unhealthy" : "ready");
    json_text_str(&t, "reason", facts->unhealthy);
    json_text_str(&t, "region", facts->region);
    json_text_str(&t, "boot_id", facts->boot_id);
    json_text_str(&t, "state_id", facts->state_id);
    json_text_str(&t, "address", facts->address);
    json_text_str(&t, "fingerprint", facts->fingerprint);
    json_text_str(&t, "agent_version", facts->agent_version);
    json_text_str(&t, "docker_version", facts->docker_version);
    json_text_str(&t, "docker_api_version", facts->docker_api_version);
    add_labels(&t, &facts->labels);
    add_runtimes(&t, &facts->runtimes);
    node_resources_json(&t, &facts->capacity);
    json_text_num(&t, "enforces", facts->enforces);
    json_text_end(&t);
    const char *params[] = {t.text.data};
    db_query_act(pool, &stmt, params, cb, arg);
    json_text_fini(&t);
}

void db_node_set_health(struct db_pool *pool, const char *name, enum db_node_health health,
                        const char *reason, db_json_cb *cb, void *arg)
{
    static const struct db_stmt stmt = {"node_health", "select * from set_node_health($1, $2, $3)", 3};
    static const char *const names[] = {"ready", "unreachable", "unhealthy"};
    const char *params[] = {name, names[health], reason};
    db_query_act(pool, &stmt, params, cb, arg);
}

void db_node_left_out(struct db_pool *pool, const char *name, uint64_t count, const char *first,
                      db_json_cb *cb, void *arg)
{
    static const struct db_stmt stmt = {"node_left_out", "select * from node_left_out($1, $2, $3)", 3};
    char number[24];
    const char *params[] = {name, number, first};
    snprintf(number, sizeof number, "%" PRIu64, count);
    db_query_act(pool, &stmt, params, cb, arg);
}

void db_node_set_admin(struct db_pool *pool, const char *name, enum db_node_admin state,
                       const struct db_actor *actor, db_json_cb *cb, void *arg)
{
    static const struct db_stmt stmt = {
        "node_admin", "select * from act_audited($3, 'node.' || $2, $1, null, set_node_admin($1, $2, $3))",
        3};
    static const char *const names[] = {"ready", "cordoned", "draining"};
    char *who = db_actor_json(actor);
    const char *params[] = {name, names[state], who};
    db_query_act(pool, &stmt, params, cb, arg);
    free(who);
}

static void act_on_node(struct db_pool *pool, const struct db_stmt *stmt, const char *name,
                        const struct db_actor *actor, db_json_cb *cb, void *arg)
{
    char *who = db_actor_json(actor);
    const char *params[] = {name, who};
    db_query_act(pool, stmt, params, cb, arg);
    free(who);
}

void db_node_revoke(struct db_pool *pool, const char *name, const struct db_actor *actor, db_json_cb *cb,
                    void *arg)
{
    static const struct db_stmt stmt = {
        "node_revoke", "select * from act_audited($2, 'node.revoke', $1, null, revoke_node($1, $2))", 2};
    act_on_node(pool, &stmt, name, actor, cb, arg);
}

void db_node_remove(struct db_pool *pool, const char *name, const struct db_actor *actor, db_json_cb *cb,
                    void *arg)
{
    static const struct db_stmt stmt = {
        "node_remove", "select * from act_audited($2, 'node.delete', $1, null, remove_node($1, $2))", 2};
    act_on_node(pool, &stmt, name, actor, cb, arg);
}

void db_node_event(struct db_pool *pool, const char *name, const char *type, const char *data)
{
    static const struct db_stmt stmt = {"node_event", "select add_event($2, null, null, $1, $3::jsonb)", 3};
    const char *params[] = {name, type, data};
    db_query_forget(pool, &stmt, params);
}

struct revocations {
    db_node_revocations_cb *cb;
    void *arg;
};

static void on_revocations(void *arg, int code, const struct err *e, const PGresult *r)
{
    struct revocations revocations = *(struct revocations *)arg;
    size_t count = code ? 0 : (size_t)PQntuples(r);
    struct db_node_revocation *rows = mem_zalloc((count + 1) * sizeof *rows);
    free(arg);
    for (size_t i = 0; i < count; i++) {
        rows[i].node = PQgetvalue(r, (int)i, 0);
        rows[i].issued_until_s = (int64_t)db_cell_num(r, (int)i, 1);
        char *words = mem_strdup(PQgetvalue(r, (int)i, 2)), *rest = words;
        for (char *word; (word = strsep(&rest, " "));) {
            if (*word)
                string_list_add(&rows[i].fingerprints, word);
        }
        free(words);
    }
    revocations.cb(revocations.arg, code, e, rows, count);
    for (size_t i = 0; i < count; i++)
        string_list_fini(&rows[i].fingerprints);
    free(rows);
}

void db_node_revocations(struct db_pool *pool, db_node_revocations_cb *cb, void *arg)
{
    static const struct db_stmt stmt = {
        "node_revocations",
        "select node, extract(epoch from issued_until)::bigint, array_to_string(fingerprints, ' ')"
        " from node_revocations",
        0, .class = DB_READ};
    struct revocations *revocations = mem_zalloc(sizeof *revocations);
    *revocations = (struct revocations){cb, arg};
    db_query(pool, &stmt, NULL, on_revocations, revocations);
}

void db_nodes_seen(struct db_pool *pool, const struct db_node_seen *seen, size_t count)
{
    static const struct db_stmt stmt = {"touch_nodes", "select touch_nodes($1)", 1};
    struct json_text t = {0};
    json_text_array(&t, NULL);
    for (size_t i = 0; i < count; i++) {
        json_text_object(&t, NULL);
        json_text_str(&t, "name", seen[i].name);
        json_text_object(&t, "used");
        node_resources_json(&t, &seen[i].used);
        json_text_end(&t);
        json_text_end(&t);
    }
    json_text_end(&t);
    const char *params[] = {t.text.data};
    db_query_forget(pool, &stmt, params);
    json_text_fini(&t);
}

void db_node_get(struct db_pool *pool, const char *name, db_json_cb *cb, void *arg)
{
    static const struct db_stmt stmt = {"get_node", "select node_json(n)::text from nodes n where name = $1",
                                        1, .class = DB_READ};
    const char *params[] = {name};
    db_query_json(pool, &stmt, params, ERR_NOT_FOUND, "There is no such node", cb, arg);
}

void db_node_list(struct db_pool *pool, const char *cursor, unsigned limit, db_page_cb *cb, void *arg)
{
    static const struct db_stmt stmt = {"list_nodes", "select * from list_nodes($1, $2)", 2,
                                        .class = DB_READ};
    char most[16];
    const char *params[] = {cursor, most};
    snprintf(most, sizeof most, "%u", limit);
    db_query_page(pool, &stmt, params, ERR_INTERNAL, "No list", cb, arg);
}

struct reading {
    db_node_rows_cb *cb;
    void *arg;
};

static void fill(struct db_node_row *row, const PGresult *r, int n)
{
    const char *admin = PQgetvalue(r, n, 4);
    row->name = PQgetvalue(r, n, 0);
    row->state = PQgetvalue(r, n, 1);
    row->region = PQgetvalue(r, n, 2);
    row->labels = PQgetvalue(r, n, 3);
    row->cordoned = strcmp(admin, "cordoned") == 0;
    row->draining = strcmp(admin, "draining") == 0;
    row->capacity = (struct node_resources){db_cell_num(r, n, 5), db_cell_num(r, n, 6), db_cell_num(r, n, 7),
                                            db_cell_num(r, n, 8)};
    row->enforces = (uint32_t)db_cell_num(r, n, 9);
    row->boot_id = PQgetvalue(r, n, 10);
    row->state_id = PQgetvalue(r, n, 11);
    row->fingerprint = PQgetvalue(r, n, 12);
}

static void on_rows(void *arg, int code, const struct err *e, const PGresult *r)
{
    struct reading reading = *(struct reading *)arg;
    size_t count = code ? 0 : (size_t)PQntuples(r);
    struct db_node_row *rows = mem_zalloc((count + 1) * sizeof *rows);
    free(arg);
    for (size_t i = 0; i < count; i++)
        fill(&rows[i], r, (int)i);
    reading.cb(reading.arg, code, e, rows, count);
    free(rows);
}

void db_node_rows(struct db_pool *pool, db_node_rows_cb *cb, void *arg)
{
    static const struct db_stmt stmt = {
        "node_rows",
        "select name, node_state(n), region, labels::text, admin_state, memory_bytes, cpu_millis,"
        " storage_bytes, sandboxes, enforces, boot_id, state_id, coalesce(fingerprints[1], '')"
        " from nodes n order by name",
        0, .class = DB_READ};
    struct reading *reading = mem_zalloc(sizeof *reading);
    *reading = (struct reading){cb, arg};
    db_query(pool, &stmt, NULL, on_rows, reading);
}

struct asking {
    db_system_stats_cb *cb;
    void *arg;
};

static void on_stats(void *arg, int code, const struct err *e, const PGresult *r)
{
    struct asking a = *(struct asking *)arg;
    struct db_system_stats stats = {0};
    free(arg);
    if (!code)
        stats = (struct db_system_stats){PQgetvalue(r, 0, 0), PQgetvalue(r, 0, 1), PQgetvalue(r, 0, 2),
                                         PQgetvalue(r, 0, 3), PQgetvalue(r, 0, 4), (int)db_cell_num(r, 0, 5)};
    a.cb(a.arg, code, e, code ? NULL : &stats);
}

void db_system_stats(struct db_pool *pool, uint64_t max_total_sandboxes, db_system_stats_cb *cb, void *arg)
{
    static const struct db_stmt stmt = {"system_stats", "select * from system_stats($1)", 1,
                                        .class = DB_READ};
    struct asking *a = mem_zalloc(sizeof *a);
    char limit[24];
    const char *params[] = {limit};
    *a = (struct asking){cb, arg};
    snprintf(limit, sizeof limit, "%" PRIu64, max_total_sandboxes);
    db_query(pool, &stmt, params, on_stats, a);
}
