/* After a restart: the records of the last life, then what Docker holds, then what belongs to neither. */
#include "agent/agent_int.h"
#include "agent/disk/record.h"
#include "agent/host_probe.h"

#include "common/log.h"
#include "common/mem.h"
#include "proto/node_codec.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DOCKER_RETRY_MS 1000
#define REMAPPED_USER   1000 /* the user of every sandbox, in the container's own count */

/* Times of another boot count from the wall clock: that is all that is left of them. */
static void to_this_boot(const struct agent *agent, struct box_record *record)
{
    uint64_t now = loop_now_ms(), wall = wall_now_ms();
    if (!strcmp(record->boot_id, agent->boot_id))
        return;
    uint64_t left = record->deadline_wall_ms > wall ? record->deadline_wall_ms - wall : 0;
    record->deadline_ms = now + left;
    record->started_ms = record->ended_ms = now;
}

static void on_record(void *arg, const struct box_record *found)
{
    struct agent *agent = arg;
    struct box_record record = *found;
    struct sandbox_spec spec = {0};
    struct err e;
    to_this_boot(agent, &record);
    keeper_restore(agent->keeper, &record);
    struct holder *h = agent_holder(agent, &record.id);
    if (!sandbox_spec_unpack(record.spec, record.spec_len, &spec, &e)) {
        h->idle_timeout_seconds = spec.idle_timeout_seconds;
        h->levels = spec.levels;
    }
    sandbox_spec_fini(&spec);
}

static void on_bad_record(void *arg, const char *name, const char *why)
{
    log_error("agent", "the record %s is set aside: %s", name, why);
}

int agent_restore_records(struct agent *agent, struct err *e)
{
    return record_load_all(agent->records_dir, on_record, on_bad_record, agent, e);
}

/* --- Docker's view --- */

struct finding {
    struct agent *agent;
    struct sandbox_id id;
};

static void found(struct agent *agent, const struct sandbox_id *id, bool runs, const struct box_exit *exit)
{
    keeper_found(agent->keeper, loop_now_ms(), id, runs, exit, &agent->effects);
    agent_run_effects(agent);
}

static void on_inspected(void *arg, int code, const struct err *error, const struct docker_state *state)
{
    struct finding finding = *(struct finding *)arg;
    struct agent *agent = finding.agent;
    struct err e = {0};
    free(arg);
    if (code == ERR_CANCELLED)
        return;
    struct holder *h = agent_holder(agent, &finding.id);
    if (!code && state->running && state->pid) {
        if (agent_holder_listen(h, &e) || agent_holder_attach(h, state->pid, &e))
            log_warn("agent", "sandbox=%s is taken up in part only: %s", finding.id.text, e.text);
        found(agent, &finding.id, true, NULL);
        return;
    }
    struct box_exit exit = {.reason = REASON_NODE_LOST};
    if (!code) {
        exit.reason = state->oom_killed ? REASON_OOM_KILLED : REASON_EXITED;
        exit.has_exit_code = true;
        exit.exit_code = state->exit_code;
        snprintf(exit.detail, sizeof exit.detail, "it ended with code %d while its host's agent was down",
                 state->exit_code);
    } else {
        snprintf(exit.detail, sizeof exit.detail, "its container was gone when its host's agent came back");
    }
    found(agent, &finding.id, false, &exit);
}

static void on_stray_removed(void *arg, int code, const struct err *e)
{
    if (code && code != ERR_CANCELLED)
        log_warn("agent", "a stray container is not yet removed: %s", e->text);
}

/* Ours by label and cluster, and nobody knows it: it goes. What is not ours is never touched. */
static void remove_strays(struct agent *agent, const struct docker_listed *items, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct sandbox_id id;
        if (!sandbox_id_parse(items[i].sandbox, &id) || strcmp(items[i].cluster, agent->conf->cluster) ||
            keeper_find(agent->keeper, &id))
            continue;
        log_warn("agent", "sandbox=%s its container is known to nobody and is removed", id.text);
        docker_container_remove(agent->docker, items[i].id, on_stray_removed, agent);
    }
}

static void remove_stray_volumes(struct agent *agent)
{
    struct sandbox_id *ids;
    struct err e;
    size_t count = volume_list(agent->volumes, &ids);
    for (size_t i = 0; i < count; i++) {
        if (!keeper_find(agent->keeper, &ids[i]) && volume_remove(agent->volumes, &ids[i], &e))
            log_warn("agent", "sandbox=%s its disk stays: %s", ids[i].text, e.text);
    }
    free(ids);
}

static void inspect_restored(struct agent *agent)
{
    struct holder *h, *next;
    HASH_ITER(hh, agent->holders, h, next)
    {
        struct finding *finding = mem_zalloc(sizeof *finding);
        *finding = (struct finding){agent, h->id};
        docker_container_inspect(agent->docker, h->id.text, on_inspected, finding);
    }
}

static void retry(void *arg)
{
    agent_meet_docker(arg);
}

static void not_ready(struct agent *agent, const struct err *e)
{
    if (strcmp(agent->sick, e->text))
        log_error("agent", "Docker cannot be used: %s", e->text);
    snprintf(agent->sick, sizeof agent->sick, "%.*s", (int)sizeof agent->sick - 1, e->text);
    timer_start(&agent->docker_retry, agent->loop, DOCKER_RETRY_MS, retry, agent);
}

