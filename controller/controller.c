#include "controller/controller.h"

#include "controller/api/key_set.h"
#include "controller/controller_state.h"
#include "controller/db/db_event.h"
#include "controller/db/db_port.h"
#include "controller/db/db_user.h"
#include "controller/jobs/advice_measure.h"
#include "controller/jobs/alert_measure.h"
#include "controller/jobs/job_table.h"
#include "controller/leader/leader_trace.h"
#include "controller/ops/event_stream.h"
#include "controller/ops/ops.h"
#include "controller/part_conf.h"

#include "common/io/log.h"
#include "common/base/mem.h"
#include "common/io/pki.h"
#include "common/io/tls_server.h"
#include "proto/node_codec.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SCHEMA_RETRY_MS   2000u
#define LISTEN_RETRY_MS   5000u
#define KEY_CONNECTIONS   1
#define EVENT_PAGES       1          /* of streams that are behind, at once: a page is a small read */
#define PORT_LOOKUP       UINT64_MAX /* the number of a look-up of a caller of a port */
#define DRAIN_MS          6000       /* past what a client may take for its close */
#define DRAIN_STEP_MS     20
#define DRAIN_ACTIVITY_MS 1000 /* for the last acts inside sandboxes, and the last sample of the system */

/* --- keys --- */

static void on_key(void *arg, int code, const struct err *e, const struct db_key *key)
{
    api_key_found(arg, code, e, key ? &key->caller : NULL, key ? key->sha256 : NULL, key && key->expires,
                  key ? key->remaining_ms : 0);
}

static void find_key(void *owner, const char *prefix, struct key_query *query)
{
    struct controller *c = owner;
    db_key_find(c->key_pool, prefix, on_key, query);
}

static void on_keys_read(void *arg, int code, const struct err *e, const struct key_status *status,
                         size_t count)
{
    struct controller *c = arg;
    if (code && code != ERR_CANCELLED)
        log_warn("controller", "the keys of open streams cannot be read, trying again: %s", e->text);
    key_watch_told(c->keys, code, status, count);
}

static void read_keys(void *owner, const char *const *ids, size_t count)
{
    struct controller *c = owner;
    db_keys_now(c->key_pool, ids, count, on_keys_read, c);
}

static bool key_is_current(void *owner, const struct caller *caller)
{
    const struct controller *c = owner;
    /* A port is used as it was read only while no key has changed (port_table.h). */
    return caller->lookup == PORT_LOOKUP || api_key_is_current(c->api, caller);
}

static const struct key_watch_ops key_watch_ops = {.read = read_keys, .is_current = key_is_current};

/*
 * Whether requests can be served: without the lead, changes would not reach the nodes, and reads may be out
 * of date.
 */
static int serving(void *owner, struct err *e)
{
    const struct controller *c = owner;
    if (leader_ready(c->leader))
        return 0;
    if (!db_pool_up(c->pool))
        return err_set(e, ERR_DATABASE_UNAVAILABLE, "the database does not answer; try again");
    return err_set(e, ERR_NOT_LEADING, "this controller does not lead; ask the one that does, or try again");
}

/* Work inside sandboxes needs no lead, as long as it is known where they are. */
static bool serving_away(void *owner)
{
    const struct controller *c = owner;
    return leader_known(c->leader) != NULL;
}

/* The dashboard is served also while this controller does not lead: it shows what the API answers. */
static bool find_file(void *owner, const struct http_exchange *x, struct api_file *out)
{
    struct controller *c = owner;
    static struct web_answer answer; /* used before the next is asked for */
    struct web_request request = {.method = http_method(x),
                                  .path = http_path(x),
                                  .accept_encoding = http_header(x, "accept-encoding"),
                                  .if_none_match = http_header(x, "if-none-match")};
    if (!web_site_answer(c->site, &request, &answer))
        return false;
    *out = (struct api_file){answer.status, answer.type, answer.headers, answer.body, answer.len};
    return true;
}

static void count_refusal(void *owner, const struct caller *caller, int code)
{
    const struct controller *c = owner;
    leader_count_refusal(c->leader, caller->tier, code);
}

