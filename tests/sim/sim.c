/*
 * Runs clusters under virtual time with seeded faults, and checks the invariants after each step.
 * usage: sim [--seeds N] [--from SEED] [--verbose]     A failing seed is printed with the command to replay
 * it.
 */
#include "tests/sim/world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define BUSY_MS 120000 /* duration of requests and faults */
#define CALM_MS                                                                                              \
    200000 /* then until everything has ended: longer than the longest lifetime, all leases and all retries  \
            */

/* It ends, is frozen, paused, or taken away: any of that may meet a create. */
static void hurt_member(struct world *w, int node)
{
    int member = warm_member(w, node);
    static void (*const ways[])(struct world *, int, int) = {sandbox_exits, sandbox_frozen, sandbox_touched,
                                                             sandbox_taken};
    if (member >= 0)
        ways[sim_random(w, 4)](w, node, member);
}

static void mishap(struct world *w)
{
    int node = (int)sim_random(w, SIM_NODES);
    struct node_model *model = &w->node[node];
    switch (sim_random(w, 16)) {
    case 0:
        controller_down(w);
        break;
    case 1:
    case 2:
        agent_down(w, node);
        break;
    case 3:
        node_reboot(w, node);
        break;
    case 4:
        model->linked = !model->linked;
        break;
    case 5:
        model->docker_stuck_ms = w->now + sim_random(w, 20000);
        break;
    case 6:
        model->disk_full_ms = w->now + sim_random(w, 5000);
        break;
    case 7:
        w->database_down_ms = w->now + sim_random(w, 20000);
        break;
    case 8:
        if (sim_chance(w, 20))
            node_wiped(w, node);
        break;
    case 9:
        sandbox_exits(w, node, (int)sim_random(w, 1 + (uint64_t)w->rows));
        break;
    case 10:
        sandbox_touched(w, node, (int)sim_random(w, 1 + (uint64_t)w->rows));
        break;
    case 11:
        controller_stop(w);
        break;
    case 12:
        model->broken_ms = w->now + sim_random(w, 30000);
        break;
    case 13:
        hurt_member(w, node);
        break;
    case 14:
        controller_mark(w, node, sim_chance(w, 50), sim_chance(w, 50));
        break;
    case 15:
        w->clock_ms = (int64_t)sim_random(w, 2 * SIM_STEP_MS) - SIM_STEP_MS;
        sim_say(w, "PostgreSQL's clock is %lld ms ahead", (long long)w->clock_ms);
        break;
    }
}

/* Picks one of the latest sandboxes: most of the others have ended. */
static void idle(struct world *w)
{
    int back = (int)sim_random(w, 20);
    if (back < w->rows)
        sandbox_idles(w, w->row[w->rows - 1 - back].node, w->rows - 1 - back);
}

static void busy(struct world *w)
{
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
        w->node[sim_random(w, SIM_NODES)].linked = true;
}

static void on_beat(struct world *w)
{
    if (!w->calm && w->now >= BUSY_MS)
        world_heal(w);
    if (!w->calm)
        busy(w);
}

static unsigned long run_seed(uint64_t seed, bool verbose, int *sandboxes, unsigned long *handed_out,
                              unsigned long *told, unsigned long *rescheduled)
{
    struct world *w = world_new(seed, NULL, on_beat);
    w->verbose = verbose;
    while (w->now < BUSY_MS + CALM_MS)
        world_step(w);
    check_rest(w);
    unsigned long steps = w->steps;
    *sandboxes += w->sandboxes;
    *handed_out += w->handed_out;
    *told += w->told;
    *rescheduled += w->rescheduled;
    world_free(w);
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
    unsigned long steps = 0, told = 0, rescheduled = 0, handed_out = 0;
    int sandboxes = 0;
    for (uint64_t seed = from; seed < from + seeds; seed++)
        steps += run_seed(seed, verbose, &sandboxes, &handed_out, &told, &rescheduled);
    double hours = (double)seeds * (BUSY_MS + CALM_MS) / 3600000;
    printf("%llu seeds, %d sandboxes (%lu out of the pool, %lu placed twice), %lu steps, %lu samples and "
           "violations told, %.1f "
           "hours of virtual time, %.1f in a second of processor\n",
           (unsigned long long)seeds, sandboxes, handed_out, rescheduled, steps, told, hours,
           hours * CLOCKS_PER_SEC / (double)clock());
    return sandboxes && handed_out && told && (rescheduled || seeds < 100) ? 0 : 1;
}
