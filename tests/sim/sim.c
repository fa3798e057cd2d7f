/*
 * Runs clusters under virtual time with seeded faults, and holds them to the invariants after each step.
 * usage: sim [--seeds N] [--from SEED] [--verbose]     A failing seed is printed with the command to replay
 * it.
 */
#include "tests/sim/world.h"

#include "common/base/mem.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BUSY_MS  120000 /* of requests and faults */
#define CALM_MS  200000 /* until everything must have come to rest: the longest lifetime, leases, retries */
#define AGREE_MS 25000  /* so long may a pause be under way in the calm: a stuck Docker answers late */
#define SWEEP_MS 30000  /* a container without a live row lives no longer, its host being connected */

uint64_t sim_random(struct world *w, uint64_t below)
{
    /* splitmix64 (Steele, Lea, Flood, OOPSLA 2014) */
    uint64_t z = (w->random += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return (z ^ (z >> 31)) % below;
}

bool sim_chance(struct world *w, unsigned percent)
{
    return sim_random(w, 100) < percent;
}

static void say(struct world *w, const char *fmt, va_list args)
{
    fprintf(stderr, "%8.3f ", (double)w->now / 1000);
    vfprintf(stderr, fmt, args);
    fputc('\n', stderr);
}

void sim_say(struct world *w, const char *fmt, ...)
{
    if (!w->verbose)
        return;
    va_list args;
    va_start(args, fmt);
    say(w, fmt, args);
    va_end(args);
}

void sim_fail(struct world *w, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    say(w, fmt, args);
    va_end(args);
    fprintf(stderr, "seed %llu failed; replay: sim --from %llu --seeds 1 --verbose\n",
            (unsigned long long)w->seed, (unsigned long long)w->seed);
    exit(1);
}

/* Made once: every step asks for many. */
static struct sandbox_id ids[SIM_SANDBOXES];

static void make_ids(void)
{
    uint8_t random[10] = {0};
    for (int i = 0; i < SIM_SANDBOXES; i++)
        ids[i] = sandbox_id_make((uint64_t)i + 1, random);
}

struct sandbox_id sim_id(int sandbox)
{
    return ids[sandbox];
}

/* By the end of its time, which is its number and one. */
int sim_index(const struct sandbox_id *id)
{
    static const char alphabet[] = ULID_ALPHABET;
    const char *time_end = id->text + 4 + 10;
    size_t number = (size_t)(strchr(alphabet, time_end[-2]) - alphabet) * 32 +
                    (size_t)(strchr(alphabet, time_end[-1]) - alphabet);
    return number && number <= SIM_SANDBOXES ? (int)number - 1 : 0;
}

/* --- the queue of what will happen: a binary heap by time, then by order --- */

static bool before(const struct sim_event *a, const struct sim_event *b)
{
    return a->at != b->at ? a->at < b->at : a->seq < b->seq;
}

static void swap(struct world *w, size_t i, size_t j)
{
    struct sim_event *e = w->heap[i];
    w->heap[i] = w->heap[j];
    w->heap[j] = e;
}

struct sim_event *sim_after(struct world *w, uint64_t delay_ms,
                            void (*run)(struct world *, struct sim_event *))
{
    if (w->count == w->room) {
        w->room = w->room ? w->room * 2 : 256;
        w->heap = mem_grow(w->heap, w->room, sizeof *w->heap);
    }
    struct sim_event *e = mem_zalloc(sizeof *e);
    e->at = w->now + delay_ms;
    e->seq = w->seq++;
    e->run = run;
    size_t i = w->count++;
    w->heap[i] = e;
    for (; i && before(w->heap[i], w->heap[(i - 1) / 2]); i = (i - 1) / 2)
        swap(w, i, (i - 1) / 2);
    return e;
}

static struct sim_event *take_first(struct world *w)
{
    struct sim_event *first = w->heap[0];
    w->heap[0] = w->heap[--w->count];
    for (size_t i = 0, least = 0;; i = least) {
        for (size_t child = 2 * i + 1; child <= 2 * i + 2 && child < w->count; child++) {
            if (before(w->heap[child], w->heap[least]))
                least = child;
        }
        if (least == i)
            return first;
        swap(w, i, least);
    }
}

void sim_wait(struct sim_event *e, uint64_t waited_ms)
{
    e->want.remaining_ms -= waited_ms < e->want.remaining_ms ? waited_ms : e->want.remaining_ms;
}

void wire(struct world *w, const struct sim_event *message)
{
    int copies = w->calm ? 1 : sim_chance(w, 10) ? 0 : sim_chance(w, 10) ? 2 : 1;
    /* What is wanted waits in the session until it was taken: a loss is only a delay. */
    bool waits = message->run == agent_hear_want;
    uint64_t delay = 0;
    if (!w->host[message->node].linked && !waits)
        return;
    if (!copies && waits) {
        delay = 2000;
        copies = 1;
    }
    while (copies--) {
        struct sim_event *e = sim_after(w, delay + 1 + sim_random(w, w->calm ? 20 : 500), message->run);
        uint64_t at = e->at, seq = e->seq;
        *e = *message;
        e->at = at;
        e->seq = seq;
        e->asked_ms = w->now + delay;
        if (waits)
            sim_wait(e, delay);
    }
}

/* --- what goes wrong --- */

static void mishap(struct world *w)
{
    int node = (int)sim_random(w, SIM_NODES);
    struct host *h = &w->host[node];
    switch (sim_random(w, 14)) {
    case 0:
        controller_down(w);
        break;
    case 1:
    case 2:
        agent_down(w, node);
        break;
    case 3:
        host_reboot(w, node);
        break;
    case 4:
        h->linked = !h->linked;
        break;
    case 5:
        h->docker_stuck_ms = w->now + sim_random(w, 20000);
        break;
    case 6:
        h->disk_full_ms = w->now + sim_random(w, 5000);
        break;
    case 7:
        w->database_down_ms = w->now + sim_random(w, 20000);
        break;
    case 8:
        if (sim_chance(w, 20))
            host_wiped(w, node);
        break;
    case 9:
        sandbox_exits(w, node, (int)sim_random(w, SIM_SANDBOXES));
        break;
    case 10:
        sandbox_touched(w, node, (int)sim_random(w, SIM_SANDBOXES));
        break;
    case 11:
        controller_stop(w);
        break;
    case 12:
        h->broken_ms = w->now + sim_random(w, 30000);
        break;
    case 13:
        w->clock_ms = (int64_t)sim_random(w, 2 * SIM_STEP_MS) - SIM_STEP_MS;
        sim_say(w, "PostgreSQL's clock is %lld ms ahead", (long long)w->clock_ms);
        break;
    }
}

/* One of the latest: most of the others have ended. */
static void idle(struct world *w)
{
    int back = (int)sim_random(w, 20);
    if (back < w->rows)
        sandbox_idles(w, w->row[w->rows - 1 - back].node, w->rows - 1 - back);
}

static void heal(struct world *w)
{
    w->calm = true;
    w->database_down_ms = w->stopped_ms = 0;
    controller_up(w);
    for (int i = 0; i < SIM_NODES; i++) {
        w->host[i].linked = true;
        w->host[i].docker_stuck_ms = w->host[i].disk_full_ms = w->host[i].broken_ms = 0;
        agent_up(w, i);
    }
}

static void beat(struct world *w, struct sim_event *e)
{
    sim_after(w, 250, beat);
    if (!w->calm && w->now >= BUSY_MS)
        heal(w);
    if (!w->calm) {
        if (sim_chance(w, 40))
            controller_request(w);
        if (sim_chance(w, 8))
            mishap(w);
        if (sim_chance(w, 10))
            idle(w);
        if (sim_chance(w, 20))
            controller_up(w);
        if (sim_chance(w, 20))
            agent_up(w, (int)sim_random(w, SIM_NODES));
        if (sim_chance(w, 5))
            w->host[sim_random(w, SIM_NODES)].linked = true;
    }
    controller_tick(w);
    bool listens = w->fleet && w->now >= w->stopped_ms;
    for (int i = 0; i < SIM_NODES; i++) {
        struct host *h = &w->host[i];
        agent_tick(w, i);
        if (!h->keeper || !h->linked)
            h->reachable_ms = 0;
        else if (!h->reachable_ms)
            h->reachable_ms = w->now;
        if (listens && h->keeper && !h->session && h->linked && (w->calm || sim_chance(w, 50)))
            controller_session(w, i);
    }
}

/* --- what must hold --- */

/* Who is told to end one does so, whatever it was in the middle of when it was told. */
static void check_stopping(struct world *w, int node, int sandbox)
{
    const struct host *h = &w->host[node];
    struct row *r = &w->row[sandbox];
    if (!w->calm || r->state != SANDBOX_STOPPING || !h->session || !h->linked)
        r->stopping_ms = 0;
    else if (!r->stopping_ms)
        r->stopping_ms = w->now;
    else if (w->now - r->stopping_ms > SWEEP_MS)
        sim_fail(w, "sandbox %d was to end, and does not", sandbox);
}

static void check_box(struct world *w, int node, int sandbox)
{
    struct host *h = &w->host[node];
    struct box_model *b = &h->box[sandbox];
    const struct row *r = &w->row[sandbox];
    if (b->runs && !r->used)
        sim_fail(w, "sandbox %d runs and has no row", sandbox);
    uint64_t latest = r->deadline_ms + 2000 > b->excused_ms ? r->deadline_ms + 2000 : b->excused_ms;
    /* An extension that is on its way never shortens; only what the agent knows can be held to the deadline.
     */
    if (b->runs && h->keeper && b->saved && w->now > latest && b->record.deadline_ms + 2000 < w->now)
        sim_fail(w, "sandbox %d runs %llu ms past its deadline", sandbox,
                 (unsigned long long)(w->now - r->deadline_ms));
    if (r->node == node && b->container)
        check_stopping(w, node, sandbox);
    bool elsewhere = r->used && r->node != node;
    bool unwanted =
        b->container && (sandbox_state_terminal(r->state) || elsewhere) && h->session && h->linked && w->calm;
    if (!unwanted)
        b->unwanted_ms = 0;
    else if (!b->unwanted_ms)
        b->unwanted_ms = w->now;
    else if (w->now - b->unwanted_ms > SWEEP_MS)
        sim_fail(w, "sandbox %d is over and its container lives", sandbox);
}

/* Whatever was placed a second time was never begun where it was first. */
static void check_once(struct world *w, int sandbox)
{
    int begun = 0;
    for (int n = 0; n < SIM_NODES; n++)
        begun += w->host[n].box[sandbox].begun;
    if (begun > 1)
        sim_fail(w, "sandbox %d was begun on %d hosts", sandbox, begun);
}

/* No clock that is set brings an end nearer than it was promised; one that is over may have ended unheard. */
static void check_early(struct world *w, int node, int sandbox)
{
    const struct row *r = &w->row[sandbox];
    struct sandbox_id id = sim_id(sandbox);
    const struct keeper *keeper = w->host[node].keeper;
    bool lives = !sandbox_state_terminal(r->state) && r->want != WANT_GONE && !r->displaced;
    const struct box_record *record = keeper && r->node == node && lives ? keeper_find(keeper, &id) : NULL;
    if (record && record->phase != BOX_ENDED && record->generation == r->generation &&
        record->deadline_ms + 1000 < r->deadline_ms)
        sim_fail(w, "sandbox %d is to end at %llu, and its user was told %llu", sandbox,
                 (unsigned long long)record->deadline_ms, (unsigned long long)r->deadline_ms);
}

/* What is wanted, what is said and what is: in the calm they agree, whoever paused it. */
static void check_pause(struct world *w, int node, int sandbox)
{
    struct host *h = &w->host[node];
    struct box_model *b = &h->box[sandbox];
    const struct row *r = &w->row[sandbox];
    bool paused = r->want == WANT_PAUSED;
    bool looked_at = w->calm && b->runs && h->session && r->node == node && r->want != WANT_GONE &&
                     !sandbox_state_terminal(r->state);
    if (!looked_at || (b->paused == paused && (r->state == SANDBOX_PAUSED) == paused))
        b->odd_ms = 0;
    else if (!b->odd_ms)
        b->odd_ms = w->now;
    else if (w->now - b->odd_ms > AGREE_MS)
        sim_fail(w, "sandbox %d is %s, %s, and wanted %s", sandbox, b->paused ? "paused" : "running",
                 sandbox_state_name(r->state), paused ? "paused" : "running");
}

/* Whether its host knows its deadline; where its wants travel, to a second. */
static bool knows_deadline(struct host *h, int sandbox, const struct row *r)
{
    struct sandbox_id id = sim_id(sandbox);
    const struct box_record *record = h->keeper ? keeper_find(h->keeper, &id) : NULL;
    return !record || r->displaced ||
           (record->deadline_ms < r->deadline_ms + 1000 && r->deadline_ms < record->deadline_ms + 1000);
}

/* Limits and deadlines that were changed hold, whoever died before Docker or the controller was told. */
static void check_limits(struct world *w, int node, int sandbox)
{
    struct host *h = &w->host[node];
    struct box_model *b = &h->box[sandbox];
    const struct row *r = &w->row[sandbox];
    bool looked_at = w->calm && b->runs && h->session && r->node == node && r->want != WANT_GONE &&
                     !sandbox_state_terminal(r->state);
    if (!looked_at || (b->memory_bytes == r->memory_bytes && knows_deadline(h, sandbox, r)))
        b->unfit_ms = 0;
    else if (!b->unfit_ms)
        b->unfit_ms = w->now;
    else if (w->now - b->unfit_ms > AGREE_MS)
        sim_fail(w, "sandbox %d is held to %llu bytes, and should be to %llu, until %llu", sandbox,
                 (unsigned long long)b->memory_bytes, (unsigned long long)r->memory_bytes,
                 (unsigned long long)r->deadline_ms);
}

static void check_sandbox(struct world *w, int sandbox)
{
    if (sandbox >= w->rows)
        return;
    check_once(w, sandbox);
    controller_check_row(w, sandbox);
    for (int n = 0; n < SIM_NODES; n++) {
        check_box(w, n, sandbox);
        check_early(w, n, sandbox);
        check_pause(w, n, sandbox);
        check_limits(w, n, sandbox);
    }
}

/*
 * An event but the beat changes one sandbox, which is looked at right before it, when whatever lasts has
 * lasted longest, and right after it; the beat may change all.
 */
static void step(struct world *w)
{
    struct sim_event *e = take_first(w);
    w->now = e->at;
    w->steps++;
    check_sandbox(w, e->sandbox);
    e->run(w, e);
    if (e->run != beat)
        check_sandbox(w, e->sandbox);
    else {
        for (int i = 0; i < w->rows; i++)
            check_sandbox(w, i);
    }
    free(e);
}

/* Calm for long: everything ended, with nothing left of it, and the books are balanced. */
static void check_rest(struct world *w)
{
    for (int i = 0; i < w->rows; i++) {
        const struct row *r = &w->row[i];
        if (!sandbox_state_terminal(r->state))
            sim_fail(w, "sandbox %d is %s long after its deadline", i, sandbox_state_name(r->state));
        if (r->moves != r->events)
            sim_fail(w, "sandbox %d moved %u times and has %u events", i, r->moves, r->events);
        for (int n = 0; n < SIM_NODES; n++) {
            const struct box_model *b = &w->host[n].box[i];
            if (b->container || b->runs)
                sim_fail(w, "sandbox %d left a container on host %d", i, n);
            if (b->saved)
                sim_fail(w, "sandbox %d left a record on host %d", i, n);
        }
    }
    outbox_check_rest(w);
    if (fleet_count(w->fleet))
        sim_fail(w, "the fleet still holds %zu sandboxes", fleet_count(w->fleet));
    const struct node_table *nodes = fleet_nodes(w->fleet);
    for (size_t i = 0; i < nodes->count; i++) {
        if (nodes->item[i]->reserved.sandboxes || nodes->item[i]->reserved.memory_bytes)
            sim_fail(w, "host %zu has room reserved for nobody", i);
    }
}

static void world_fini(struct world *w)
{
    fleet_free(w->fleet);
    fleet_effects_fini(&w->effects);
    for (int i = 0; i < SIM_NODES; i++) {
        keeper_free(w->host[i].keeper);
        keeper_effects_fini(&w->host[i].effects);
    }
    outbox_fini(w);
    while (w->count)
        free(take_first(w));
    free(w->heap);
    free(w);
}

static unsigned long run_seed(uint64_t seed, bool verbose, int *sandboxes, unsigned long *told,
                              unsigned long *rescheduled)
{
    struct world *w = mem_zalloc(sizeof *w);
    w->seed = w->random = seed;
    w->verbose = verbose;
    controller_up(w);
    for (int i = 0; i < SIM_NODES; i++) {
        w->host[i].linked = true;
        agent_up(w, i);
    }
    sim_after(w, 1, beat);
    while (w->now < BUSY_MS + CALM_MS)
        step(w);
    check_rest(w);
    unsigned long steps = w->steps;
    *sandboxes += w->rows;
    *told += w->told;
    *rescheduled += w->rescheduled;
    world_fini(w);
    return steps;
}

int main(int argc, char **argv)
{
    uint64_t seeds = 100, from = 1;
    bool verbose = false;
    for (int i = 1; i < argc; i++) {
        if (!strcmp(argv[i], "--verbose"))
            verbose = true;
        else if (!strcmp(argv[i], "--seeds") && i + 1 < argc)
            seeds = strtoull(argv[++i], NULL, 10);
        else if (!strcmp(argv[i], "--from") && i + 1 < argc)
            from = strtoull(argv[++i], NULL, 10);
        else
            return fprintf(stderr, "usage: sim [--seeds N] [--from SEED] [--verbose]\n"), 2;
    }
    unsigned long steps = 0, told = 0, rescheduled = 0;
    int sandboxes = 0;
    make_ids();
    for (uint64_t seed = from; seed < from + seeds; seed++)
        steps += run_seed(seed, verbose, &sandboxes, &told, &rescheduled);
    printf("%llu seeds, %d sandboxes (%lu placed twice), %lu steps, %lu samples and violations told, %.1f "
           "hours of virtual time\n",
           (unsigned long long)seeds, sandboxes, rescheduled, steps, told,
           (double)seeds * (BUSY_MS + CALM_MS) / 3600000);
    return sandboxes && told && (rescheduled || seeds < 100) ? 0 : 1;
}
