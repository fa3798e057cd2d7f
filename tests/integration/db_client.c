/*
 * Drives the database's functions as the controller does. usage: db_client URL VERB ARG...
 *   walk                   calls each function once; prints what was not as expected
 *   race USER KEY COUNT    that many creates at once; prints "admitted N quota N other N"
 *   flow MS                64 creates of many users always on the way; prints "admitted N a second"
 *   steady MS              requests without a pause, or to SIGTERM; prints "ok N unavailable N other N up N"
 */
#include "common/io/api_key.h"
#include "common/io/loop.h"
#include "controller/db/db_audit.h"
#include "controller/db/db_event.h"
#include "controller/db/db_history.h"
#include "controller/db/db_idempotency.h"
#include "controller/db/db_leader.h"
#include "controller/db/db_node.h"
#include "controller/db/db_sandbox.h"
#include "controller/db/db_user.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#define MIB (UINT64_C(1) << 20)

static const struct db_defaults defaults = {
    .max_sandboxes = 5, .max_key_sandboxes = 3, .max_total_sandboxes = 1000000};
static const struct db_actor actor = {"usr_admin", "key_admin", "127.0.0.1", "r1"};

struct client {
    struct loop *loop;
    struct db_pool *pool;
    struct db_admit *admit;
    void (*begin)(struct client *);
    char **args;
    int step, bad;
    unsigned admitted, quota, ok, unavailable, other, ups, left;
    uint64_t until_ms;
    struct sandbox_id id;
    char node[16];
    struct db_leader *leader;
    bool stopping;
};

static struct sandbox_id new_id(void)
{
    uint8_t random[10];
    if (getrandom(random, sizeof random, 0) != sizeof random)
        abort();
    return sandbox_id_make(wall_now_ms(), random);
}

static void admit_one(struct client *c, const char *user, const char *key, const char *idempotency,
                      db_admit_cb *cb)
{
    static const uint8_t spec[] = {1, 0, 255};
    c->id = new_id();
    struct sandbox_request asked = {.name = (char *)"bad \xff byte \"quoted\"",
                                    .spec.image = (char *)"corral-base:latest",
                                    .labels = (char *)"{\"a\":\"b\"}"};
    struct db_admit_request request = {
        .id = c->id.text,
        .actor = {.user_id = user, .key_id = key, .idempotency_key = idempotency},
        .asked = &asked,
        .node = c->node,
        .limits = {16 * MIB, 10, 100, 16 * MIB, 10, 10},
        .enforced = 63,
        .lifetime_seconds = 3600,
        .spec = spec,
        .spec_len = sizeof spec,
    };
    db_admit(c->admit, &request, cb, c);
}

/* race: all creates at once, one answer each */
static void on_raced(void *arg, int code, const struct err *e, const struct db_admit_result *r)
{
    struct client *c = arg;
    if (!code && r->outcome == DB_ADMITTED)
        c->admitted++;
    else if (!code && r->outcome == DB_ADMIT_QUOTA)
        c->quota++;
    else
        c->other++;
    if (--c->left == 0)
        loop_stop(c->loop);
}

static void race(struct client *c)
{
    c->left = (unsigned)atoi(c->args[2]);
    for (unsigned i = 0, n = c->left; i < n; i++)
        admit_one(c, c->args[0], c->args[1], NULL, on_raced);
}

/* flow: for the benchmark */
static void on_flow(void *arg, int code, const struct err *e, const struct db_admit_result *r);

static void flow_one(struct client *c)
{
    char user[16], key[16];
    unsigned n = c->admitted % 256;
    snprintf(user, sizeof user, "usr_%u", n);
    snprintf(key, sizeof key, "key_%u", n);
    snprintf(c->node, sizeof c->node, "h%u", n % 64);
    admit_one(c, user, key, NULL, on_flow);
}

static void on_flow(void *arg, int code, const struct err *e, const struct db_admit_result *r)
{
    struct client *c = arg;
    if (!code && r->outcome == DB_ADMITTED)
        c->admitted++;
    else
        c->other++;
    if (loop_now_ms() < c->until_ms)
        flow_one(c);
    else if (--c->left == 0)
        loop_stop(c->loop);
}

static void flow(struct client *c)
{
    c->until_ms = loop_now_ms() + strtoull(c->args[0], NULL, 10);
    c->left = 64;
    for (int i = 0; i < 64; i++)
        flow_one(c);
}