static const struct api_ops api_ops = {.refused = count_refusal,
                                       .routes = &ops_routes,
                                       .serving = serving,
                                       .find_key = find_key,
                                       .serving_away = serving_away,
                                       .find_file = find_file};

/* --- events --- */

static void on_events(void *arg, int code, const struct err *e, const struct event_page *page)
{
    struct controller *c = arg;
    event_feed_told(c->events, code, page);
}

/* A small read, which is not to wait behind large ones. */
static void read_events(void *owner, uint64_t after, unsigned most)
{
    static const struct event_filter all = {.user = NULL};
    struct controller *c = owner;
    db_event_page(c->pool, &all, after, most, on_events, c);
}

static const struct event_feed_ops event_feed_ops = {.read = read_events};

/* --- ports --- */

static void on_port(void *arg, int code, const struct err *e, const struct db_port *port)
{
    struct port_known known = {.port = 0};
    if (!code) {
        const struct caller *caller = &port->caller;
        uint64_t key_ms = port->key_remaining_ms;
        known = (struct port_known){.sandbox = port->sandbox,
                                    .port = port->port,
                                    .caller = *caller,
                                    .remaining_ms = port->remaining_ms};
        snprintf(known.id, sizeof known.id, "%s", port->id);
        known.caller.lookup = PORT_LOOKUP;
        known.caller.read_ms = loop_now_ms();
        known.caller.expires = port->key_expires;
        known.caller.expires_ms = loop_now_ms() + key_ms;
        if (port->key_expires && key_ms < known.remaining_ms)
            known.remaining_ms = key_ms;
    }
    port_table_found(arg, code, e, code ? NULL : &known);
}

static void find_port(void *owner, const uint8_t hash[PORT_HASH_LEN], void *lookup)
{
    struct controller *c = owner;
    db_port_find(c->key_pool, hash, on_port, lookup);
}

static int place_port(void *owner, const struct port_known *port, char node[static NODE_NAME_MAX + 1],
                      struct err *e)
{
    const struct controller *c = owner;
    const struct cluster_state *cluster = leader_known(c->leader);
    struct cluster_state_view view;
    if (!cluster)
        return serving(owner, e);
    if (!cluster_state_find(cluster, &port->sandbox, &view))
        return err_set(e, ERR_NOT_FOUND, "the sandbox has ended");
    if (view.state != SANDBOX_RUNNING)
        return err_set(e, ERR_WRONG_STATE, "the sandbox is %s, and works only while it is running",
                       sandbox_state_name(view.state));
    snprintf(node, NODE_NAME_MAX + 1, "%s", view.node);
    return 0;
}

static const struct port_server_ops port_ops = {.lookup = find_port, .place = place_port};

/* --- leadership --- */

static void on_gained(void *arg, uint64_t epoch)
{
    struct controller *c = arg;
    leader_lead(c->leader, epoch);
}

static void on_lost(void *arg)
{
    struct controller *c = arg;
    log_warn("controller", "the lead is lost; another controller may take it");
    leader_suspend(c->leader);
}

static void on_superseded(void *arg)
{
    struct controller *c = arg;
    log_warn("controller", "another controller has led since: the streams of this one end");
    leader_unlead(c->leader);
}

static void on_told(void *arg, enum db_told what, const char *text)
{
    struct controller *c = arg;
    switch (what) {
    case DB_TOLD_KEY:
        ops_key_changed(c, text);
        break;
    case DB_TOLD_DESIRED:
        leader_told_desired(c->leader, text);
        break;
    case DB_TOLD_NODE:
        leader_told_node(c->leader);
        break;
    case DB_TOLD_EVENT:
        event_feed_committed(c->events);
        webhooks_committed(c->webhooks);
        break;
    }
}

static void on_clock(void *arg, uint64_t asked_ms, int64_t unix_ms)
{
    struct controller *c = arg;
    leader_clock(c->leader, asked_ms, unix_ms);
}

static void on_deposed(void *arg)
{
    struct controller *c = arg;
    if (c->db_leader)
        db_leader_doubt(c->db_leader);
}

static void on_prefixes(void *arg, int code, const struct err *e, const char *prefixes)
{
    struct controller *c = arg;
    if (!code) {
        api_know_keys(c->api, prefixes);
        if (c->metrics_api)
            api_know_keys(c->metrics_api, prefixes);
    } else if (code != ERR_CANCELLED)
        log_warn("controller",
                 "the list of API keys cannot be read, so only few keys are looked up at a time: %s",
                 e->text);
}

