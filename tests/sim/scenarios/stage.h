/*
 * Scripted worlds: stories that one or more rules of the cores must bring to their end. Nothing happens by
 * chance in them; between two lines of a story the world takes steps (UNTIL, HOLDS), and what holds in every
 * world is checked after each. After its last line a story is calm until all has come to rest.
 */
#ifndef CORRAL_TESTS_SIM_STAGE_H
#define CORRAL_TESTS_SIM_STAGE_H

#include "tests/sim/world.h"

struct scenario {
    const char *rule, *name;
    void (*play)(struct world *w);
};
#define SCENARIO(rule, play)                                                                                 \
    {                                                                                                        \
        rule, #play, play                                                                                    \
    }

/* Each ends with an empty one. */
extern const struct scenario scenarios_starts[], scenarios_life[], scenarios_hosts[], scenarios_database[],
    scenarios_changes[], scenarios_clocks[], scenarios_history[];

/* The world goes on until this holds; no longer than ms. */
#define UNTIL(w, ms, condition)                                                                              \
    do {                                                                                                     \
        uint64_t until_ = (w)->now + (ms);                                                                   \
        while (!(condition)) {                                                                               \
            if ((w)->now > until_)                                                                           \
                sim_fail(w, "line %d of the story: not within %llu ms: %s", __LINE__,                        \
                         (unsigned long long)(ms), #condition);                                              \
            world_step(w);                                                                                   \
        }                                                                                                    \
    } while (0)

/* …for ms, and this holds all the time. */
#define HOLDS(w, ms, condition)                                                                              \
    do {                                                                                                     \
        uint64_t until_ = (w)->now + (ms);                                                                   \
        while ((w)->now < until_) {                                                                          \
            EXPECT(w, condition);                                                                            \
            world_step(w);                                                                                   \
        }                                                                                                    \
    } while (0)

#define EXPECT(w, condition)                                                                                 \
    do {                                                                                                     \
        if (!(condition))                                                                                    \
            sim_fail(w, "line %d of the story: it does not hold: %s", __LINE__, #condition);                 \
    } while (0)

#define PASS(w, ms) HOLDS(w, ms, true)

/* A sandbox that runs. */
int stage_running(struct world *w, uint64_t lifetime_ms);

/* The database answers nothing for so long; Docker of a node; its disk takes nothing; it starts nothing. */
void stage_no_database(struct world *w, uint64_t ms);
void stage_no_docker(struct world *w, int node, uint64_t ms);
void stage_no_disk(struct world *w, int node, uint64_t ms);
void stage_no_starts(struct world *w, int node, uint64_t ms);

void stage_stop_controller(struct world *w, uint64_t ms);

/* The desired state of a sandbox, as its row has it, arrives at its node once more, with so much left to
 * live.
 */
void stage_desired(struct world *w, int sandbox, uint64_t generation, uint64_t remaining_ms);

int stage_node(const struct world *w, int sandbox);
struct host *stage_host(struct world *w, int sandbox);
struct sandbox_model *stage_sandbox(struct world *w, int sandbox);
const struct sandbox_record *stage_record(struct world *w,
                                          int sandbox); /* the reconciler's; NULL: it has none */
bool stage_is(const struct world *w, int sandbox, enum sandbox_state state);
bool stage_ended(const struct world *w, int sandbox, enum sandbox_reason reason);

/* Neither record nor container is left of it anywhere. */
bool stage_gone(const struct world *w, int sandbox);

/* What is told of its end is true to a second. */
bool stage_row_true(const struct world *w, int sandbox);

#endif
