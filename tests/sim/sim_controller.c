/* The controller's side of the simulation: the real cluster state, engine and node link, and PostgreSQL as a
 * table that survives the controller. */
#include "tests/sim/sim_controller.h"
#include "tests/sim/sim_loop.h"

#include "common/base/mem.h"

#include <stdio.h>
#include <string.h>

#define READ_MS     10000         /* between two readings of the rows */
#define EPOCH_MS    1700000000000 /* what PostgreSQL's clock shows at 0, before any step */
#define OUTLIVES_MS 70000         /* longer than the longest lifetime */
#define TURN_MS     20            /* longer than a turn of a healthy loop */
#define OWED_MS     500           /* a row that is off by this much is corrected */
#define TRUE_MS     15000         /* a row is right again after this long, if nothing fails */
#define KEPT        100           /* ids that only the warm pool may use */
#define REACHED_MS  60000 /* after this long in reach a node was heard, or its controller stood still */

static int64_t clock_now(const struct world *w)
{
    return EPOCH_MS + w->clock_ms + (int64_t)w->now;
}

void controller_set_deadline(struct world *w, struct row *r, uint64_t from_now)
{
    r->deadline_ms = w->now + from_now;
    r->expires_ms = clock_now(w) + (int64_t)from_now;
    r->timed_ms = w->clock_ms;
    r->timed_at_ms = w->now;
    r->unheard = r->skewed = r->displaced = false;
}

struct sandbox_row controller_row_of(const struct world *w, int sandbox)
{
    const struct row *r = &w->row[sandbox];
    static const uint8_t spec[] = "spec";
    return (struct sandbox_row){
        .desired.id = r->id,
        .node = sim_node_name(r->node),
        .desired.generation = r->generation,
        .desired.state = r->desired,
        .desired.reason = r->reason,
        .state = r->state,
        .rescheduled = r->rescheduled,
        .warm = r->warm,
        .desired.remaining_ms = r->expires_ms > clock_now(w) ? (uint64_t)(r->expires_ms - clock_now(w)) : 0,
        .expires_ms = r->expires_ms,
        .desired.limits = {.memory_bytes = r->memory_bytes, .cpu_millis = 1, .storage_bytes = 1},
        .desired.spec = spec,
        .desired.spec_len = sizeof spec};
}

/* The only place where a row's state changes: legal moves only, one event for each. */
static void row_move(struct world *w, int sandbox, enum sandbox_state to)
{
    struct row *r = &w->row[sandbox];
    if (!sandbox_state_may_move(r->state, to))
        return;
    if (sandbox_state_terminal(r->state))
        sim_fail(w, "sandbox %d left the terminal state %s", sandbox, sandbox_state_name(r->state));
    sim_say(w, "db: sandbox %d %s -> %s", sandbox, sandbox_state_name(r->state), sandbox_state_name(to));
    r->state = to;
    r->moves++;
    r->events++;
    if (sandbox_state_terminal(to))
        r->terminal_ms = w->now;
}

bool controller_waits(struct world *w, struct sim_event *e)
{
    bool waits = w->cluster && sim_stands_still(w, SIM_CONTROLLER);
    if (waits)
        sim_put_off(w, e);
    return waits;
}

bool controller_misses(struct world *w, struct sim_event *e)
{
    return controller_waits(w, e) || !w->cluster || e->incarnation != w->incarnation;
}

static void persisted(struct world *w, struct sim_event *e)
{
    if (controller_waits(w, e))
        return;
    if (!w->cluster || e->incarnation != w->incarnation)
        return;
    struct sandbox_id id = sim_id(e->sandbox);
    cluster_state_persisted(w->cluster, w->now, &id, e->flag, e->state, leader_effects(w->engine));
}