static void on_listening(void *arg)
{
    struct controller *c = arg;
    ops_keys_doubted(c);
    db_key_prefixes(c->key_pool, KEY_SET_MAX + 1, on_prefixes, c);
}

/* --- database --- */

static void check_schema(void *arg);

static void on_schema(void *arg, int code, const struct err *e, const char *json)
{
    static const struct db_leader_events events = {.on_gained = on_gained,
                                                   .on_lost = on_lost,
                                                   .on_superseded = on_superseded,
                                                   .on_told = on_told,
                                                   .on_clock = on_clock,
                                                   .on_listening = on_listening};
    struct controller *c = arg;
    char id[300], host[128] = "";
    if (code == ERR_CANCELLED || c->db_leader)
        return;
    if (code == ERR_CONFIG) { /* waiting does not help: somebody has to migrate, or start another program */
        c->failure = *e;
        loop_stop(c->loop);
        return;
    }
    if (code) {
        log_error("controller", "%s", e->text);
        timer_start(&c->schema_retry, c->loop, SCHEMA_RETRY_MS, check_schema, c);
        return;
    }
    c->schema_good = true;
    gethostname(host, sizeof host - 1);
    snprintf(id, sizeof id, "%s:%ld", host, (long)getpid());
    struct db_leader_events bound = events;
    bound.arg = c;
    c->db_leader = db_leader_new(c->loop, c->conf->database_url, id, &bound);
    db_pool_watch_writes(c->pool);
    db_upkeep_start(c->upkeep);
}

/* This program leads only with the schema that it was built for. */
static void check_schema(void *arg)
{
    struct controller *c = arg;
    db_schema_check(c->pool, on_schema, c);
}

static void on_database(void *arg, bool up)
{
    struct controller *c = arg;
    log_info("controller", "the database %s", up ? "is there" : "is gone");
    if (up && !c->db_leader)
        check_schema(c);
    else if (up)
        leader_refresh(c->leader);
}

/* Calls that wait for a sandbox are answered at once: their result cannot be written. */
static void on_database_trouble(void *arg, enum db_trouble trouble)
{
    struct controller *c = arg;
    if (trouble)
        waiters_give_up(leader_waiters(c->leader));
    else
        leader_refresh(c->leader);
}

static void set_defaults(struct controller *c)
{
    const struct ctl_conf *conf = c->conf;
    c->defaults = (struct db_defaults){.max_sandboxes = conf->max_per_user,
                                       .max_key_sandboxes = conf->max_per_key,
                                       .max_total_sandboxes = conf->max_total,
#define LIMIT(KIND, name, ...) .name = conf->name,
#include "common/model/limit.def"
                                       .lifetime_seconds = conf->lifetime_hours * 3600};
    c->terms = (struct db_upkeep_terms){.sample_days = conf->keep_sample_days,
                                        .minute_days = conf->keep_minute_days,
                                        .hour_days = conf->keep_hour_days,
                                        .activity_days = conf->keep_activity_days,
                                        .system_sample_days = conf->keep_system_sample_days,
                                        .system_days = conf->keep_system_days,
                                        .event_days = conf->keep_event_days,
                                        .delivery_days = conf->keep_delivery_days,
                                        .sandbox_days = conf->keep_sandbox_days,
                                        .key_days = conf->keep_key_days,
                                        .user_days = conf->keep_user_days,
                                        .node_days = conf->keep_node_days,
                                        .audit_days = conf->keep_audit_days};
}

/* --- life --- */

static void set_warm_policy(struct controller *c)
{
    struct warm_policy policy = ops_warm_policy(c->conf);
    leader_set_warm_policy(c->leader, &policy);
}

/* When a certificate ends that was just loaded, for its alert; 0: there is none, or it cannot be read. */
static int64_t ends_s_of(const char *cert_file)
{
    struct err e;
    int64_t ends_s = 0;
    return cert_file && cert_file[0] && !pki_ends_s(cert_file, &ends_s, &e) ? ends_s : 0;
}