/* steady: 16 requests always on the way, until the time is over */
static volatile sig_atomic_t enough;

static void on_enough(int signo)
{
    enough = 1;
}

static void on_steady(void *arg, int code, const struct err *e, const struct db_system_stats *stats)
{
    struct client *c = arg;
    c->ok += code == 0;
    c->unavailable += code == ERR_DATABASE_UNAVAILABLE;
    c->other += code != 0 && code != ERR_DATABASE_UNAVAILABLE;
    if (!enough && loop_now_ms() < c->until_ms)
        db_system_stats(c->pool, 100, on_steady, c);
    else if (--c->left == 0)
        loop_stop(c->loop);
}

static void steady(struct client *c)
{
    c->until_ms = loop_now_ms() + strtoull(c->args[0], NULL, 10);
    c->left = 16;
    signal(SIGTERM, on_enough);
    for (int i = 0; i < 16; i++)
        db_system_stats(c->pool, 100, on_steady, c);
}

/* walk: one step after the other, each with the code and a part of the answer that it expects */
static void next(struct client *c);

static void check(struct client *c, const char *what, int code, int desired, const char *json,
                  const char *part)
{
    if (code == desired && (!part || (json && strstr(json, part))))
        return;
    fprintf(stderr, "%s: code %d, expected %d; %s\n", what, code, desired, json ? json : "(null)");
    c->bad++;
}

static void on_ok(void *arg, int code, const struct err *e, const char *json)
{
    struct client *c = arg;
    check(c, e ? e->text : "a request", code, 0, json, NULL);
    next(c);
}

static void on_page(void *arg, int code, const struct err *e, const char *json, const char *next_page)
{
    struct client *c = arg;
    char last[300];
    check(c, "a list", code, 0, json, "\"items\" : [{");
    snprintf(last, sizeof last, next_page ? "\"next_cursor\" : \"%s\"" : "\"next_cursor\" : null", next_page);
    check(c, "where a list goes on", code, 0, json, last);
    next(c);
}

static void on_history(void *arg, int code, const struct err *e, const char *json, const char *next_page)
{
    check(arg, "a history", code, 0, json, "\"points\"");
    check(arg, "the page after a history", next_page != NULL, false, NULL, NULL);
    next(arg);
}

static void on_no_page(void *arg, int code, const struct err *e, const char *json, const char *next_page)
{
    struct client *c = arg;
    check(c, "a list of what is not there", code, c->step == 9 ? ERR_NOT_FOUND : ERR_INVALID, NULL, NULL);
    next(c);
}

static void on_conflict(void *arg, int code, const struct err *e, const char *json)
{
    check(arg, "a conflict", code, ERR_CONFLICT, NULL, NULL);
    next(arg);
}

static void on_invalid(void *arg, int code, const struct err *e, const char *json)
{
    check(arg, "an invalid one", code, ERR_INVALID, NULL, NULL);
    next(arg);
}

static void on_not_found(void *arg, int code, const struct err *e, const char *json)
{
    check(arg, "what is not there", code, ERR_NOT_FOUND, NULL, NULL);
    next(arg);
}

static void on_key_found(void *arg, int code, const struct err *e, const struct db_key *key)
{
    struct client *c = arg;
    check(c, "find key", code, 0, NULL, NULL);
    if (key &&
        (key->caller.tier_limits.value[LIMIT_MEMORY_BYTES] != 256 * MIB ||
         key->caller.overrides.value[LIMIT_PIDS] != 9 || key->caller.scopes != SCOPE_READ + SCOPE_WRITE))
        check(c, "what the key says", 1, 0, NULL, NULL);
    next(c);
}

static void on_key_made(void *arg, int code, const struct err *e, const char *json, const char *made)
{
    struct client *c = arg;
    char prefix[API_KEY_PREFIX_LEN + 1], text[API_KEY_LEN + 1] = "";
    check(c, "create key", code, 0, json, "{\"key\":\"crl_");
    if (code) {
        next(c);
        return;
    }
    memcpy(text, strstr(json, "crl_"), API_KEY_LEN);
    check(c, "the form of a key", api_key_prefix(text, prefix), true, json, prefix);
    check(c, "which key was made", !strcmp(made, prefix), true, NULL, NULL);
    db_key_find(c->pool, prefix, on_key_found, c);
}

static void on_admitted(void *arg, int code, const struct err *e, const struct db_admit_result *r)
{
    struct client *c = arg;
    check(c, "admit", code ? code : (int)r->outcome, DB_ADMITTED, r ? r->row.json : NULL,
          "\"state\" : \"pending\"");
    next(c);
}