static void commit(struct world *w, struct sim_event *e)
{
    bool ok = w->now >= w->database_down_ms;
    struct row *r = &w->row[e->sandbox];
    bool idle = e->move.to == SANDBOX_PAUSED && e->move.status.reason == REASON_IDLE;
    bool pausable = r->state == SANDBOX_PAUSED ||
                    (r->state == e->move.from && sandbox_state_may_move(r->state, SANDBOX_PAUSED));
    if (ok && idle && pausable && r->desired == DESIRED_RUNNING && r->generation == e->move.status.generation)
        r->desired = DESIRED_PAUSED;
    const struct sandbox_model *s = &w->node[r->node].sandbox[e->sandbox];
    bool said_lost =
        ok && e->move.status.reason == REASON_NODE_LOST && sandbox_state_may_move(r->state, e->move.to);
    const struct node_model *model = &w->node[r->node];
    if (said_lost && model->reachable_ms && w->now - model->reachable_ms > REACHED_MS)
        sim_fail(w, "sandbox %d ends as lost, and its node was in reach", e->sandbox);
    bool given_up = strstr(e->move.status.detail, "came back without it") && r->state != SANDBOX_LOST &&
                    r->desired != DESIRED_GONE && !sandbox_state_terminal(r->state);
    if (given_up && !s->wiped && !s->unwritten)
        sim_fail(w, "sandbox %d is given up, and its node never lost it", e->sandbox);
    if (ok && r->state == e->move.from) {
        row_move(w, e->sandbox, e->move.to);
        r->ended_as = e->move.status.reason;
    }
    struct sim_event *answer = sim_after(w, 1 + sim_random(w, 20), persisted);
    answer->incarnation = e->incarnation;
    answer->sandbox = e->sandbox;
    /* A commit may have happened although its answer is lost with the connection. */
    answer->flag = ok && (w->calm || !sim_chance(w, 3));
    answer->state = w->row[e->sandbox].state;
}

static void rescheduled(struct world *w, struct sim_event *e)
{
    if (controller_waits(w, e))
        return;
    if (!w->cluster || e->incarnation != w->incarnation)
        return;
    struct sandbox_id id = sim_id(e->sandbox);
    enum cluster_state_answer answer = !e->row.desired.generation ? CLUSTER_UNKNOWN
                                       : e->flag                  ? CLUSTER_DONE
                                                                  : CLUSTER_REFUSED;
    e->row.waited_ms = w->now - e->asked_ms;
    cluster_state_rescheduled(w->cluster, w->now, &id, answer, answer == CLUSTER_DONE ? &e->row : NULL,
                              leader_effects(w->engine));
}

/* As reschedule_sandbox in SQL: once, by compare-and-set of the generation; the same call again is answered
 * with what is. */
static bool row_reschedule(struct world *w, int sandbox, int from, const struct sandbox_reschedule *asked)
{
    struct row *r = &w->row[sandbox];
    int to = sim_node_index(asked->to);
    bool startable = r->state == SANDBOX_PENDING || r->state == SANDBOX_STARTING;
    if (r->rescheduled && r->node == to && r->generation > asked->generation)
        return true;
    if (to == from)
        sim_fail(w, "sandbox %d is placed on the node that it failed on", sandbox);
    if (!startable || r->desired != DESIRED_RUNNING || r->generation != asked->generation ||
        r->node != from || r->rescheduled)
        return false;
    if (w->node[from].sandbox[sandbox].container)
        sim_fail(w, "sandbox %d is placed again, and its first node still has it", sandbox);
    r->node = to;
    r->rescheduled = true;
    r->generation++;
    w->rescheduled++;
    sim_say(w, "db: sandbox %d goes from node %d to node %d", sandbox, from, to);
    return true;
}

static void reschedule(struct world *w, struct sim_event *e)
{
    bool up = w->now >= w->database_down_ms;
    bool done = up && row_reschedule(w, e->sandbox, e->node, &e->reschedule);
    struct sim_event *answer = sim_after(w, 1 + sim_random(w, 20), rescheduled);
    answer->incarnation = e->incarnation;
    answer->sandbox = e->sandbox;
    answer->asked_ms = e->asked_ms;
    answer->flag = done;
    answer->row = controller_row_of(w, e->sandbox);
    answer->row.time = ROW_TIME_KEPT;
    if (!up || (!w->calm && sim_chance(w, 20)))
        answer->row.desired.generation = 0; /* the answer is unknown */
}

/* As controller/leader/dispatch.c. */
static void send_desired(struct world *w, const struct cluster_state_effect *effect)
{
    struct desired_state desired = effect->desired;
    struct err e;
    bool made_of = desired.spec;
    if (made_of)
        desired.spec = cluster_state_spec(w->cluster, &effect->id, &desired.spec_len);
    if (made_of && !desired.spec)
        return;
    if (node_link_desired(w->link, effect->node, &desired, &e))
        sim_say(w, "%s is told to %s later: %s", effect->id.text, effect->node, e.text);
}