static int make_leader(struct controller *c, struct err *e)
{
    struct string_list settings = {0};
    char ca[600], cert[600], key[600];
    snprintf(ca, sizeof ca, "%s/ca.crt", c->conf->pki_dir);
    snprintf(cert, sizeof cert, "%s/controller.crt", c->conf->pki_dir);
    snprintf(key, sizeof key, "%s/controller.key", c->conf->pki_dir);
    struct node_link_conf link = {.url = c->conf->node_url,
                                  .ca_file = ca,
                                  .cert_file = cert,
                                  .key_file = key,
                                  .cluster = c->conf->cluster,
                                  .secrets = &c->secrets,
                                  .settings = &settings};
    struct leader_conf conf = {.loop = c->loop,
                               .pool = c->pool,
                               .admit = c->admit,
                               .keys = c->keys,
                               .defaults = &c->defaults,
                               .link = &link,
                               .keep_sample_days = &c->conf->keep_sample_days,
                               .ca_key = c->conf->ca_key};
    part_conf_settings(c->conf, &settings);
    int rc = leader_new(&c->leader, &conf, e);
    string_list_fini(&settings);
    c->node_certificate_ends_s = ends_s_of(cert);
    if (!rc)
        set_warm_policy(c);
    return rc;
}

/* Without a dashboard the rest is served; one that breaks a bound was not installed by this build. */
static int load_site(struct controller *c, struct err *e)
{
    int rc = web_site_load(&c->site, c->conf->web_dir, e);
    if (rc == ERR_NOT_FOUND) {
        log_warn("controller", "there is no dashboard: %s", e->text);
        return 0;
    }
    if (!rc)
        log_info("controller", "the dashboard is version %s", web_site_version(c->site));
    return rc;
}

static struct trace trace_of_sandbox(const void *owner, const char *sandbox_id)
{
    const struct controller *c = owner;
    return leader_trace_last(c->leader, sandbox_id);
}

static int make_webhooks(struct controller *c, struct err *e)
{
    struct webhooks_conf webhooks = {.loop = c->loop,
                                     .pool = c->pool,
                                     .secrets = &c->secrets,
                                     .allow_private = &c->conf->webhook_allow_private,
                                     .ca_file = &c->conf->webhook_ca_file,
                                     .trace_of = trace_of_sandbox,
                                     .owner = c};
    return webhooks_new(&c->webhooks, &webhooks, e);
}

static void make_alerts(struct controller *c)
{
    struct alerts_conf alerts = {
        .loop = c->loop, .pool = c->pool, .reads = c->reads, .measure = alert_measure, .owner = c};
    c->alerts = alerts_new(&alerts);
}

static void make_advisor(struct controller *c)
{
    struct advisor_conf advisor = {.loop = c->loop,
                                   .pool = c->pool,
                                   .reads = c->reads,
                                   .defaults = &c->defaults,
                                   .measure = advice_measure,
                                   .owner = c};
    c->advisor = advisor_new(&advisor);
}

static int make_api(struct controller *c, struct err *e)
{
    struct api_conf api = part_conf_api(c->conf);
    int rc = part_conf_tls(&api.tls, c->conf->listen_address, c->conf, e);
    c->api_certificate_ends_s = ends_s_of(c->conf->tls_cert);
    return rc ? rc : api_new(&c->api, c->loop, &api, &api_ops, c, e);
}

static int make_metrics(struct controller *c, struct err *e)
{
    static const struct api_ops ops = {
        .routes = &ops_metrics_routes, .serving = serving, .find_key = find_key};
    struct api_conf metrics = part_conf_metrics(c->conf);
    int rc = part_conf_tls(&metrics.tls, c->conf->metrics_listen_address, c->conf, e);
    return rc ? rc : api_new(&c->metrics_api, c->loop, &metrics, &ops, c, e);
}

static void listen_for_metrics(void *arg)
{
    struct controller *c = arg;
    struct err e;
    if (!c->conf->metrics_listen_port || !make_metrics(c, &e))
        return;
    if (!c->metrics_failed)
        log_error("controller", "the listener of metrics does not stand, trying again: %s", e.text);
    c->metrics_failed = true;
    timer_start(&c->metrics_retry, c->loop, LISTEN_RETRY_MS, listen_for_metrics, c);
}

