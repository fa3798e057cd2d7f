/*
 * Creates that ask for a member of the warm pool, as controller/leader/leader_create.c has them, and their
 * admission, as sql/functions/admission.sql has it.
 */
#include "tests/sim/sim_controller.h"

#include "common/base/mem.h"

#include <string.h>

#define LATE_MS  4000  /* an admission whose answer is lost may be committed this late */
#define KNOWN_MS 15000 /* a controller knows by then what was committed, if nothing fails */

struct create {
    uint64_t request, lifetime_ms;
    unsigned term;
    int node;
    bool again; /* it is placed a second time, on another node than full */
    int full;
};

/* NO_ROOM: refused, because there is no room or because another sandbox has the id. */
enum outcome { ADMITTED, NO_ROOM, UNKNOWN };

static struct place_request request_of(const struct create *create)
{
    return (struct place_request){.limits = {.memory_bytes = 1, .cpu_millis = 1, .storage_bytes = 1},
                                  .other_than = create->again ? sim_node_name(create->full) : NULL};
}

/* Moves what the event holds to the next one. */
static struct sim_event *pass_on(struct world *w, struct sim_event *e, uint64_t ms,
                                 void (*run)(struct world *, struct sim_event *))
{
    struct sim_event *next = sim_after(w, ms, run);
    next->incarnation = e->incarnation;
    next->sandbox = e->sandbox;
    next->asked_ms = e->asked_ms;
    next->data = e->data;
    e->data = NULL;
    return next;
}

/* --- the database --- */

/* A member of the warm pool becomes the sandbox: its container is generation 1. */
static void write_row(struct world *w, int sandbox, const struct create *create)
{
    struct row *r = &w->row[sandbox];
    bool taken = r->member && r->member_node == create->node;
    r->used = true;
    r->id = sim_id(sandbox);
    r->node = create->node;
    r->generation = 2;
    r->desired = DESIRED_RUNNING;
    r->state = taken ? SANDBOX_STARTING : SANDBOX_PENDING;
    r->memory_bytes = 1;
    r->request = create->request;
    r->committed_ms = w->now;
    r->warm = taken;
    r->member = false;
    controller_set_deadline(w, r, create->lifetime_ms);
    w->sandboxes++;
    w->handed_out += taken;
    sim_say(w, "db: sandbox %d on node %d%s", sandbox, create->node, taken ? ", out of the pool" : "");
}

static enum outcome admit_row(struct world *w, int sandbox, const struct create *create)
{
    struct row *r = &w->row[sandbox];
    const struct node_model *node = &w->node[create->node];
    if (w->now < w->database_down_ms || w->no_commits || create->term != w->incarnation)
        return UNKNOWN; /* who led before writes nothing */
    if (r->used && r->request != create->request) {
        sim_say(w, "db: the id of %d is another's", sandbox);
        w->refused_ids++;
        if (w->now - w->shaken_ms > KNOWN_MS && w->now - r->committed_ms > KNOWN_MS)
            sim_fail(w, "a create gets the id of %d, which has long been a sandbox", sandbox);
        return NO_ROOM;
    }
    if (!r->used && (node->cordoned || node->draining || sim_chance(w, 3)))
        return NO_ROOM;
    if (!r->used)
        write_row(w, sandbox, create);
    return ADMITTED;
}

/* --- the controller --- */

static void send(struct world *w, int sandbox, struct create *create);

static void refused(struct world *w, int sandbox, struct create *create)
{
    struct sandbox_id id = sim_id(sandbox);
    struct place_request request;
    if (!create->again) {
        cluster_state_unplaced(w->cluster, &id);
        create->again = true;
        create->full = create->node;
        request = request_of(create);
        const char *node = cluster_state_place(w->cluster, &id, &request, NULL);
        if (node) {
            create->node = sim_node_index(node);
            send(w, sandbox, create);
            return;
        }
    }
    cluster_state_refused(w->cluster, &id);
    w->row[sandbox].taken_in = 0;
}

static void answered(struct world *w, struct sim_event *e)
{
    struct sandbox_id id = sim_id(e->sandbox);
    if (controller_misses(w, e))
        return;
    if (e->flag) {
        sim_say(w, "the answer on sandbox %d is lost", e->sandbox);
        cluster_state_warm_unsure(w->cluster, &id);
        cluster_state_refused(w->cluster, &id);
        controller_refresh(w);
    } else {
        refused(w, e->sandbox, e->data);
    }
}

static void commit(struct world *w, struct sim_event *e)
{
    enum outcome outcome = admit_row(w, e->sandbox, e->data);
    bool lost = w->loses_answers || (!w->calm && sim_chance(w, 15));
    struct row *r = &w->row[e->sandbox];
    bool heard = !lost && !e->flag;
    if (!heard && r->used && r->request == ((const struct create *)e->data)->request)
        r->unheard = true;
    if (e->flag)
        return; /* nobody waits for the answer */
    if (outcome == ADMITTED && heard) {
        struct sim_event *next = pass_on(w, e, 1 + sim_random(w, 20), controller_told);
        next->flag = true;
        next->row = controller_row_of(w, e->sandbox);
        next->row.time = ROW_TIME_GIVEN;
        return;
    }
    pass_on(w, e, 1 + sim_random(w, 20), answered)->flag = lost || outcome == UNKNOWN;
}

static void send(struct world *w, int sandbox, struct create *create)
{
    bool late = !w->calm && sim_chance(w, 4);
    uint64_t ms = w->commit_ms ? w->commit_ms : 1 + sim_random(w, late ? LATE_MS : 20);
    struct sim_event *e = sim_after(w, ms, commit);
    e->incarnation = w->incarnation;
    e->sandbox = sandbox;
    e->asked_ms = w->now;
    e->data = mem_dup(create, sizeof *create);
    e->flag = late;
    if (!late)
        return;
    e = sim_after(w, 1 + sim_random(w, 20), answered);
    e->incarnation = w->incarnation;
    e->sandbox = sandbox;
    e->flag = true;
}

static void take(struct world *w, int sandbox)
{
    struct row *r = &w->row[sandbox];
    if (r->taken_in == w->incarnation)
        sim_fail(w, "member %d is taken twice", sandbox);
    r->taken_in = w->incarnation;
    sim_say(w, "a create takes member %d", sandbox);
}

int warm_create(struct world *w, uint64_t lifetime_ms)
{
    struct create create = {.request = ++w->requests,
                            .term = w->incarnation,
                            .lifetime_ms = lifetime_ms ? lifetime_ms : 2000 + sim_random(w, 60000)};
    struct place_request request = request_of(&create);
    struct warm_class class = w->warm.base;
    struct sandbox_id id;
    if (sim_chance(w, 20))
        strcpy(class.image, "another");
    bool taken = cluster_state_warm_take(w->cluster, w->now, &request, &class, true, &id);
    cluster_state_warm_asked(w->cluster, w->now, &class, "usr");
    if (!taken)
        return -1;
    int sandbox = sim_index(&id);
    take(w, sandbox);
    const char *node = cluster_state_place(w->cluster, &id, &request, NULL);
    if (!node) {
        cluster_state_refused(w->cluster, &id);
        w->row[sandbox].taken_in = 0;
        return -1;
    }
    create.node = sim_node_index(node);
    send(w, sandbox, &create);
    return sandbox;
}
