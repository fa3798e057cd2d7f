#include "agent/sources/controller_source.h"

#include "agent/agent_state.h"
#include "agent/core/start_health.h"
#include "agent/node/base_image.h"
#include "agent/node/capacity.h"
#include "agent/node/cleanup.h"
#include "agent/node/history.h"
#include "agent/node/image_orders.h"
#include "agent/sandbox/environment.h"
#include "agent/sandbox/watch.h"
#include "agent/streams/stream_link.h"

#include "common/io/log.h"
#include "common/base/mem.h"
#include "common/io/pki.h"
#include "common/model/image_ref.h"
#include "proto/node_codec.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Statuses past the bound of one message are sent later, as any status is. reconciler_inventory puts ended
 * sandboxes last. */
static void fill_inventory(struct agent *agent, struct sandbox_status **inventory, size_t *count)
{
    char text[NODE_DETAIL_MAX + 1];
    size_t all = reconciler_count(agent->reconciler),
           room = all < NODE_STATUSES_MAX ? all : NODE_STATUSES_MAX;
    *inventory = mem_zalloc(room * sizeof **inventory);
    *count = reconciler_inventory(agent->reconciler, loop_now_ms(), *inventory, room);
    if (all == room)
        return;
    snprintf(text, sizeof text, "%zu sandboxes are here, of which %zu are told at once", all, room);
    log_error("agent", "%s", text);
    uplink_left_out(agent->uplink, all - room, text);
}

static void fill_hello(void *owner, struct node_facts *facts, struct sandbox_status **inventory,
                       size_t *count)
{
    struct agent *agent = owner;
    memcpy(facts->boot_id, agent->boot_id, sizeof facts->boot_id);
    memcpy(facts->state_id, agent->state_id, sizeof facts->state_id);
    snprintf(facts->agent_version, sizeof facts->agent_version, "%s", CORRAL_VERSION);
    memcpy(facts->docker_version, agent->docker_facts.version, sizeof facts->docker_version);
    memcpy(facts->docker_api_version, agent->docker_facts.api_version, sizeof facts->docker_api_version);
    if (agent->conf->region)
        snprintf(facts->region, sizeof facts->region, "%s", agent->conf->region);
    char *labels = mem_strdup(agent->conf->labels), *rest = labels;
    for (char *label; rest && (label = strsep(&rest, ","));)
        string_list_add(&facts->labels, label);
    free(labels);
    for (size_t i = 0; i < agent->docker_facts.runtimes.count; i++)
        string_list_add(&facts->runtimes, agent->docker_facts.runtimes.item[i]);
    facts->capacity = agent_capacity(agent);
    facts->enforces = agent->enforces;
    facts->pools = facts->images = facts->dense = true;
    memcpy(facts->unhealthy, agent->unhealthy, sizeof facts->unhealthy);
    if (!facts->unhealthy[0] && !agent->docker_facts.seccomp)
        snprintf(facts->unhealthy, sizeof facts->unhealthy, "system calls are not filtered here");
    const char *why = reconciler_unhealthy(agent->reconciler, loop_now_ms());
    if (!facts->unhealthy[0] && why)
        snprintf(facts->unhealthy, sizeof facts->unhealthy, "its last %d starts failed: %s",
                 START_HEALTH_FAILURES, why);
    if (!facts->unhealthy[0] && agent->base.missing[0])
        snprintf(facts->unhealthy, sizeof facts->unhealthy,
                 "it has not got %.80s, the image of sandboxes that name none: %s", agent->base.name,
                 agent->base.missing);
    fill_inventory(agent, inventory, count);
}

static void on_welcome(void *owner, const struct uplink_welcome *welcome)
{
    agent_epoch_seen(owner, welcome->epoch);
    struct agent *agent = owner;
    agent_base_is(agent, welcome->settings);
    stream_link_welcome(agent->stream_link, welcome);
    log_info("agent", "welcome to cluster %s, epoch %llu", welcome->cluster,
             (unsigned long long)welcome->epoch);
}

/* A login that was removed is not used any more. */
static void confirm_login(struct agent *agent, const struct desired_state *told)
{
    struct sandbox_spec spec;
    struct image_ref image;
    struct err e;
    if (!agent->logins.count || !told->spec || sandbox_spec_unpack(told->spec, told->spec_len, &spec, &e))
        return;
    if (spec.image && image_ref_parse(spec.image, &image))
        login_table_confirm(&agent->logins, image.registry);
    sandbox_spec_fini(&spec);
}

