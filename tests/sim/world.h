/*
 * A cluster in one process under virtual time: the cluster state and the reconcilers are the real cores;
 * PostgreSQL, Docker, disks and the network are models that crash, delay, drop, double and reorder as a seed
 * says. What is written to a model's disk or database survives the crash of anyone who wrote it; nothing else
 * does.
 */
#ifndef CORRAL_TESTS_SIM_WORLD_H
#define CORRAL_TESTS_SIM_WORLD_H

#include "agent/core/guard.h"
#include "agent/core/outbox.h"
#include "agent/core/reconciler.h"
#include "common/base/awake.h"
#include "controller/core/cluster_state.h"

#define SIM_NODES     3
#define SIM_SANDBOXES 200
#define SIM_LEASE_MS  10000
#define SIM_STOP_MS   40000  /* a controller stands still no longer */
#define SIM_STEP_MS   600000 /* PostgreSQL's clock is set by no more */

struct row {
    bool used;
    struct sandbox_id id;
    int node;
    bool rescheduled; /* it was on another first */
    uint64_t generation;
    enum desired desired;
    enum sandbox_reason reason;
    enum sandbox_state state;
    uint64_t deadline_ms; /* as it should be, whatever clocks say */
    int64_t expires_ms;   /* as the row says, by PostgreSQL's clock */
    int64_t timed_ms;     /* how that was when it was given */
    uint64_t timed_at_ms; /* and when */
    bool unheard;         /* the answer that said so was lost */
    bool skewed;          /* it followed by a step that it was not timed before */
    bool displaced;       /* nobody can know its end: node and row may differ about it */
    uint64_t memory_bytes;
    uint64_t terminal_ms;
    enum sandbox_reason ended_as; /* once it has */
    uint64_t stopping_ms;         /* since when it is stopping with its node at hand, 0: it is not */
    unsigned moves, events;
    uint64_t highest_sample;             /* that the database has stored */
    bool loss_excused;                   /* its node lost what it had written, or could not write */
    uint8_t level[VIOLATION_KIND_COUNT]; /* of its episodes, as the stored reports tell them */
};

/* One thing that was put into an outbox. */
struct fact {
    int node, sandbox;
    uint64_t number, at;
    bool sample;
    bool written, told; /* on its node's disk; or could not be written, and may be told all the same */
    bool lost;          /* its agent died before it was on disk, or its disk is gone */
    bool stored;
};

/* What an outbox gave to be sent. */
struct batch {
    struct violation_report *report;
    struct sample *samples;
    size_t report_count, sample_count;
};

/* One sandbox as one node has it. */
struct sandbox_model {
    bool saved, wiped; /* wiped: it was, and its node lost its disk */
    struct sandbox_record record, writing;
    bool unwritten; /* what was written last failed */
    bool container, runs, paused, aborted;
    bool begun;          /* its command was, on this boot: never a second time, here or elsewhere */
    bool forgotten;      /* its end was acknowledged: it may never run again */
    uint64_t excused_ms; /* until then a run past its deadline is excused: the agent was down */
    struct {
        unsigned session;
        uint64_t generation;
    } told;              /* the last want that came, and in which session */
    bool pending_report; /* the uplink repeats it */
    struct sandbox_status report;
    uint64_t memory_bytes; /* that its container is held to */
    uint64_t unfit_ms;     /* since when that, or its deadline, is not what its row says; 0: it is */
    uint64_t unwanted_ms;  /* since when it lives without a live row, 0: it does not */
    struct guard guard;    /* the agent's, gone with it */
    uint64_t kept_ms;      /* when a sample was last kept; likewise */
    uint64_t odd_ms; /* since when it is paused and wanted to run, or the other way round; 0: it is not */
};

struct host {
    struct reconciler *reconciler; /* NULL: the agent is down */
    unsigned incarnation;
    bool linked;              /* the network lets it through */
    unsigned session;         /* 0: none */
    bool starts_fail;         /* as it was last told */
    uint64_t heard_ms;        /* by the controller, as long as it was awake */
    uint64_t reachable_ms;    /* since when its agent runs and the network lets it through; 0: not now */
    uint64_t docker_stuck_ms; /* until then Docker answers nothing */
    uint64_t disk_full_ms;
    uint64_t broken_ms; /* until then Docker starts nothing */
    struct sandbox_model sandbox[SIM_SANDBOXES];
    struct reconciler_effects effects;
    bool due;              /* they are carried out at the end of this turn */
    struct outbox *outbox; /* NULL: the agent is down */
    struct outbox_write write;
    bool writing, unwritten;          /* unwritten: something was told that the disk did not take */
    uint64_t last_number, write_mark; /* that was given, ever; that the write under way has */
    char *file;                       /* the outbox's, on disk */
    size_t file_len;
};