static struct sim_event *ask_database(struct world *w, const struct cluster_state_effect *effect,
                                      void (*run)(struct world *, struct sim_event *))
{
    struct sim_event *e = sim_after(w, 1 + sim_random(w, 20), run);
    e->incarnation = w->incarnation;
    e->sandbox = sim_index(&effect->id);
    return e;
}

static void act(void *owner, const struct cluster_state_effect *as_it_was)
{
    struct world *w = owner;
    struct cluster_state_effect now = *as_it_was;
    const struct cluster_state_effect *effect = &now;
    cluster_state_effect_as_of(&now, w->now);
    struct sim_event *e;
    switch (effect->kind) {
    case CLUSTER_PERSIST:
        e = ask_database(w, effect, commit);
        e->move = effect->move;
        break;
    case CLUSTER_RESCHEDULE:
        e = ask_database(w, effect, reschedule);
        e->node = sim_node_index(effect->node);
        e->asked_ms = w->now;
        e->reschedule = effect->reschedule;
        break;
    case CLUSTER_DESIRED:
        send_desired(w, effect);
        break;
    case CLUSTER_ACK:
        node_link_ack(w->link, effect->node, &effect->ack);
        break;
    case CLUSTER_WARM_DROP:
        warm_drop(w, sim_index(&effect->id));
        break;
    case CLUSTER_CHANGED:
    case CLUSTER_NODE:
        break;
    }
}

static void settled(void *owner)
{
}

static const struct leader_engine_ops engine_ops = {.act = act, .settled = settled};

static void displace(struct row *r, int64_t end)
{
    r->deadline_ms = end > 0 ? (uint64_t)end : 0;
    r->displaced = true;
}

/* The row was moved by the wrong step, and its leader died before correcting it. */
static bool is_owed(const struct row *r)
{
    int64_t end = r->expires_ms - EPOCH_MS - r->timed_ms, off = end - (int64_t)r->deadline_ms;
    return r->skewed && (off >= OWED_MS || off <= -OWED_MS);
}

/*
 * As clock_stepped in SQL, where nobody leads. A row that was timed after a step, by a leader that died
 * before the rows followed, can be told from the others only if the clock was set ahead once; such a row is
 * not moved again. In all other cases the row's end is where the row has it (docs/clocks.md). The same holds
 * for a row that still had to be corrected.
 */
static void follow_again(struct world *w, struct row *r)
{
    int64_t step = w->clock_ms - w->frame_ms;
    int64_t age = (int64_t)(w->now - r->timed_at_ms) + w->clock_ms - r->timed_ms;
    bool after = r->timed_ms != w->frame_ms, owed = is_owed(r);
    if (step <= 0 || !after || age >= step)
        r->expires_ms += step;
    r->timed_ms = w->clock_ms;
    int64_t end = r->expires_ms - EPOCH_MS - w->clock_ms;
    if (after || owed)
        displace(r, end);
}

int64_t controller_row_error(const struct world *w, int sandbox)
{
    const struct row *r = &w->row[sandbox];
    return r->expires_ms - EPOCH_MS - w->clock_ms - (int64_t)r->deadline_ms;
}

void controller_check_row(struct world *w, int sandbox)
{
    const struct row *r = &w->row[sandbox];
    int64_t off = controller_row_error(w, sandbox);
    bool looked_at = r->used && w->now - w->shaken_ms > TRUE_MS && !r->displaced && w->now < r->deadline_ms &&
                     r->desired != DESIRED_GONE && !sandbox_state_terminal(r->state);
    if (looked_at && (off > 1000 || off < -1000))
        sim_fail(w, "sandbox %d: expires_at is off by %lld ms", sandbox, (long long)off);
}

/* --- what the nodes say, as controller/leader/leader_nodes.c has it --- */

static bool allowed(void *owner, const struct tls_who *who)
{
    return true;
}

static bool believed(void *owner, const struct node_facts *facts, const struct sandbox_status *inventory,
                     size_t count)
{
    return true;
}

static void on_contested(void *owner, const char *node, const char *address)
{
    sim_say(owner, "%s comes while it is in session", node);
}

static bool on_expires(void *owner, const char *node, const uint8_t *certificate, size_t len, int64_t ends_s,
                       uint8_t **renewed, size_t *renewed_len)
{
    sim_fail(owner, "the certificate of %s ends", node);
}