static void on_listed(void *arg, int code, const struct err *e, const struct docker_listed *items,
                      size_t count)
{
    struct agent *agent = arg;
    if (code == ERR_CANCELLED)
        return;
    if (code) {
        not_ready(agent, e);
        return;
    }
    remove_strays(agent, items, count);
    remove_stray_volumes(agent);
    inspect_restored(agent);
    agent->docker_ready = true;
    agent->sick[0] = 0;
    uplink_renew(agent->uplink);
}

/* A death that its init did not tell: the container's own exit code says what is known. */
static void on_event(void *arg, const struct docker_event *event)
{
    struct agent *agent = arg;
    struct holder *h = agent_holder_find(agent, &event->sandbox);
    struct box_exit exit = {.reason = REASON_EXITED, .has_exit_code = true, .exit_code = event->exit_code};
    if (!h || h->maker)
        return;
    if (event->kind == DOCKER_OOM) {
        keeper_end(agent->keeper, loop_now_ms(), &event->sandbox, REASON_OOM_KILLED,
                   "the kernel killed one of its processes at its memory limit", &agent->effects);
    } else {
        if (h->cgroup && cgroup_box_oom_kills(h->cgroup))
            exit.reason = REASON_OOM_KILLED;
        snprintf(exit.detail, sizeof exit.detail, "its container ended with code %d", event->exit_code);
        keeper_dead(agent->keeper, loop_now_ms(), &event->sandbox, &exit, &agent->effects);
    }
    agent_run_effects(agent);
}

struct check {
    struct agent *agent;
    struct sandbox_id id;
};

static void on_checked(void *arg, int code, const struct err *e, const struct docker_state *state)
{
    struct check check = *(struct check *)arg;
    free(arg);
    bool dead = code == ERR_NOT_FOUND || (!code && !state->running);
    struct holder *h = agent_holder_find(check.agent, &check.id);
    if (!dead || !h || h->maker)
        return;
    struct box_exit exit = {
        .reason = REASON_EXITED, .has_exit_code = !code, .exit_code = code ? 0 : state->exit_code};
    snprintf(exit.detail, sizeof exit.detail, "its container ended while Docker was away");
    keeper_dead(check.agent->keeper, loop_now_ms(), &check.id, &exit, &check.agent->effects);
    agent_run_effects(check.agent);
}

/* What lives goes on under this agent; new sandboxes are for other hosts. */
static void on_away(void *arg)
{
    struct agent *agent = arg;
    log_error("agent", "Docker does not answer any more");
    agent->docker_ready = false;
    snprintf(agent->sick, sizeof agent->sick, "Docker does not answer");
    uplink_renew(agent->uplink);
}

/* Docker's events were cut off and are back: each sandbox is looked at once. */
static void on_gap(void *arg)
{
    struct agent *agent = arg;
    struct holder *h, *next;
    if (agent->sick[0] && agent->volumes) {
        log_info("agent", "Docker is back");
        agent->docker_ready = true;
        agent->sick[0] = 0;
        uplink_renew(agent->uplink);
    }
    HASH_ITER(hh, agent->holders, h, next)
    {
        struct check *check = mem_zalloc(sizeof *check);
        *check = (struct check){agent, h->id};
        docker_container_inspect(agent->docker, h->id.text, on_checked, check);
    }
}

static void probe_host(struct agent *agent)
{
    struct host_check checks[HOST_CHECKS_MAX];
    size_t count = host_probe(agent->conf, &agent->docker_facts, checks);
    agent->enforces = host_enforces(checks, count);
    for (size_t i = 0; i < count; i++) {
        if (!checks[i].ok && checks[i].needed_for)
            log_warn("agent", "check=%s %s; to mend it: %s", checks[i].name, checks[i].detail,
                     checks[i].mend);
    }
}

static void on_facts(void *arg, int code, const struct err *error, const struct docker_facts *facts)
{
    struct agent *agent = arg;
    char dir[300];
    struct err e;
    if (code == ERR_CANCELLED)
        return;
    if (code) {
        not_ready(agent, error);
        return;
    }
    docker_facts_fini(&agent->docker_facts);
    agent->docker_facts = *facts;
    agent->docker_facts.runtimes = (struct string_list){0};
    for (size_t i = 0; i < facts->runtimes.count; i++)
        string_list_add(&agent->docker_facts.runtimes, facts->runtimes.item[i]);
    probe_host(agent);
    snprintf(dir, sizeof dir, "%s/volumes", agent->conf->state_dir);
    if (!agent->volumes &&
        volumes_new(&agent->volumes, agent->loop, dir, facts->userns_uid + REMAPPED_USER, &e)) {
        not_ready(agent, &e);
        return;
    }
    if (!agent->listening)
        docker_events(agent->docker, on_event, on_away, on_gap, agent);
    agent->listening = true;
    docker_container_list(agent->docker, on_listed, agent);
}

void agent_meet_docker(struct agent *agent)
{
    docker_hello(agent->docker, on_facts, agent);
}