/* The controller repeats a desired state until it is acknowledged; that is logged once. */
static void note_trace(struct agent *agent, const struct desired_state *told)
{
    char mark[TRACE_MARK_MAX];
    if (!trace_table_put(agent->traces, &told->id, told->generation, &told->trace) ||
        !trace_known(&told->trace))
        return;
    log_line(trace_sampled(&told->trace) ? LOG_INFO : LOG_DEBUG, "agent",
             "sandbox=%s %sis to be %s, generation %llu", told->id.text, trace_mark(&told->trace, mark),
             desired_name(told->state), (unsigned long long)told->generation);
}

/* If the environment cannot be sealed, the state is not taken: the controller repeats it. */
static void on_desired_state(struct agent *agent, const struct desired_state *told)
{
    struct desired_state desired = *told;
    struct err e;
    uint8_t *sealed;
    size_t len;
    note_trace(agent, told);
    confirm_login(agent, told);
    if (agent_environment_seal(agent, told, &sealed, &len, &e)) {
        log_error("agent", "sandbox=%s its environment cannot be sealed: %s", told->id.text, e.text);
        return;
    }
    if (sealed) {
        desired.spec = sealed;
        desired.spec_len = len;
    }
    reconciler_desired(agent->reconciler, loop_now_ms(), &desired, engine_effects(agent->engine));
    free(sealed);
}

static void on_desired_states(void *owner, const struct desired_state *desired_states, size_t count)
{
    ((struct agent *)owner)->told = true;
    for (size_t i = 0; i < count; i++)
        on_desired_state(owner, &desired_states[i]);
}

/* Before the desired states of the same update, whose starts may pull with it. */
static void on_logins(void *owner, const struct registry_login *logins, size_t count)
{
    struct agent *agent = owner;
    login_table_take(&agent->logins, loop_now_ms(), logins, count);
}

static void on_acked(void *owner, const struct status_ack *acks, size_t count)
{
    struct agent *agent = owner;
    for (size_t i = 0; i < count; i++)
        reconciler_acked(agent->reconciler, &acks[i], engine_effects(agent->engine));
}

static void on_cleanup(void *owner, const struct cleanup_order *order)
{
    agent_cleanup_ordered(owner, order);
}

static void on_images(void *owner, const struct image_orders *piece)
{
    const struct agent *agent = owner;
    image_orders_take(agent->image_orders, piece);
}

static void on_dense(void *owner, const struct dense_order *order)
{
    agent_watch_densely(owner, order);
}

/* A certificate that is being written to disk. */
struct renewal {
    struct agent *agent;
    uint8_t *der;
    size_t len;
};

static int keep_certificate(void *arg, struct err *e)
{
    const struct renewal *r = arg;
    const struct agent_conf *conf = r->agent->conf;
    return pki_replace(conf->cert_file, conf->key_file, conf->ca_file, r->agent->node, r->der, r->len, e);
}

static void on_certificate_kept(void *arg, int code, const struct err *e)
{
    struct renewal *r = arg;
    struct err why;
    if (!code && uplink_reload(r->agent->uplink, &why)) {
        code = why.code;
        e = &why;
    }
    if (!code)
        log_info("agent", "this node's certificate is renewed");
    else if (code != ERR_CANCELLED)
        log_warn("agent", "this node's certificate cannot be renewed: %s", e->text);
    free(r->der);
    free(r);
}

static void on_certificate(void *owner, const uint8_t *der, size_t len)
{
    struct agent *agent = owner;
    struct renewal *r = mem_zalloc(sizeof *r);
    *r = (struct renewal){agent, mem_dup(der, len), len};
    worker_do(agent->worker, NULL, keep_certificate, on_certificate_kept, r);
}

static void on_lost(void *owner, const char *why)
{
    struct agent *agent = owner;
    stream_link_lost(agent->stream_link);
    log_warn("agent", "the controller is away, this node goes on alone: %s", why);
}

const struct uplink_ops agent_uplink_ops = {.fill_hello = fill_hello,
                                            .on_welcome = on_welcome,
                                            .on_desired_states = on_desired_states,
                                            .on_logins = on_logins,
                                            .on_acked = on_acked,
                                            .on_committed = agent_committed,
                                            .on_cleanup = on_cleanup,
                                            .on_images = on_images,
                                            .on_dense = on_dense,
                                            .on_certificate = on_certificate,
                                            .on_lost = on_lost};

void agent_dial(void *arg)
{
    struct agent *agent = arg;
    timer_stop(&agent->dialing);
    uplink_start(agent->uplink);
}