static void on_session(void *owner, const struct node_facts *facts, const struct sandbox_status *inventory,
                       size_t count)
{
    struct world *w = owner;
    sim_say(w, "session of %s with %zu sandboxes", facts->name, count);
    cluster_state_session(w->cluster, w->now, facts, inventory, count, leader_effects(w->engine));
}

static void on_statuses(void *owner, const char *node, const struct sandbox_status *statuses, size_t count)
{
    struct world *w = owner;
    for (size_t i = 0; i < count; i++)
        cluster_state_status(w->cluster, w->now, node, &statuses[i], leader_effects(w->engine));
}

static void on_samples(void *owner, const char *node, const struct sample *samples, size_t count)
{
    outbox_store_samples(owner, sim_node_index(node), samples, count);
}

static void on_violations(void *owner, const char *node, const struct violation_report *reports, size_t count)
{
    outbox_store_violations(owner, sim_node_index(node), reports, count);
}

static void on_cleanups(void *owner, const char *node, const struct cleanup_report *reports, size_t count)
{
    sim_fail(owner, "%s tells of a cleanup, and nobody ordered one", node);
}

static void on_left_out(void *owner, const char *node, size_t count, const char *first)
{
    sim_fail(owner, "%zu items of %s are left out: %s", count, node, first);
}

static void on_node_gone(void *owner, const char *node)
{
    struct world *w = owner;
    sim_say(w, "%s is silent past its lease", node);
    cluster_state_node_gone(w->cluster, w->now, node, leader_effects(w->engine));
}

static const struct node_link_ops link_ops = {.allowed = allowed,
                                              .believed = believed,
                                              .on_contested = on_contested,
                                              .on_expires = on_expires,
                                              .on_session = on_session,
                                              .on_statuses = on_statuses,
                                              .on_samples = on_samples,
                                              .on_violations = on_violations,
                                              .on_cleanups = on_cleanups,
                                              .on_left_out = on_left_out,
                                              .on_node_gone = on_node_gone};

static void listen_for_nodes(struct world *w)
{
    struct err e;
    struct node_link_conf conf = {.url = "ipc:///simulated",
                                  .ca_file = "ca",
                                  .cert_file = "controller",
                                  .key_file = "key",
                                  .cluster = "simulated",
                                  .lease_ms = SIM_LEASE_MS};
    int rc = node_link_new(&w->link, w->loop, &conf, &link_ops, w, &e);
    if (!rc)
        rc = node_link_start(w->link, w->incarnation, &e);
    if (rc)
        sim_fail(w, "the controller does not listen: %s", e.text);
}

/* --- its life --- */

static void mark_nodes(struct world *w)
{
    for (int n = 0; n < SIM_NODES; n++)
        cluster_state_node_mark(w->cluster, sim_node_name(n), w->node[n].cordoned, w->node[n].draining,
                                leader_effects(w->engine));
}

void controller_mark(struct world *w, int node, bool cordoned, bool draining)
{
    w->node[node].cordoned = cordoned;
    w->node[node].draining = draining;
    if (w->cluster && !sim_stands_still(w, SIM_CONTROLLER))
        mark_nodes(w);
}

void controller_up(struct world *w)
{
    if (w->cluster || w->now < w->database_down_ms)
        return;
    w->incarnation++;
    w->cluster = cluster_state_new(SIM_LEASE_MS);
    w->loop = sim_loop_new(w, SIM_CONTROLLER);
    w->engine = leader_engine_new(w->loop, &engine_ops, w);
    sim_say(w, "controller up");
    for (int i = 0; i < w->rows; i++)
        follow_again(w, &w->row[i]);
    w->frame_ms = w->seen_clock_ms = w->clock_ms;
    w->owes_expiries = w->asked_expiries = false;
    mark_nodes(w);
    for (int i = 0; i < w->rows; i++) {
        struct sandbox_row row = controller_row_of(w, i);
        if (w->row[i].used && !sandbox_state_terminal(w->row[i].state))
            cluster_state_load(w->cluster, w->now, &row);
    }
    warm_up(w);
    listen_for_nodes(w);
}

void controller_down(struct world *w)
{
    if (!w->cluster)
        return;
    sim_say(w, "controller down");
    w->stopped_ms = 0;
    node_link_free(w->link);
    leader_engine_free(w->engine);
    cluster_state_free(w->cluster);
    loop_free(w->loop);
    w->cluster = NULL;
}

