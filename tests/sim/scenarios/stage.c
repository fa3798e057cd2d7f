/* usage: sim_scenarios [--list] [--verbose] [NAME…] */
#include "tests/sim/scenarios/stage.h"

#include <stdio.h>
#include <string.h>

#define REST_MS 200000 /* longer than the longest lifetime, all leases and all retries */

int stage_running(struct world *w, uint64_t lifetime_ms)
{
    int sandbox = controller_create(w, lifetime_ms);
    UNTIL(w, 5000, stage_is(w, sandbox, SANDBOX_RUNNING));
    return sandbox;
}

void stage_no_database(struct world *w, uint64_t ms)
{
    w->database_down_ms = w->now + ms;
}

void stage_no_docker(struct world *w, int node, uint64_t ms)
{
    w->node[node].docker_stuck_ms = w->now + ms;
}

void stage_no_disk(struct world *w, int node, uint64_t ms)
{
    w->node[node].disk_full_ms = w->now + ms;
}

void stage_no_starts(struct world *w, int node, uint64_t ms)
{
    w->node[node].broken_ms = w->now + ms;
}

void stage_stop_controller(struct world *w, uint64_t ms)
{
    w->was_stopped = true;
    w->stopped_ms = w->now + ms;
}

void stage_desired(struct world *w, int sandbox, uint64_t generation, uint64_t remaining_ms)
{
    const struct row *r = &w->row[sandbox];
    struct desired_state desired = {
        .id = r->id,
        .generation = generation,
        .state = DESIRED_RUNNING,
        .remaining_ms = remaining_ms,
        .limits = {.memory_bytes = r->memory_bytes, .cpu_millis = 1, .storage_bytes = 1},
        .spec = (const uint8_t *)"spec",
        .spec_len = 5};
    agent_hear_desired(w, r->node, &desired);
}

bool stage_desired_is_told(const struct node_message *m)
{
    return m->kind == NODE_UPDATE && m->update.desired_count;
}

bool stage_ack_is_told(const struct node_message *m)
{
    return m->kind == NODE_UPDATE && m->update.ack_count;
}

bool stage_commit_is_told(const struct node_message *m)
{
    return m->kind == NODE_UPDATE && m->update.violations_acked;
}

bool stage_status_is_told(const struct node_message *m)
{
    return m->kind == NODE_REPORT && m->report.status_count;
}

bool stage_violation_is_told(const struct node_message *m)
{
    return m->kind == NODE_REPORT && m->report.violation_count;
}

int stage_node(const struct world *w, int sandbox)
{
    return w->row[sandbox].node;
}

struct node_model *stage_node_model(struct world *w, int sandbox)
{
    return &w->node[w->row[sandbox].node];
}

struct sandbox_model *stage_sandbox(struct world *w, int sandbox)
{
    return &stage_node_model(w, sandbox)->sandbox[sandbox];
}

const struct sandbox_record *stage_record(struct world *w, int sandbox)
{
    const struct reconciler *reconciler = stage_node_model(w, sandbox)->reconciler;
    struct sandbox_id id = sim_id(sandbox);
    return reconciler ? reconciler_find(reconciler, &id) : NULL;
}

bool stage_is(const struct world *w, int sandbox, enum sandbox_state state)
{
    return w->row[sandbox].state == state;
}

bool stage_ended(const struct world *w, int sandbox, enum sandbox_reason reason)
{
    return sandbox_state_terminal(w->row[sandbox].state) && w->row[sandbox].ended_as == reason;
}

bool stage_gone(const struct world *w, int sandbox)
{
    for (int n = 0; n < SIM_NODES; n++) {
        const struct sandbox_model *s = &w->node[n].sandbox[sandbox];
        if (s->container || s->runs || s->saved)
            return false;
    }
    return true;
}

bool stage_row_true(const struct world *w, int sandbox)
{
    int64_t off = controller_row_error(w, sandbox);
    return off > -1000 && off < 1000;
}

static void play(const struct scenario *s, bool verbose)
{
    struct world *w = world_new(1, s->name, NULL);
    w->verbose = verbose;
    UNTIL(w, 2000, w->node[0].session && w->node[1].session && w->node[2].session);
    s->play(w);
    w->loses = NULL;
    w->doubles = w->loses_answers = w->no_commits = false;
    w->commit_ms = 0;
    w->on_beat = NULL;
    w->memory_percent = w->outbox_write_ms = 0;
    world_heal(w);
    PASS(w, REST_MS);
    check_rest(w);
    world_free(w);
}

static bool is_asked_for(const char *name, int argc, char **argv)
{
    bool any = false, named = false;
    for (int i = 1; i < argc; i++) {
        any |= argv[i][0] != '-';
        named |= !strcmp(argv[i], name);
    }
    return !any || named;
}

static bool has_option(const char *option, int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        if (!strcmp(argv[i], option))
            return true;
    }
    return false;
}

int main(int argc, char **argv)
{
    const struct scenario *const all[] = {scenarios_starts,   scenarios_life,     scenarios_nodes,
                                          scenarios_database, scenarios_changes,  scenarios_clocks,
                                          scenarios_history,  scenarios_delivery, scenarios_warm};
    bool verbose = has_option("--verbose", argc, argv), list = has_option("--list", argc, argv);
    int played = 0;
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        for (const struct scenario *s = all[i]; s->name; s++) {
            if (!is_asked_for(s->name, argc, argv))
                continue;
            if (!list)
                play(s, verbose);
            printf("%s\n    %s\n", s->name, s->rule);
            played++;
        }
    }
    printf("%d scenarios\n", played);
    return !played;
}
