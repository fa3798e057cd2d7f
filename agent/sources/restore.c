#include "agent/sources/restore.h"

#include "agent/agent_state.h"
#include "agent/sandbox/adopt.h"
#include "agent/sandbox/attach.h"
#include "agent/sandbox/check.h"
#include "agent/sandbox/environment.h"
#include "agent/sandbox/member.h"
#include "agent/sandbox/processes.h"
#include "agent/sandbox/remove.h"
#include "agent/sources/controller_source.h"
#include "agent/sources/docker_source.h"
#include "agent/disk/record.h"
#include "agent/node/cleanup.h"
#include "agent/node/history.h"
#include "agent/node/host_probe.h"
#include "agent/node/host_room.h"

#include "common/io/daemon.h"
#include "common/io/log.h"
#include "common/base/mem.h"
#include "common/base/rfc3339.h"
#include "proto/node_codec.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define DOCKER_RETRY_MS 1000
#define BAD_LOGGED      20   /* logged in a line each */
#define REMAPPED_USER   1000 /* the user of every sandbox, by the container's ids */

/* Times of another boot are converted by the wall clock, the only one that is left. */
static void to_this_boot(struct sandbox_record *record)
{
    uint64_t now = loop_now_ms(), wall = wall_now_ms();
    uint64_t left = record->deadline_wall_ms > wall ? record->deadline_wall_ms - wall : 0;
    record->deadline_ms = now + left;
    record->started_ms = now;
    record->ended_ms = record->ended_ms ? now : 0;
    record->last_ms = record->last_ms ? now : 0;
}

/* A sandbox that ran before the boot does not run any more, whatever Docker says of its container. */
static void end_by_boot(struct agent *agent, const struct sandbox_id *id)
{
    char booted_at[RFC3339_LEN + 1];
    uint64_t now = loop_now_ms();
    rfc3339_format(wall_now_ms() - now, booted_at);
    struct sandbox_exit exit = ending_booted(booted_at);
    reconciler_found(agent->reconciler, now, id, false, &exit, engine_effects(agent->engine));
}

struct restoring {
    struct agent *agent;
    size_t bad;
};

/* A bad record is reported to the controller, and the rest of this node continues. */
static void tell_bad_record(struct restoring *r, const char *name, const char *why)
{
    char text[NODE_DETAIL_MAX + 1];
    snprintf(text, sizeof text, "the record %s: %s", name, why);
    if (++r->bad <= BAD_LOGGED)
        log_error("agent", "%s", text);
    uplink_left_out(r->agent->uplink, 1, text);
}

static bool mend(struct restoring *r, struct sandbox_record *record)
{
    const char *what = sandbox_record_mend(record, loop_now_ms());
    if (what)
        tell_bad_record(r, record->id.text, what);
    return what != NULL;
}

static void on_record(void *arg, const struct sandbox_record *found)
{
    struct restoring *restoring = arg;
    struct agent *agent = restoring->agent;
    struct sandbox_record record = *found;
    struct sandbox_spec spec = {0};
    struct err e;
    bool booted = strcmp(record.boot_id, agent->boot_id) != 0;
    if (booted)
        to_this_boot(&record);
    size_t len = 0;
    CLEANUP(mem_free_ptr) uint8_t *fresh = agent_environment_mend(agent, &record, &len);
    if (fresh) {
        record.spec = fresh;
        record.spec_len = len;
    }
    bool mended = mend(restoring, &record) || fresh;
    reconciler_restore(agent->reconciler, &record);
    if (mended)
        reconciler_mended(agent->reconciler, &record.id, engine_effects(agent->engine));
    struct runtime *runtime = agent_runtime(agent, &record.id);
    runtime->of_pool = record.pooled;
    if (!sandbox_spec_unpack(record.spec, record.spec_len, &spec, &e))
        agent_runtime_take_spec(runtime, &spec);
    sandbox_spec_fini(&spec);
    if (booted && record.phase > PHASE_STARTING)
        end_by_boot(agent, &record.id);
}

static void on_bad_record(void *arg, const char *name, const char *why)
{
    char text[160];
    snprintf(text, sizeof text, "set aside: %s", why);
    tell_bad_record(arg, name, text);
}

int agent_restore_records(struct agent *agent, struct err *e)
{
    struct restoring restoring = {.agent = agent};
    int rc = record_load_all(agent->records_dir, on_record, on_bad_record, &restoring, e);
    if (restoring.bad > BAD_LOGGED)
        log_error("agent", "%zu records in all are set aside, or mended", restoring.bad);
    return rc;
}

/* --- episodes --- */