void controller_stop(struct world *w)
{
    w->was_stopped = true;
    w->stopped_ms = w->now + sim_random(w, SIM_STOP_MS);
    sim_say(w, "controller stands still until %.3f", (double)w->stopped_ms / 1000);
}

/* The row was timed under a clock that is past, and that the rows do not follow. */
static bool is_skewed(const struct world *w, const struct row *r)
{
    return r->timed_ms != w->frame_ms && r->timed_ms != w->clock_ms;
}

/* The answer is old, and was given under a clock that no controller saw: a later reading cannot correct its
 * age. */
static void note_late_answer(struct world *w, const struct sim_event *e)
{
    struct row *r = &w->row[sim_index(&e->row.desired.id)];
    if (e->row.time == ROW_TIME_GIVEN && e->row.waited_ms >= 500 && (r->skewed || is_skewed(w, r)))
        r->displaced = true;
}

void controller_told(struct world *w, struct sim_event *e)
{
    if (controller_waits(w, e))
        return;
    if (!w->cluster || e->incarnation != w->incarnation)
        return;
    e->row.waited_ms = w->now - e->asked_ms;
    note_late_answer(w, e);
    if (e->flag)
        cluster_state_admitted(w->cluster, w->now, &e->row, leader_effects(w->engine));
    else
        cluster_state_desired(w->cluster, w->now, &e->row, leader_effects(w->engine));
}

/* --- what the controller finds by reading --- */

struct reading {
    struct world *world;
    uint64_t stamp;
};

static void row_read(struct world *w, struct sim_event *e)
{
    if (controller_waits(w, e))
        return;
    if (!w->cluster || e->incarnation != w->incarnation)
        return;
    e->row.waited_ms = w->now - e->asked_ms;
    if (e->flag || cluster_state_differs(w->cluster, e->stamp, &e->row.desired.id, e->row.desired.generation,
                                         e->row.state))
        cluster_state_read(w->cluster, w->now, e->stamp, &e->row, leader_effects(w->engine));
}

/* whole: the row is read by its id */
static void read_row(struct world *w, int sandbox, uint64_t stamp, bool whole)
{
    struct sim_event *e = sim_after(w, 20, row_read);
    e->incarnation = w->incarnation;
    e->stamp = stamp;
    e->asked_ms = w->now;
    e->flag = whole;
    e->row = controller_row_of(w, sandbox);
}

static void read_unread(void *arg, const struct sandbox_id *id)
{
    struct reading *reading = arg;
    read_row(reading->world, sim_index(id), reading->stamp, true);
}

static void rows_read(struct world *w, struct sim_event *e)
{
    if (controller_waits(w, e))
        return;
    if (!w->cluster || e->incarnation != w->incarnation)
        return;
    struct reading reading = {w, cluster_state_stamp(w->cluster)};
    cluster_state_unread(w->cluster, e->stamp, read_unread, &reading);
}

static void read_now(struct world *w, struct sim_event *e)
{
    if (!w->cluster || e->incarnation != w->incarnation || w->now < w->database_down_ms)
        return;
    if (w->clock_ms != w->frame_ms)
        return; /* the remaining time cannot be read until the rows have followed the step */
    warm_refresh(w, cluster_state_stamp(w->cluster));
    for (int i = 0; i < w->rows; i++) {
        if (w->row[i].used && !sandbox_state_terminal(w->row[i].state))
            read_row(w, i, e->stamp, false);
    }
    mark_nodes(w);
    struct sim_event *end = sim_after(w, 21, rows_read);
    end->incarnation = e->incarnation;
    end->stamp = e->stamp;
}

static void read_rows(struct world *w)
{
    w->read_ms = w->now;
    w->reads_soon = false;
    struct sim_event *e = sim_after(w, 1 + sim_random(w, 20), read_now);
    e->incarnation = w->incarnation;
    e->stamp = cluster_state_stamp(w->cluster);
}

/* --- PostgreSQL's clock is set --- */

static void expiries_told(struct world *w, struct sim_event *e)
{
    if (controller_waits(w, e))
        return;
    if (!w->cluster || e->incarnation != w->incarnation)
        return;
    w->asked_expiries = false;
    w->owes_expiries |= !e->flag;
    if (!e->flag)
        return;
    cluster_state_expiries_told(w->cluster);
    read_rows(w);
}

struct moving {
    struct world *world;
    bool told[SIM_SANDBOXES];
};