static void on_replayed(void *arg, int code, const struct err *e, const struct db_admit_result *r)
{
    struct client *c = arg;
    check(c, "replay", code ? code : (int)r->outcome, DB_ADMIT_REPLAY, r ? r->json : NULL, "kept answer");
    if (r && r->id)
        memcpy(c->id.text, r->id, sizeof c->id.text);
    next(c);
}

static void on_moved(void *arg, int code, const struct err *e, const struct db_move_result *results,
                     size_t count)
{
    static const enum db_move_outcome desired[] = {DB_MOVED, DB_MOVED, DB_MOVE_SAME, DB_MOVE_REFUSED};
    struct client *c = arg;
    check(c, "moves", code ? code : (int)count, 4, NULL, NULL);
    for (size_t i = 0; i < count; i++)
        check(c, "a move", (int)results[i].outcome, (int)desired[i], results[i].json, "limits");
    next(c);
}

static void move_about(struct client *c)
{
    const struct sandbox_move moves[] = {
        {.status.id = c->id, .from = SANDBOX_PENDING, .to = SANDBOX_STARTING},
        {.status.id = c->id,
         .from = SANDBOX_STARTING,
         .to = SANDBOX_RUNNING,
         .status.ran = true,
         .status.started_ago_ms = 5},
        {.status.id = c->id, .from = SANDBOX_STARTING, .to = SANDBOX_RUNNING},
        {.status.id = c->id,
         .from = SANDBOX_STARTING,
         .to = SANDBOX_PAUSED}, /* from where it is not any more */
    };
    db_sandbox_move(c->pool, moves, 4, on_moved, c);
}

static void on_ended(void *arg, int code, const struct err *e, const struct db_move_result *results,
                     size_t count)
{
    struct client *c = arg;
    check(c, "end", code ? code : (int)results[0].outcome, DB_MOVED, results[0].event, "sandbox.stopped");
    next(c);
}

static void on_changed(void *arg, int code, const struct err *e, const struct sandbox_row *row)
{
    struct client *c = arg;
    const char *json = row ? row->json : NULL;
    check(c, "a change", code, 0, json, c->id.text);
    check(c, "the generation of a change", row && row->desired.generation > 1 && strcmp(row->node, "h1") == 0,
          true, json, NULL);
    next(c);
}

static void on_above(void *arg, int code, const struct err *e, const struct sandbox_row *row)
{
    check(arg, "above the tier", code, ERR_ABOVE_TIER_LIMIT, NULL, NULL);
    next(arg);
}

static void on_live(void *arg, int code, const struct err *e, const struct sandbox_row *rows, size_t count)
{
    struct client *c = arg;
    check(c, "live rows", code ? code : (int)count, 1, NULL, NULL);
    if (count == 1)
        check(c, "a live row",
              rows[0].desired.spec_len == 3 && rows[0].desired.spec[2] == 255 &&
                  rows[0].state == SANDBOX_RUNNING,
              true, rows[0].node, "h1");
    next(c);
}

static void on_nodes(void *arg, int code, const struct err *e, const struct db_node_row *rows, size_t count)
{
    check(arg, "node rows", code ? code : (int)count, 1, rows ? rows[0].labels : NULL, "\"disk\": \"ssd\"");
    next(arg);
}

static void on_stats(void *arg, int code, const struct err *e, const struct db_system_stats *stats)
{
    check(arg, "system stats", code, 0, stats ? stats->sandboxes : NULL, "\"total\" : 1");
    next(arg);
}

static void on_gained(void *arg, uint64_t epoch)
{
    struct client *c = arg;
    db_pool_set_epoch(c->pool, epoch);
    check(arg, "the first epoch", (int)epoch, 1, NULL, NULL);
    next(arg);
}

static void on_lost(void *arg)
{
    check(arg, "lead lost", 1, 0, NULL, NULL);
}

static void on_told(void *arg, enum db_told what, const char *text)
{
    struct client *c = arg;
    if (what == DB_TOLD_KEY && strcmp(text, "*") != 0) /* the revocation that this walk made */
        next(c);
}

static void lead(struct client *c, const char *url)
{
    struct db_leader_events events = {on_gained, on_lost, on_told, c};
    c->leader = db_leader_new(c->loop, url, "controller-1", &events);
}