static void restore_episodes(void *arg, const struct sandbox_id *id)
{
    struct agent *agent = arg;
    struct runtime *runtime = agent_runtime(agent, id);
    for (unsigned kind = 0; kind < VIOLATION_KIND_COUNT; kind++)
        guard_restore(&runtime->guard, (enum violation_kind)kind,
                      outbox_episode(agent->outbox, id, (enum violation_kind)kind));
}

/* Closes episodes of sandboxes that ended meanwhile, or that have no record. */
void agent_outbox_restore(struct agent *agent)
{
    struct runtime *runtime, *next;
    outbox_episodes(agent->outbox, restore_episodes, agent);
    HASH_ITER(hh, agent->runtimes, runtime, next)
    {
        const struct sandbox_record *record = reconciler_find(agent->reconciler, &runtime->id);
        if (record && record->phase != PHASE_ENDED)
            continue;
        struct guard_step step = guard_close(&runtime->guard, &runtime->id);
        agent_keep_violations(agent, &step);
        if (!record)
            agent_runtime_drop(runtime);
    }
    agent_outbox_flush(agent);
}

/* --- Docker's view --- */

struct finding {
    struct agent *agent;
    struct sandbox_id id;
};

static void found(struct agent *agent, const struct sandbox_id *id, bool runs,
                  const struct sandbox_exit *exit)
{
    reconciler_found(agent->reconciler, loop_now_ms(), id, runs, exit, engine_effects(agent->engine));
}

/* When it ended, on this boot's clock; 0: not known. Uses the wall clocks of Docker and of this node, which
 * may differ. */
static uint64_t ended_ms(const struct sandbox_record *record, const struct docker_state *state)
{
    uint64_t now = loop_now_ms(), wall = wall_now_ms();
    if (!state->finished_wall_ms || state->finished_wall_ms > wall || wall - state->finished_wall_ms > now)
        return 0;
    uint64_t ended = now - (wall - state->finished_wall_ms);
    return ended > record->started_ms ? ended : record->started_ms;
}

static struct sandbox_exit ending_while_down(const struct sandbox_record *record,
                                             const struct docker_state *state)
{
    struct sandbox_exit exit = state->oom_killed ? ending_oom(NULL, record->limits.memory_bytes)
                                                 : ending_container(ENDING_AGENT_DOWN, state->exit_code);
    exit.has_exit_code = true;
    exit.exit_code = state->exit_code;
    exit.ended_ms = ended_ms(record, state);
    return exit;
}

/* Whether process 1 runs another init than this agent starts: an upgrade has replaced it since. */
static bool has_other_init(const struct agent *agent, const struct docker_state *state)
{
    char path[40];
    struct stat st;
    snprintf(path, sizeof path, "/proc/%d/exe", (int)state->pid);
    return agent->init_inode && state->pid > 0 && !stat(path, &st) &&
           (st.st_dev != agent->init_device || st.st_ino != agent->init_inode);
}

/* A member of the warm pool that runs; whether a command was begun in it, its init says (attach.c). Who gets
 * a sandbox after an upgrade gets one as the upgrade makes them. */
static void take_up_member(struct runtime *runtime, const struct docker_state *state)
{
    struct agent *agent = runtime->agent;
    struct docker_image image = {0};
    if (has_other_init(agent, state)) {
        struct sandbox_exit exit = ending_member("its init is of another version");
        reconciler_end(agent->reconciler, loop_now_ms(), &runtime->id, &exit, engine_effects(agent->engine));
        return;
    }
    snprintf(image.id, sizeof image.id, "%s", state->image);
    agent_member_ready(runtime, &image, 0);
}

static void take_up(struct runtime *runtime, const struct docker_state *state, bool making)
{
    struct err e = {0};
    if (making)
        agent_adopt_wait(runtime);
    if (agent_runtime_listen(runtime, &e) || agent_runtime_attach(runtime, state, &e))
        log_warn("agent", "sandbox=%s is taken up in part only: %s", runtime->id.text, e.text);
    if (making)
        return;
    found(runtime->agent, &runtime->id, true, NULL);
    agent_check(runtime);
    if (runtime->of_pool)
        take_up_member(runtime, state);
}

/* Docker does not know its name any more, but its processes run. */
static void end_renamed(struct runtime *runtime, const struct sandbox_exit *exit)
{
    struct agent *agent = runtime->agent;
    reconciler_found(agent->reconciler, loop_now_ms(), &runtime->id, true, NULL,
                     engine_effects(agent->engine));
    reconciler_end(agent->reconciler, loop_now_ms(), &runtime->id, exit, engine_effects(agent->engine));
}

static void ask(void *arg);