static void move_expiry(void *arg, const struct sandbox_id *id, int64_t from_ms, int64_t to_ms)
{
    struct moving *m = arg;
    struct row *r = &m->world->row[sim_index(id)];
    m->told[sim_index(id)] = r->expires_ms == from_ms || r->expires_ms == to_ms;
    if (r->expires_ms == from_ms && !sandbox_state_terminal(r->state) &&
        m->world->now >= m->world->database_down_ms)
        r->expires_ms = to_ms;
}

/*
 * A row that differs from the cluster state: it is moved by the whole step. That is wrong if the clock was
 * set a second time before the controller noticed the first; a controller that never heard when the row was
 * to end cannot know it. Then the row's end is where the row has it (docs/clocks.md).
 */
static void follow_unnamed(struct world *w, struct row *r)
{
    r->expires_ms += w->seen_clock_ms - w->frame_ms;
    int64_t end = r->expires_ms - EPOCH_MS - w->clock_ms;
    r->skewed = r->timed_ms != w->frame_ms;
    if (r->unheard && r->skewed)
        displace(r, end);
}

/* The transaction happens at once or never; its answer arrives later or never. */
static void ask_expiries(struct world *w)
{
    bool ok = w->now >= w->database_down_ms;
    struct moving moving = {.world = w};
    w->asked_expiries = true;
    w->owes_expiries = false;
    cluster_state_expiries(w->cluster, move_expiry, &moving);
    sim_say(w, "the rows follow PostgreSQL's clock%s", ok ? "" : " not");
    for (int i = 0; ok && i < w->rows; i++) {
        if (!moving.told[i] && w->row[i].timed_ms != w->clock_ms)
            follow_unnamed(w, &w->row[i]);
        w->row[i].timed_ms = w->clock_ms;
    }
    if (ok)
        w->frame_ms = w->seen_clock_ms;
    struct sim_event *e = sim_after(w, 1 + sim_random(w, 500), expiries_told);
    e->incarnation = w->incarnation;
    e->flag = ok && (w->calm || !sim_chance(w, 10));
}

static void look_at_clock(struct world *w)
{
    if (w->clock_ms != w->seen_clock_ms) {
        cluster_state_clock_stepped(w->cluster, w->now, w->clock_ms - w->seen_clock_ms,
                                    EPOCH_MS + w->clock_ms);
        w->seen_clock_ms = w->clock_ms;
        w->owes_expiries = true;
    }
    if ((w->owes_expiries || cluster_state_owes_expiries(w->cluster)) && !w->asked_expiries)
        ask_expiries(w);
}

/*
 * The answer to a commit arrives later; a controller that died meanwhile never hears it. Neither does one
 * whose connection broke before the answer, or where another controller made the commit: both find the change
 * by reading.
 */
static void tell(struct world *w, int sandbox, bool admitted)
{
    bool timed = w->row[sandbox].timed_at_ms == w->now;
    if (w->loses_answers || (!w->calm && sim_chance(w, 20))) {
        struct sandbox_id id = sim_id(sandbox);
        w->row[sandbox].unheard |= timed;
        sim_say(w, "db: the answer on sandbox %d is lost", sandbox);
        if (admitted)
            cluster_state_refused(w->cluster, &id);
        return;
    }
    struct sim_event *e = sim_after(w, 1 + sim_random(w, 20), controller_told);
    e->incarnation = w->incarnation;
    e->flag = admitted;
    e->asked_ms = w->now;
    e->row = controller_row_of(w, sandbox);
    e->row.time = timed ? ROW_TIME_GIVEN : ROW_TIME_KEPT;
}

int controller_create(struct world *w, uint64_t lifetime_ms)
{
    struct sandbox_id id = sim_id(w->rows);
    struct place_request request = {.limits = {.memory_bytes = 1, .cpu_millis = 1, .storage_bytes = 1}};
    const char *node = cluster_state_place(w->cluster, &id, &request, NULL);
    if (!node)
        return -1;
    int sandbox = w->rows++;
    w->sandboxes++;
    w->row[sandbox] = (struct row){.used = true,
                                   .id = id,
                                   .node = sim_node_index(node),
                                   .generation = 1,
                                   .desired = DESIRED_RUNNING,
                                   .state = SANDBOX_PENDING,
                                   .memory_bytes = 1};
    controller_set_deadline(w, &w->row[sandbox], lifetime_ms ? lifetime_ms : 2000 + sim_random(w, 60000));
    sim_say(w, "create sandbox %d on %s", sandbox, node);
    tell(w, sandbox, true);
    return sandbox;
}