/* A revocation is delivered twice: to its caller, and to every listener. */
static void on_revoked(void *arg, int code, const struct err *e, const char *json)
{
    check(arg, "revoke", code, 0, NULL, NULL);
}

static void walk_tenants(struct client *c)
{
    switch (c->step) {
    case 1:
        db_schema_check(c->pool, on_ok, c);
        break;
    case 2:
        db_user_create(c->pool, "usr_w", "{\"name\":\"w\",\"tier\":\"free\",\"overrides\":{\"pids\":9}}",
                       &actor, on_ok, c);
        break;
    case 3:
        db_user_create(c->pool, "usr_x", "{\"name\":\"w\",\"tier\":\"free\"}", &actor, on_conflict, c);
        break;
    case 4:
        db_user_create(c->pool, "usr_x", "{\"name\":\"x\",\"tier\":\"none\"}", &actor, on_invalid, c);
        break;
    case 5:
        db_key_create(c->pool, "usr_w", "key_w", "{\"name\":\"k\"}", &actor, on_key_made, c);
        break;
    case 6:
        db_user_patch(c->pool, "usr_w", "{\"overrides\":{\"pids\":null}}", &actor, on_ok, c);
        break;
    case 7:
        db_user_list(c->pool, NULL, 1, on_page, c);
        break;
    case 8:
        db_key_list(c->pool, "usr_w", NULL, 50, on_page, c);
        break;
    case 9:
        db_key_list(c->pool, "usr_none", NULL, 50, on_no_page, c);
        break;
    case 10:
        db_tier_create(c->pool, "{\"name\":\"tiny\",\"pids\":5}", &actor, on_ok, c);
        break;
    case 11:
        db_tier_patch(c->pool, "tiny", "{\"pids\":0}", &actor, on_invalid, c);
        break;
    case 12:
        db_tier_delete(c->pool, "free", &actor, on_conflict, c);
        break;
    case 13:
        db_tier_list(c->pool, NULL, 50, on_page, c);
        break;
    default:
        db_user_get(c->pool, "usr_none", on_not_found, c);
        break;
    }
}

static void join(struct client *c)
{
    struct node_facts facts = {
        .name = "h1", .region = "eu", .capacity = {1 << 30, 8000, 1 << 30, 50}, .enforces = 63};
    string_list_add(&facts.labels, "disk=ssd");
    string_list_add(&facts.runtimes, "runc");
    db_node_join(c->pool, &facts, on_ok, c);
    node_facts_fini(&facts);
}

static void walk_sandbox(struct client *c)
{
    struct sandbox_move end = {.from = SANDBOX_STOPPING,
                               .to = SANDBOX_STOPPED,
                               .status = {.id = c->id,
                                          .reason = REASON_DELETED,
                                          .detail = "asked for",
                                          .has_exit_code = true,
                                          .exit_code = 137,
                                          .has_last = true,
                                          .last.memory_used_bytes = 1}};
    struct db_sandbox_filter filter = {.owner = "usr_w", .label_name = "a", .label_value = "b", .limit = 1};
    switch (c->step) {
    case 15:
        join(c);
        break;
    case 16:
        admit_one(c, "usr_w", "key_w", "once", on_admitted);
        break;
    case 17:
        db_idempotency_answer(c->pool, c->id.text, 201, "\"kept answer\"");
        db_sandbox_get(c->pool, c->id.text, "usr_w", on_ok, c);
        break;
    case 18:
        admit_one(c, "usr_w", "key_w", "once", on_replayed);
        break;
    case 19:
        db_sandbox_get(c->pool, c->id.text, "usr_other", on_not_found, c);
        break;
    case 20:
        db_sandbox_list(c->pool, &filter, on_page, c);
        break;
    case 21:
        filter.cursor = "1-' or 1=1";
        db_sandbox_list(c->pool, &filter, on_no_page, c);
        break;
    case 22:
        move_about(c);
        break;
    case 23:
        db_sandbox_patch(c->pool, c->id.text, "usr_w", "{\"memory_bytes\":33554432,\"name\":\"n\"}",
                         &defaults, &actor, on_changed, c);
        break;
    case 24:
        db_sandbox_patch(c->pool, c->id.text, NULL, "{\"lifetime_seconds\":7300}", &defaults, &actor,
                         on_above, c);
        break;
    case 25:
        db_sandbox_live(c->pool, on_live, c);
        break;
    case 26:
        db_system_stats(c->pool, 100, on_stats, c);
        break;
    case 27:
        db_quota_usage(c->pool, "usr_w", "key_w", &defaults, on_ok, c);
        break;
    case 28:
        db_user_delete(c->pool, "usr_w", &actor, on_conflict, c);
        break;
    case 29:
        db_sandbox_set_desired(c->pool, c->id.text, "usr_w", DESIRED_GONE, REASON_DELETED, &actor, on_changed,
                               c);
        break;
    default:
        db_sandbox_move(c->pool, &end, 1, on_ended, c);
        break;
    }
}