static int make_ports(struct controller *c, struct err *e)
{
    struct port_server_conf ports = part_conf_ports(c->conf, leader_streams(c->leader));
    int rc = part_conf_tls(&ports.tls, c->conf->listen_address, c->conf, e);
    return rc ? rc : port_server_new(&c->ports, c->loop, &ports, &port_ops, c, e);
}

/* Where somebody else listens there, all but ports works; it is tried again. */
static void listen_for_ports(void *arg)
{
    struct controller *c = arg;
    struct err e;
    if (!c->conf->ports_listen_port || !make_ports(c, &e))
        return;
    if (!c->ports_failed)
        log_error("controller", "URLs of ports are not served, trying again: %s", e.text);
    c->ports_failed = true;
    timer_start(&c->ports_retry, c->loop, LISTEN_RETRY_MS, listen_for_ports, c);
}

int controller_new(struct controller **out, struct loop *loop, const struct ctl_conf *conf, struct err *e)
{
    struct controller *c = mem_zalloc(sizeof *c);
    c->loop = loop;
    c->conf = conf;
    c->started_ms = loop_now_ms();
    c->websockets = websockets_new(loop, &websocket_default_limits);
    set_defaults(c);
    struct db_pool_options options = {.url = conf->database_url,
                                      .connections = (unsigned)conf->database_connections,
                                      .on_change = on_database,
                                      .on_trouble = on_database_trouble,
                                      .on_deposed = on_deposed,
                                      .arg = c};
    struct db_pool_options key_options = {.url = conf->database_url,
                                          .connections = KEY_CONNECTIONS,
                                          .queue_max = 2 * KEY_QUERIES_MAX + PORT_LOOKUPS_MAX + 2};
    c->pool = db_pool_new(loop, &options);
    struct db_pool_options reads = {
        .url = conf->database_url, .connections = (unsigned)conf->database_read_connections, .depth = 1};
    c->reads = db_pool_new(loop, &reads);
    c->read_gate = read_gate_new(reads.connections);
    c->events = event_feed_new(loop, &event_feed_ops, c);
    c->event_gate = read_gate_new(EVENT_PAGES);
    c->key_pool = db_pool_new(loop, &key_options);
    c->keys = key_watch_new(loop, &key_watch_ops, c);
    c->admit = db_admit_new(loop, c->pool, &c->defaults);
    c->activity = db_activity_new(loop, c->pool);
    struct db_upkeep_conf upkeep = {.loop = loop, .url = conf->database_url, .terms = &c->terms};
    int rc = ctl_conf_table.check(conf, e); /* `serve` starts with nothing that `config check` refuses */
    if (!rc)
        rc = part_conf_secrets(&c->secrets, conf, e);
    if (!rc)
        rc = make_leader(c, e);
    if (!rc)
        rc = make_webhooks(c, e);
    make_alerts(c);
    make_advisor(c);
    if (!rc)
        rc = db_upkeep_new(&c->upkeep, &upkeep, e);
    if (!rc)
        rc = load_site(c, e);
    if (!rc)
        rc = make_api(c, e);
    if (rc) {
        controller_free(c);
        return rc;
    }
    db_pool_start(c->pool);
    db_pool_start(c->reads);
    db_pool_start(c->key_pool);
    listen_for_ports(c);
    listen_for_metrics(c);
    c->jobs = jobs_new(loop, controller_jobs, controller_jobs_count, c);
    *out = c;
    return 0;
}

int controller_prepare_reload(struct controller *c, const struct ctl_conf *fresh, struct err *e)
{
    tls_server_free(c->fresh_tls);
    tls_server_free(c->fresh_ports_tls);
    tls_server_free(c->fresh_metrics_tls);
    c->fresh_ports_tls = c->fresh_metrics_tls = NULL;
    secrets_free(c->fresh_secrets);
    c->fresh_secrets = NULL;
    int rc = part_conf_tls(&c->fresh_tls, c->conf->listen_address, fresh, e);
    c->fresh_api_certificate_ends_s = ends_s_of(fresh->tls_cert);
    if (!rc)
        rc = part_conf_tls(&c->fresh_ports_tls, c->conf->listen_address, fresh, e);
    if (!rc && c->conf->metrics_listen_port)
        rc = part_conf_tls(&c->fresh_metrics_tls, c->conf->metrics_listen_address, fresh, e);
    return rc ? rc : part_conf_secrets(&c->fresh_secrets, fresh, e);
}

