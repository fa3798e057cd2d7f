/* The world of the simulation: its time, its randomness, its network and its beat. */
#include "tests/sim/world.h"

#include "common/base/mem.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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
    return !w->scenario && sim_random(w, 100) < percent;
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
    if (w->scenario)
        fprintf(stderr, "\"%s\" failed; replay: sim_scenarios --verbose '%s'\n", w->scenario, w->scenario);
    else
        fprintf(stderr, "seed %llu failed; replay: sim --from %llu --seeds 1 --verbose\n",
                (unsigned long long)w->seed, (unsigned long long)w->seed);
    exit(1);
}

/* Made once: each step needs many of them. */
static struct sandbox_id ids[SIM_SANDBOXES];

static void make_ids(void)
{
    if (ids[0].text[0])
        return;
    uint8_t random[10] = {0};
    for (int i = 0; i < SIM_SANDBOXES; i++)
        ids[i] = sandbox_id_make((uint64_t)i + 1, random);
}

struct sandbox_id sim_id(int sandbox)
{
    return ids[sandbox];
}

/* sim_id makes an id from its time alone, which is the index plus one: its last two letters give the
 * index. */
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

static void event_free(struct sim_event *e)
{
    free(e->data);
    free(e);
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

uint64_t sim_wire_ms(struct world *w)
{
    return 1 + sim_random(w, w->calm || w->scenario ? 20 : 500);
}

bool sim_stands_still(const struct world *w, int process)
{
    return process == SIM_CONTROLLER && w->now < w->stopped_ms;
}

/* In steps: what it waits for may come earlier than was said, at the beginning of the calm. */
void sim_put_off(struct world *w, struct sim_event *e)
{
    struct sim_event *later = sim_after(w, 1 + sim_random(w, 500), e->run);
    uint64_t at = later->at, seq = later->seq;
    *later = *e;
    later->at = at;
    later->seq = seq;
    e->data = NULL;
}

const char *sim_node_name(int node)
{
    static const char *const names[SIM_NODES] = {"node-0", "node-1", "node-2"};
    return names[node];
}

int sim_node_index(const char *name)
{
    return name[strlen(name) - 1] - '0';
}

/* --- time --- */

void world_heal(struct world *w)
{
    w->calm = true;
    w->database_down_ms = w->stopped_ms = 0;
    controller_up(w);
    for (int i = 0; i < SIM_NODES; i++) {
        w->node[i].linked = true;
        controller_mark(w, i, false, false);
        w->node[i].docker_stuck_ms = w->node[i].disk_full_ms = w->node[i].broken_ms = 0;
        agent_up(w, i);
    }
}

static void beat(struct world *w, struct sim_event *e)
{
    sim_after(w, 250, beat);
    if (w->on_beat)
        w->on_beat(w);
    controller_tick(w);
    for (int i = 0; i < SIM_NODES; i++) {
        struct node_model *model = &w->node[i];
        agent_tick(w, i);
        if (!model->reconciler || !model->linked)
            model->reachable_ms = 0;
        else if (!model->reachable_ms)
            model->reachable_ms = w->now;
    }
}

/*
 * Each event changes one sandbox; the beat may change all. That sandbox is checked right before the event,
 * when every condition has lasted longest, and right after it.
 */
void world_step(struct world *w)
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
    event_free(e);
}

struct world *world_new(uint64_t seed, const char *scenario, void (*on_beat)(struct world *))
{
    struct world *w = mem_zalloc(sizeof *w);
    make_ids();
    w->seed = w->random = seed;
    w->scenario = scenario;
    w->on_beat = on_beat;
    w->places = 1000;
    snprintf(w->warm.base.image, sizeof w->warm.base.image, "base");
    w->warm.base.storage_bytes = 1;
    if (!scenario) {
        w->warm.min = seed % 3;
        w->warm.max = 4;
        w->places = seed % 4 ? 1000 : 10;
    }
    sim_pki_begin(w);
    controller_up(w);
    for (int i = 0; i < SIM_NODES; i++) {
        w->node[i].world = w;
        w->node[i].node = i;
        w->node[i].linked = true;
        agent_up(w, i);
    }
    sim_after(w, 1, beat);
    return w;
}

void world_free(struct world *w)
{
    for (int i = 0; i < SIM_NODES; i++)
        agent_down(w, i);
    controller_down(w);
    outbox_fini(w);
    while (w->count)
        event_free(take_first(w));
    sim_net_fini(w);
    free(w->heap);
    free(w);
}
