/*
 * A cluster in one process under virtual time: the fleet and the keepers are the real hearts; PostgreSQL,
 * Docker, disks and the network are models that crash, delay, drop, double and reorder as a seed says. What
 * is written to a model's disk or database survives the crash of whoever wrote it; nothing else does.
 */
#ifndef CORRAL_TESTS_SIM_WORLD_H
#define CORRAL_TESTS_SIM_WORLD_H

#include "agent/core/keeper.h"
#include "controller/core/fleet.h"

#define SIM_NODES     3
#define SIM_SANDBOXES 200
#define SIM_LEASE_MS  10000

struct row {
    bool used;
    struct sandbox_id id;
    int node;
    uint64_t generation;
    enum want_state want;
    enum sandbox_reason reason;
    enum sandbox_state state;
    uint64_t deadline_ms;
    uint64_t terminal_ms;
    unsigned moves, events;
};

/* One sandbox as one host has it. */
struct box_model {
    bool saved;
    struct box_record record;
    bool container, runs, paused, aborted;
    bool forgotten;      /* its end was accepted: it may never run again */
    uint64_t excused_ms; /* until then a run past its deadline is excused: the agent was down */
    bool pending_report; /* the uplink repeats it */
    struct observation report;
    uint64_t unwanted_ms; /* since when it lives without a live row, 0: it does not */
    uint64_t odd_ms; /* since when it is paused and wanted to run, or the other way round; 0: it is not */
};

struct host {
    struct keeper *keeper; /* NULL: the agent is down */
    unsigned incarnation;
    bool linked;              /* the network lets it through */
    unsigned session;         /* 0: none */
    uint64_t heard_ms;        /* by the controller */
    uint64_t docker_stuck_ms; /* until then Docker answers nothing */
    uint64_t disk_full_ms;
    struct box_model box[SIM_SANDBOXES];
    struct keeper_effects effects;
};

struct world;
struct sim_event {
    uint64_t at, seq;
    void (*run)(struct world *w, struct sim_event *e);
    int node, sandbox;
    unsigned incarnation, session;
    bool flag;
    union {
        struct want want;
        struct observation observation;
        struct acceptance acceptance;
        struct fleet_move move;
        enum sandbox_state state;
        struct fleet_row row;
    };
};

struct world {
    uint64_t seed, random, now, seq;
    struct sim_event **heap;
    size_t count, room;
    bool calm; /* no more faults and no more requests */

    struct fleet *fleet; /* NULL: the controller is down */
    unsigned incarnation, sessions;
    struct fleet_effects effects;
    uint64_t database_down_ms;
    struct row row[SIM_SANDBOXES];
    int rows;
    struct host host[SIM_NODES];
    unsigned long steps;
    bool verbose;
};

/* Randomness, from the seed only. */
uint64_t sim_random(struct world *w, uint64_t below);
bool sim_chance(struct world *w, unsigned percent);

/* An event after delay_ms; the caller fills the rest. Owned by the world. */
struct sim_event *sim_after(struct world *w, uint64_t delay_ms,
                            void (*run)(struct world *w, struct sim_event *e));

/* Ends the process with the seed and how to replay it. */
void sim_fail(struct world *w, const char *fmt, ...) PRINTF_LIKE(2, 3) __attribute__((noreturn));
void sim_say(struct world *w, const char *fmt, ...) PRINTF_LIKE(2, 3);

struct sandbox_id sim_id(int sandbox);
int sim_index(const struct sandbox_id *id);

/* sim_controller.c */
void controller_up(struct world *w);
void controller_down(struct world *w);
void controller_request(struct world *w); /* one random create, delete, pause, resume or extension */
void controller_hear(struct world *w, struct sim_event *e);
void controller_session(struct world *w, int node);
void controller_tick(struct world *w);

/* sim_agent.c */
void agent_up(struct world *w, int node);
void agent_down(struct world *w, int node);
void host_reboot(struct world *w, int node);
void host_wiped(struct world *w, int node);
void agent_tick(struct world *w, int node);
void agent_hear_want(struct world *w, struct sim_event *e);
void agent_hear_acceptance(struct world *w, struct sim_event *e);
void sandbox_exits(struct world *w, int node, int sandbox);
void sandbox_idles(struct world *w, int node, int sandbox); /* its host pauses it */

/* Puts a copy of a message on the wire: perhaps never, perhaps twice, later at any rate. */
void wire(struct world *w, const struct sim_event *message);

#endif