int controller_failure(const struct controller *c, struct err *e)
{
    *e = c->failure;
    return c->failure.code;
}

void controller_reload(struct controller *c)
{
    struct api_conf api = part_conf_api(c->conf);
    struct string_list settings = {0};
    api.tls = c->fresh_tls;
    c->fresh_tls = NULL;
    c->api_certificate_ends_s = c->fresh_api_certificate_ends_s;
    secrets_free(c->secrets);
    c->secrets = c->fresh_secrets;
    c->fresh_secrets = NULL;
    set_defaults(c);
    api_reload(c->api, &api);
    if (c->ports) {
        struct port_server_conf ports = part_conf_ports(c->conf, leader_streams(c->leader));
        ports.tls = c->fresh_ports_tls;
        c->fresh_ports_tls = NULL;
        port_server_reload(c->ports, &ports);
    }
    if (c->metrics_api) {
        struct api_conf metrics = part_conf_metrics(c->conf);
        metrics.tls = c->fresh_metrics_tls;
        c->fresh_metrics_tls = NULL;
        api_reload(c->metrics_api, &metrics);
    }
    db_admit_set_defaults(c->admit, &c->defaults);
    jobs_reload(c->jobs);
    part_conf_settings(c->conf, &settings);
    leader_set_settings(c->leader, &settings);
    set_warm_policy(c);
    string_list_fini(&settings);
    log_info("controller", "configuration reloaded");
}

static void on_drained(void *arg)
{
    struct controller *c = arg;
    uint64_t since_ms = loop_now_ms() - c->draining_ms;
    bool acts = db_activity_flush(c->activity), sample = leader_flush_system(c->leader);
    bool writes = (acts || sample) && since_ms < DRAIN_ACTIVITY_MS;
    if ((!websockets_count(c->websockets) && !writes) || since_ms >= DRAIN_MS)
        loop_stop(c->loop);
    else
        timer_start(&c->drain, c->loop, DRAIN_STEP_MS, on_drained, c);
}

void controller_drain(struct controller *c)
{
    websockets_close(c->websockets, WEBSOCKET_RESTART);
    event_streams_end(c);
    c->draining_ms = loop_now_ms();
    timer_start(&c->drain, c->loop, DRAIN_STEP_MS, on_drained, c); /* what was written now leaves meanwhile */
    loop_run(c->loop);
}

/*
 * Frees callers before the parts that they call: first what holds requests, then what these wait for, the
 * listener last.
 */
void controller_free(struct controller *c)
{
    if (!c)
        return;
    timer_stop(&c->schema_retry);
    timer_stop(&c->ports_retry);
    timer_stop(&c->metrics_retry);
    timer_stop(&c->drain);
    jobs_free(c->jobs);
    if (c->db_leader)
        db_leader_free(c->db_leader);
    leader_stop(c->leader);
    event_streams_end(c);
    webhooks_stop(c->webhooks);
    alerts_stop(c->alerts);
    advisor_stop(c->advisor);
    ops_end_reads(c);
    ops_image_prunes_end(c);
    db_upkeep_free(c->upkeep);
    db_admit_free(c->admit);
    db_activity_free(c->activity);
    db_pool_free(c->reads);
    db_pool_free(c->pool);
    db_pool_free(c->key_pool);
    webhooks_free(c->webhooks);
    alerts_free(c->alerts);
    advisor_free(c->advisor);
    advice_measure_free(c);
    leader_free(c->leader);
    websockets_free(c->websockets);
    port_server_free(c->ports);
    api_free(c->metrics_api);
    api_free(c->api);
    web_site_free(c->site);
    key_watch_free(c->keys);
    read_gate_free(c->read_gate);
    read_gate_free(c->event_gate);
    event_feed_free(c->events);
    tls_server_free(c->fresh_tls);
    tls_server_free(c->fresh_ports_tls);
    tls_server_free(c->fresh_metrics_tls);
    secrets_free(c->fresh_secrets);
    secrets_free(c->secrets);
    free(c);
}