static void walk_rest(struct client *c)
{
    const struct sample sample = {
        .id = c->id, .number = 5, .ago_ms = 10, .rx_bytes = UINT64_MAX, .cpu_centi = UINT32_MAX};
    const struct violation_report report = {
        .id = c->id, .number = 7, .opened = true, .percent_centi = 9105, .limit = 5};
    const struct db_event_filter events = {.owner = "usr_w", .sandbox_id = c->id.text, .limit = 3};
    const struct db_node_seen seen = {"h1", {1, 2, 3, 4}};
    const struct db_history_terms kept = {7, 30, 400};
    switch (c->step) {
    case 31:
        db_samples_add(c->pool, "h1", 7, &sample, 1, on_ok, c);
        break;
    case 32:
        db_samples_history(c->pool, c->id.text, "2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z", 60, &kept,
                           on_history, c);
        break;
    case 33:
        db_violations_add(c->pool, "h1", &report, 1, on_ok, c);
        break;
    case 34:
        db_event_list(c->pool, &events, on_page, c);
        break;
    case 35:
        db_node_set_health(c->pool, "h1", DB_NODE_UNREACHABLE, "silent", on_ok, c);
        break;
    case 36:
        db_nodes_seen(c->pool, &seen, 1);
        db_node_set_admin(c->pool, "h1", DB_NODE_DRAIN, &actor, on_ok, c);
        break;
    case 37:
        db_node_rows(c->pool, on_nodes, c);
        break;
    case 38:
        db_node_list(c->pool, NULL, 50, on_page, c);
        break;
    case 39:
        db_audit_add(c->pool, &actor, "cleanup", "", "{}", "ok", on_ok, c);
        break;
    case 40:
        db_audit_list(c->pool, &(struct db_audit_filter){.actor = "usr_admin", .limit = 50}, on_page, c);
        break;
    case 41:
        lead(c, c->args[-2]);
        break;
    case 42:
        db_key_revoke(c->pool, "usr_w", "key_w", &actor, on_revoked, c);
        break;
    case 43:
        db_user_delete(c->pool, "usr_w", &actor, on_ok, c);
        break;
    default:
        loop_stop(c->loop);
    }
}

static void next(struct client *c)
{
    c->step++;
    if (c->step < 15)
        walk_tenants(c);
    else if (c->step < 31)
        walk_sandbox(c);
    else
        walk_rest(c);
}

static void on_change(void *arg, bool up)
{
    struct client *c = arg;
    c->ups += up;
    if (up && c->ups == 1)
        c->begin(c);
}

int main(int argc, char **argv)
{
    struct client c = {.loop = loop_new(), .begin = next, .node = "h1", .args = argv + 3};
    if (argc > 3)
        c.begin = strcmp(argv[2], "race") == 0 ? race : strcmp(argv[2], "flow") == 0 ? flow : steady;
    struct db_pool_options options = {.url = argv[1], .connections = 3, .on_change = on_change, .arg = &c};
    c.pool = db_pool_new(c.loop, &options);
    c.admit = db_admit_new(c.loop, c.pool, &defaults);
    db_pool_start(c.pool);
    db_pool_set_epoch(c.pool, getenv("CORRAL_EPOCH") ? strtoull(getenv("CORRAL_EPOCH"), NULL, 10) : 0);
    loop_run(c.loop);
    db_leader_free(c.leader);
    db_admit_free(c.admit);
    db_pool_free(c.pool);
    loop_free(c.loop);
    if (c.begin == race)
        printf("admitted %u quota %u other %u\n", c.admitted, c.quota, c.other);
    if (c.begin == flow)
        printf("admitted %u a second, other %u\n", (unsigned)(c.admitted * 1000.0 / atoi(argv[3])), c.other);
    if (c.begin == steady)
        printf("ok %u unavailable %u other %u up %u\n", c.ok, c.unavailable, c.other, c.ups);
    return c.bad ? 1 : 0;
}
