/*
 * Scripted scenarios: each is a story that shows one or more rules of the cores. Nothing in it happens by
 * chance. Between two lines of a story the world takes steps (UNTIL, HOLDS), and check.c checks after each
 * step what must always hold. After its last line the world is calm until everything has ended.
 */
#ifndef CORRAL_TESTS_SIM_SCENARIOS_STAGE_H
#define CORRAL_TESTS_SIM_SCENARIOS_STAGE_H

#include "tests/sim/world.h"

struct scenario {
    const char *rule, *name;
    void (*play)(struct world *w);
};
#define SCENARIO(rule, play)                                                                                 \
    {                                                                                                        \
        rule, #play, play                                                                                    \
    }

/* Each array ends with an empty row. */
extern const struct scenario scenarios_starts[], scenarios_life[], scenarios_nodes[], scenarios_database[],
    scenarios_changes[], scenarios_clocks[], scenarios_history[], scenarios_delivery[], scenarios_warm[];

/* Runs the world until the condition holds; fails after ms. */
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

/* Runs the world for ms; the condition must hold after each step. */
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

/* Creates a sandbox and waits until it runs. */
int stage_running(struct world *w, uint64_t lifetime_ms);

/* For this long: the database answers nothing; Docker of this node answers nothing; its disk takes no writes;
 * its Docker starts nothing. */
void stage_no_database(struct world *w, uint64_t ms);
void stage_no_docker(struct world *w, int node, uint64_t ms);
void stage_no_disk(struct world *w, int node, uint64_t ms);
void stage_no_starts(struct world *w, int node, uint64_t ms);

void stage_stop_controller(struct world *w, uint64_t ms);

/* Delivers the desired state of the row to its node once more, with this generation and this remaining
 * lifetime. */
void stage_desired(struct world *w, int sandbox, uint64_t generation, uint64_t remaining_ms);

/* For world.loses: messages that tell desired states, acknowledgements of statuses, those of violations,
 * statuses, violations. */
bool stage_desired_is_told(const struct node_message *m);
bool stage_ack_is_told(const struct node_message *m);
bool stage_commit_is_told(const struct node_message *m);
bool stage_status_is_told(const struct node_message *m);
bool stage_violation_is_told(const struct node_message *m);

int stage_node(const struct world *w, int sandbox);
struct node_model *stage_node_model(struct world *w, int sandbox);
struct sandbox_model *stage_sandbox(struct world *w, int sandbox);
const struct sandbox_record *stage_record(struct world *w,
                                          int sandbox); /* the reconciler's record; NULL: it has none */
bool stage_is(const struct world *w, int sandbox, enum sandbox_state state);
bool stage_ended(const struct world *w, int sandbox, enum sandbox_reason reason);

/* No node has a record or a container of it. */
bool stage_gone(const struct world *w, int sandbox);

/* expires_at of the row is right to a second. */
bool stage_row_true(const struct world *w, int sandbox);

#endif