static void on_inspected(void *arg, int code, const struct err *error, const struct docker_state *state)
{
    struct finding finding = *(struct finding *)arg;
    struct agent *agent = finding.agent;
    free(arg);
    const struct sandbox_record *record = reconciler_find(agent->reconciler, &finding.id);
    if (code == ERR_CANCELLED || !record)
        return;
    struct runtime *runtime = agent_runtime(agent, &finding.id);
    /* What was found is removed, and it is started again. If it is a member's, that could not be taken over,
     * its init says nothing of this sandbox. */
    if (runtime->start || record->renewed)
        return;
    if (code && code != ERR_NOT_FOUND) { /* Docker went away again: that says nothing about the container */
        timer_start(&runtime->asking, agent->loop, DOCKER_RETRY_MS, ask, runtime);
        return;
    }
    bool making = record->phase <= PHASE_STARTING;
    if (making && record->pooled) { /* nobody waits for it: it is made again */
        found(agent, &finding.id, false, NULL);
        return;
    }
    if (!code && state->running && state->pid) {
        take_up(runtime, state, making);
        return;
    }
    struct sandbox_exit exit = code ? ending_taken_away(ENDING_AGENT_DOWN) : ending_while_down(record, state);
    if (code && agent_has_cgroup(runtime)) {
        end_renamed(runtime, &exit);
        return;
    }
    bool booted =
        strcmp(record->boot_id, agent->boot_id) != 0; /* after a boot, a command may be started again */
    if (making && !booted && !code && state->begun && !state->running) {
        agent_adopt(runtime, true);
        reconciler_dead(agent->reconciler, loop_now_ms(), &finding.id, &exit, engine_effects(agent->engine));
    }
    found(agent, &finding.id, false, &exit);
}

static void ask(void *arg)
{
    struct runtime *runtime = arg;
    struct finding *finding = mem_zalloc(sizeof *finding);
    *finding = (struct finding){runtime->agent, runtime->id};
    docker_container_inspect(runtime->agent->docker, runtime->id.text, DOCKER_QUICK_MS, on_inspected,
                             finding);
}

static void inspect_restored(struct agent *agent)
{
    struct runtime *runtime, *next;
    HASH_ITER(hh, agent->runtimes, runtime, next)
    ask(runtime);
}

static void retry(void *arg)
{
    agent_meet_docker(arg);
}

static void not_ready(struct agent *agent, const struct err *e)
{
    if (strcmp(agent->unhealthy, e->text))
        log_error("agent", "Docker cannot be used: %s", e->text);
    snprintf(agent->unhealthy, sizeof agent->unhealthy, "%.*s", (int)sizeof agent->unhealthy - 1, e->text);
    timer_start(&agent->docker_retry, agent->loop, DOCKER_RETRY_MS, retry, agent);
    agent_dial(agent);
}

static void take_all_up(struct agent *agent)
{
    agent_cleanup_at_beginning(agent);
    inspect_restored(agent);
    agent->docker_ready = true;
    agent->unhealthy[0] = 0;
    uplink_renew(agent->uplink);
    agent_dial(agent);
}

static void probe_host(struct agent *agent)
{
    struct host_check checks[HOST_CHECKS_MAX];
    size_t count = host_probe(agent->conf, &agent->docker_facts, checks);
    agent->enforces = host_enforces(checks, count);
    uint64_t keyrings = host_keyrings(agent->docker_facts.userns);
    if (keyrings < agent->conf->sandboxes)
        log_warn("agent",
                 "the kernel has keyrings for %" PRIu64
                 " sandboxes, so this node takes no more: corral-agent doctor says how to raise it",
                 keyrings);
    uint64_t files = host_descriptors(daemon_files());
    if (files < agent->conf->sandboxes)
        log_warn("agent",
                 "this process may open files for %" PRIu64
                 " sandboxes, so this node takes no more: raise its limit of open files (LimitNOFILE)",
                 files);
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
    agent->docker_facts.runtimes = agent->docker_facts.closed = (struct string_list){0};
    for (size_t i = 0; i < facts->runtimes.count; i++)
        string_list_add(&agent->docker_facts.runtimes, facts->runtimes.item[i]);
    for (size_t i = 0; i < facts->closed.count; i++)
        string_list_add(&agent->docker_facts.closed, facts->closed.item[i]);
    probe_host(agent);
    snprintf(dir, sizeof dir, "%s/volumes", agent->conf->state_dir);
    if (!agent->volumes &&
        volumes_new(&agent->volumes, agent->worker, dir, facts->userns_uid + REMAPPED_USER, &e)) {
        not_ready(agent, &e);
        return;
    }
    agent_listen_to_docker(agent);
    take_all_up(agent);
}

void agent_meet_docker(struct agent *agent)
{
    docker_hello(agent->docker, on_facts, agent);
}