struct world;
struct sim_event {
    uint64_t at, seq;
    void (*run)(struct world *w, struct sim_event *e);
    int node, sandbox;
    unsigned incarnation, session;
    bool flag;
    uint64_t stamp, asked_ms;
    union {
        uint64_t memory_bytes;
        struct desired_state desired;
        struct sandbox_status status;
        struct status_ack ack;
        struct cluster_state_move move;
        struct cluster_state_reschedule reschedule;
        enum sandbox_state state;
        struct cluster_state_row row;
        struct {
            size_t batch;
            uint64_t violations_up_to, samples_up_to;
        } outbox;
    };
};

struct world {
    uint64_t seed, random, now, seq;
    struct sim_event **heap;
    size_t count, room;
    bool calm; /* no more faults and no more requests */

    struct cluster_state *cluster; /* NULL: the controller is down */
    unsigned incarnation, sessions;
    struct cluster_state_effects effects;
    bool due; /* they are carried out at the end of this turn */
    uint64_t database_down_ms;
    uint64_t stopped_ms; /* until then the controller stands still */
    bool was_stopped;
    int64_t clock_ms,
        frame_ms; /* PostgreSQL's less the true one; and under which the rows were right, as it is kept */
    int64_t seen_clock_ms; /* as the controller saw it last */
    uint64_t shaken_ms;    /* when its clock, the database or the controller last failed */
    bool owes_expiries, asked_expiries;
    uint64_t read_ms;   /* when it last read the rows */
    struct awake awake; /* its clock for silence */
    struct row row[SIM_SANDBOXES];
    int rows;
    struct host host[SIM_NODES];
    struct fact *fact;
    size_t facts, facts_room;
    struct batch *batch;
    size_t batches;
    unsigned long steps, told, rescheduled;
    bool verbose;
    void (*on_beat)(struct world *w); /* what a seed makes of it; NULL: nothing */

    const char *scenario; /* its name: nothing happens by chance; NULL: a seed's world */
    void (*loses)(struct world *w, struct sim_event *e); /* such messages never arrive */
    uint64_t memory_percent;                             /* that each sandbox uses of its limit */
    bool doubles;                                        /* messages arrive twice */
    bool loses_answers;                                  /* the database's on what was asked for by the API */
};

/* With the controller and all agents up. */
struct world *world_new(uint64_t seed, const char *scenario, void (*on_beat)(struct world *));
void world_free(struct world *w);
void world_step(struct world *w); /* one event, and what must hold around it */
void world_heal(struct world *w); /* the calm begins: everything runs, and nothing fails any more */

/* check.c */
void check_sandbox(struct world *w, int sandbox);
void check_rest(struct world *w); /* calm for long: everything ended, and nothing is left of it */

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
void controller_stop(struct world *w); /* for a while, as SIGSTOP does */
/* Puts what is to be heard off where the controller stands still. */
bool controller_waits(struct world *w, const struct sim_event *e);
void controller_request(struct world *w); /* one random create, delete, pause, resume or extension */

/* What the API commits, and tells the cluster state of. A create answers the sandbox, -1 where none was made;
 * lifetime_ms 0: any. */
int controller_create(struct world *w, uint64_t lifetime_ms);
void controller_delete(struct world *w, int sandbox);
void controller_pause(struct world *w, int sandbox, bool pause);
void controller_extend(struct world *w, int sandbox, uint64_t from_now_ms);
void controller_resize(struct world *w, int sandbox, uint64_t memory_bytes);
void controller_hear(struct world *w, struct sim_event *e);
void controller_session(struct world *w, int node);
void controller_tick(struct world *w);
void controller_check_row(struct world *w, int sandbox);          /* what is told of its end is true */
int64_t controller_row_error(const struct world *w, int sandbox); /* by how many ms it is not */

/* sim_agent.c */
void agent_up(struct world *w, int node);
void agent_down(struct world *w, int node);
void host_reboot(struct world *w, int node);
void host_wiped(struct world *w, int node);
void agent_tick(struct world *w, int node);
void agent_hear_desired(struct world *w, struct sim_event *e);
void agent_hear_ack(struct world *w, struct sim_event *e);
void sandbox_exits(struct world *w, int node, int sandbox);
void sandbox_touched(struct world *w, int node, int sandbox); /* by somebody else, in Docker */
void sandbox_taken(struct world *w, int node, int sandbox);   /* …who removes it */

/* sim_outbox.c: what the nodes tell of the past, once. */
void outbox_up(struct world *w, int node);
void outbox_down(struct world *w, int node);
void outbox_wiped(struct world *w, int node);
void outbox_tick(struct world *w, int node);
void outbox_ended(struct world *w, int node, int sandbox); /* its container is to be removed */
void outbox_hear_commit(struct world *w, struct sim_event *e);
void outbox_check_rest(struct world *w);
void outbox_fini(struct world *w);
void sandbox_idles(struct world *w, int node, int sandbox); /* its node pauses it */

/* Puts a copy of a message on the wire: perhaps never, perhaps twice, later at any rate. */
void wire(struct world *w, const struct sim_event *message);

/* It waits for its way to be free: that makes no copies of it, however often it is tried. */
void wire_again(struct world *w, const struct sim_event *message);

/* What is left of a wanted one's lifetime is counted down while that waits. */
void sim_wait(struct sim_event *e, uint64_t waited_ms);

#endif