static void changed(struct world *w, int sandbox)
{
    struct row *r = &w->row[sandbox];
    r->generation++;
    sim_say(w, "db: sandbox %d is desired %s, generation %llu", sandbox,
            r->desired == DESIRED_GONE     ? "gone"
            : r->desired == DESIRED_PAUSED ? "paused"
                                           : "running",
            (unsigned long long)r->generation);
    tell(w, sandbox, false);
}

void controller_delete(struct world *w, int sandbox)
{
    w->row[sandbox].desired = DESIRED_GONE;
    w->row[sandbox].reason = REASON_DELETED;
    row_move(w, sandbox, SANDBOX_STOPPING);
    changed(w, sandbox);
}

void controller_pause(struct world *w, int sandbox, bool pause)
{
    w->row[sandbox].desired = pause ? DESIRED_PAUSED : DESIRED_RUNNING;
    changed(w, sandbox);
}

void controller_extend(struct world *w, int sandbox, uint64_t from_now_ms)
{
    controller_set_deadline(w, &w->row[sandbox], from_now_ms);
    changed(w, sandbox);
}

void controller_resize(struct world *w, int sandbox, uint64_t memory_bytes)
{
    w->row[sandbox].memory_bytes = memory_bytes;
    changed(w, sandbox);
}

static void create(struct world *w)
{
    struct sandbox_id id = sim_id(w->rows);
    struct place_request request = {.limits = {.memory_bytes = 1, .cpu_millis = 1, .storage_bytes = 1}};
    if (w->rows >= SIM_SANDBOXES - KEPT)
        return;
    if (w->warm.max && sim_chance(w, 60) && warm_create(w, 0) >= 0)
        return;
    if (w->now >= w->database_down_ms)
        controller_create(w, 0);
    else if (cluster_state_place(w->cluster, &id, &request, NULL))
        cluster_state_refused(w->cluster, &id);
}

static void change(struct world *w, int sandbox)
{
    struct row *r = &w->row[sandbox];
    if (!r->used || sandbox_state_terminal(r->state) || r->desired == DESIRED_GONE)
        return;
    switch (sim_random(w, 5)) {
    case 0:
    case 1:
        controller_delete(w, sandbox);
        break;
    case 2:
        if (r->state == SANDBOX_RUNNING || r->state == SANDBOX_PAUSED)
            controller_pause(w, sandbox, r->desired != DESIRED_PAUSED);
        break;
    case 3:
        if (r->deadline_ms > w->now)
            controller_extend(w, sandbox, 1000 + sim_random(w, 60000));
        break;
    case 4:
        controller_resize(w, sandbox, 1 + sim_random(w, 3));
        break;
    }
}

/* In the calm: deletes the sandboxes that an unheard step lets live longer than anybody asked for. */
static void delete_what_outlives(struct world *w)
{
    for (int i = 0; w->calm && i < w->rows; i++) {
        struct row *r = &w->row[i];
        if (!r->used || sandbox_state_terminal(r->state) || r->desired == DESIRED_GONE ||
            r->deadline_ms < w->now + OUTLIVES_MS)
            continue;
        controller_delete(w, i);
    }
}

void controller_request(struct world *w)
{
    if (!w->cluster || w->now < w->stopped_ms)
        return;
    if (sim_chance(w, 60) || !w->rows)
        create(w);
    else if (w->now >= w->database_down_ms)
        change(w, (int)sim_random(w, (uint64_t)w->rows));
}

void controller_tick(struct world *w)
{
    if (!w->cluster || w->now < w->stopped_ms || w->now < w->database_down_ms ||
        w->clock_ms != w->seen_clock_ms)
        w->shaken_ms = w->now;
    if (!w->cluster || w->now < w->stopped_ms)
        return;
    loop_awake_ms(w->loop);
    cluster_state_tick(w->cluster, w->now, leader_effects(w->engine));
    look_at_clock(w);
    delete_what_outlives(w);
    if (w->now - w->read_ms >= READ_MS || w->reads_soon)
        read_rows(w);
    warm_tick(w);
}

void controller_refresh(struct world *w)
{
    w->reads_soon = true;
}
