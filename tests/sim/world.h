/*
 * A cluster in one process under virtual time. Both cores are real, and so is what lies between them: the
 * engines that run effects at the end of a turn, the node link and the uplink, with their handshake, their
 * messages as bytes, their timers and their queues. They run on simulated loops, connections and certificates
 * (sim_loop.c, sim_net.c, sim_pki.c); PostgreSQL, Docker, disks and the inits of the warm pool's members are
 * models. All of these crash, delay, lose and double as a seed decides. What was written to a model's disk or
 * database survives a crash of the writer; nothing else does.
 */
#ifndef CORRAL_TESTS_SIM_WORLD_H
#define CORRAL_TESTS_SIM_WORLD_H

#include "agent/core/guard.h"
#include "agent/core/outbox.h"
#include "agent/core/reconciler.h"
#include "agent/engine/engine.h"
#include "agent/uplink/uplink.h"
#include "controller/core/cluster_state_warm.h"
#include "controller/leader/engine.h"
#include "controller/nodes/node_link.h"
#include "proto/node_codec.h"
#include "tests/sim/sim_net.h"

#define SIM_NODES      3
#define SIM_CONTROLLER SIM_NODES     /* the number of its process; lower ones are the agents */
#define SIM_SANDBOXES  400           /* ids: of sandboxes, and of members of the warm pool */
#define SIM_NO_SANDBOX SIM_SANDBOXES /* of an event that concerns none */
#define SIM_LEASE_MS   10000
#define SIM_STOP_MS    40000  /* the longest time that a controller stands still */
#define SIM_STEP_MS    600000 /* the largest step of PostgreSQL's clock */

/* What the database has under an id: a member's row of the warm pool, a sandbox's, or none any more. */
struct row {
    bool member; /* there is a member's row: on this node, of another class than the base image's */
    int member_node;
    bool of_another_class;
    unsigned taken_in; /* the controller, by its number, that holds the member for a create; 0: none */
    uint64_t bare_ms;  /* since when there is a member's row and no container; 0: it is not so */

    bool used;             /* there is a sandbox's row */
    uint64_t request;      /* the create that wrote it over a member's; 0: it asked for none */
    uint64_t committed_ms; /* …and when */
    bool warm;             /* …and took the member */
    uint64_t idle_ms;      /* since when the sandbox should start and does not; 0: it is not so */
    struct sandbox_id id;
    int node;
    bool rescheduled; /* it was placed on another node first */
    uint64_t generation;
    enum desired desired;
    enum sandbox_reason reason;
    enum sandbox_state state;
    uint64_t deadline_ms; /* the true end, whatever clocks say */
    int64_t expires_ms;   /* what the row says, by PostgreSQL's clock */
    int64_t timed_ms;     /* PostgreSQL's step at the time when expires_ms was given */
    uint64_t timed_at_ms; /* the time when expires_ms was given */
    bool unheard;         /* the answer that gave expires_ms was lost */
    bool skewed;          /* it was moved by a step that came before it was timed */
    bool displaced;       /* its true end is unknown: node and row may differ about it */
    uint64_t memory_bytes;
    uint64_t terminal_ms;
    enum sandbox_reason ended_as; /* the reason, once it has ended */
    uint64_t stopping_ms;         /* since when it is stopping while its node is connected; 0: it is not */
    unsigned moves, events;
    uint64_t highest_sample;             /* the highest number that the database has stored */
    bool loss_excused;                   /* its node lost what it had written, or could not write */
    uint8_t level[VIOLATION_KIND_COUNT]; /* of its open episodes, by the stored reports */
};

/* One report that was put into an outbox. */
struct fact {
    int node, sandbox;
    uint64_t number, at;
    bool sample;
    bool written; /* on its node's disk */
    bool told;    /* may be sent: it is written, or the disk refused it */
    bool lost;    /* its agent died before it was on disk, or the disk is gone */
    bool stored;
};

/* One sandbox as one node has it. */
struct sandbox_model {
    bool saved, wiped; /* wiped: its record was saved, and the node lost its disk */
    struct sandbox_record record, writing;
    bool unwritten; /* the last write failed */
    bool container, runs, paused, aborted;
    enum { HANDING_NOTHING, HANDING_PREPARES, HANDING_BEGINS } handing; /* a sandbox takes the member over */
    unsigned attempt;                                                   /* of handing out */
    bool frozen;           /* its init answers nothing; nobody sees that before a sandbox takes it over */
    bool begun;            /* its command began, on this boot: it may never begin again, on any node */
    bool forgotten;        /* its end was acknowledged: it may never run again */
    uint64_t excused_ms;   /* until this time a run past its deadline is excused: the agent was down */
    uint64_t reported;     /* the highest number of a status that its node reported */
    uint64_t memory_bytes; /* the limit that is set on its container */
    uint64_t unfit_ms;     /* since when that limit, or its deadline, differs from its row; 0: it does not */
    uint64_t orphan_ms;    /* since when it lives without a live row; 0: it does not */
    struct guard guard;    /* of the agent, lost with it */
    uint64_t kept_ms;      /* when a sample was last kept; lost with the agent */
    uint64_t odd_ms;       /* since when its pause differs from the desired state; 0: it does not */
};

struct node_model {
    struct world *world;
    int node;
    struct reconciler *reconciler; /* NULL: the agent is down */
    struct loop *loop;
    struct engine *engine;
    struct uplink *uplink;
    unsigned incarnation;
    bool linked;              /* the network lets its messages through */
    unsigned session;         /* 0: none */
    bool starts_fail;         /* what the controller was last told */
    uint64_t reachable_ms;    /* since when its agent runs and is linked; 0: it is not */
    uint64_t docker_stuck_ms; /* until then Docker answers nothing */
    uint64_t disk_full_ms;
    uint64_t broken_ms;      /* until then Docker starts nothing */
    bool cordoned, draining; /* as its row says */
    struct sandbox_model sandbox[SIM_SANDBOXES];
    struct outbox *outbox; /* NULL: the agent is down */
    struct outbox_write write;
    bool writing, unwritten; /* unwritten: the disk refused a report that may have been sent */
    uint64_t last_number;    /* the last number that was given */
    uint64_t write_mark;     /* the last number of the write under way */
    char *file;              /* the outbox's file on disk */
    size_t file_len;
};

struct world;
struct sim_event {
    uint64_t at, seq;
    void (*run)(struct world *w, struct sim_event *e);
    int node, sandbox;
    unsigned incarnation;
    bool flag;
    uint64_t stamp, asked_ms;
    union {
        uint64_t memory_bytes;
        struct sandbox_move move;
        struct sandbox_reschedule reschedule;
        enum sandbox_state state;
        struct sandbox_row row;
        size_t count; /* of what is in data */
    };
    void *data; /* freed with the event */
};

struct world {
    uint64_t seed, random, now, seq;
    struct sim_event **heap;
    size_t count, room;
    bool calm; /* no more faults and no more requests */

    struct cluster_state *cluster; /* NULL: the controller is down */
    unsigned incarnation, sessions;
    struct loop *loop;
    struct leader_engine *engine;
    struct node_link *link;
    struct sim_net net;
    uint64_t database_down_ms;
    uint64_t stopped_ms; /* until then the controller stands still */
    bool was_stopped;
    int64_t clock_ms;      /* PostgreSQL's clock less the true one */
    int64_t frame_ms;      /* the clock_ms for which the rows are right */
    int64_t seen_clock_ms; /* clock_ms when the controller last read the clock */
    uint64_t shaken_ms;    /* when its clock, the database or the controller last failed */
    bool owes_expiries, asked_expiries;
    uint64_t read_ms; /* when it last read the rows */
    bool reads_soon;
    struct row row[SIM_SANDBOXES];
    int rows; /* ids that were given */
    int sandboxes;
    uint64_t requests;         /* creates that asked for a member */
    unsigned long handed_out;  /* members that became sandboxes */
    unsigned long refused_ids; /* creates that the database refused since another has the id */
    struct warm_policy warm;
    uint64_t places; /* sandboxes that a node has room for */
    struct node_model node[SIM_NODES];
    struct fact *fact;
    size_t facts, facts_room;
    unsigned long steps, told, rescheduled;
    bool verbose;
    void (*on_beat)(struct world *w); /* the faults and requests of a seed; NULL: none */

    const char *scenario; /* its name, and nothing happens by chance; NULL: a world of a seed */
    bool (*loses)(const struct node_message *m); /* true: the message is lost, with its connection */
    uint64_t memory_percent;                     /* of its memory limit that each sandbox uses */
    uint64_t outbox_write_ms;                    /* the time of each write of an outbox; 0: short */
    bool doubles;       /* each request is served twice, and the first answer is lost */
    bool loses_answers; /* the answers of the database to requests of the API */
    bool no_commits;    /* …and admissions are not committed */
    uint64_t commit_ms; /* the time until an admission is committed; 0: short */
};

/* The controller and all agents are up. */
struct world *world_new(uint64_t seed, const char *scenario, void (*on_beat)(struct world *));
void world_free(struct world *w);
void world_step(struct world *w); /* runs one event, and checks the invariants before and after it */
void world_heal(struct world *w); /* begins the calm: everything runs, and nothing fails any more */

/* check.c */
void check_sandbox(struct world *w, int sandbox);
void check_rest(struct world *w); /* after a long calm: every sandbox has ended, and nothing is left of it */

/* Randomness, from the seed only. */
uint64_t sim_random(struct world *w, uint64_t below);
bool sim_chance(struct world *w, unsigned percent);

/* Adds an event after delay_ms; the caller fills the rest. The world owns the event. */
struct sim_event *sim_after(struct world *w, uint64_t delay_ms,
                            void (*run)(struct world *w, struct sim_event *e));

/* Ends the process; prints the seed and how to replay it. */
void sim_fail(struct world *w, const char *fmt, ...) PRINTF_LIKE(2, 3) __attribute__((noreturn));
void sim_say(struct world *w, const char *fmt, ...) PRINTF_LIKE(2, 3);

struct sandbox_id sim_id(int sandbox);
int sim_index(const struct sandbox_id *id);

/* sim_controller.c */
void controller_up(struct world *w);
void controller_down(struct world *w);
void controller_stop(struct world *w); /* stands still for a while, as after SIGSTOP */
/* True if the controller stands still: then the event is repeated later. */
bool controller_waits(struct world *w, struct sim_event *e);
void controller_request(struct world *w); /* one random create, delete, pause, resume or extension */

/* Commits a request of the API and tells the cluster state. controller_create returns the sandbox, -1 if none
 * was created; lifetime_ms 0: a random one. */
int controller_create(struct world *w, uint64_t lifetime_ms);
void controller_delete(struct world *w, int sandbox);
void controller_pause(struct world *w, int sandbox, bool pause);
void controller_extend(struct world *w, int sandbox, uint64_t from_now_ms);
void controller_resize(struct world *w, int sandbox, uint64_t memory_bytes);
void controller_tick(struct world *w);
void controller_mark(struct world *w, int node, bool cordoned, bool draining);
void controller_check_row(struct world *w, int sandbox); /* fails unless expires_at of the row is right */
int64_t controller_row_error(const struct world *w, int sandbox); /* the error of expires_at, in ms */

/* sim_warm.c: the rows of members, and what makes them. */
void warm_up(struct world *w); /* the controller begins to lead */
void warm_tick(struct world *w);
void warm_refresh(struct world *w, uint64_t stamp); /* reads the rows */
void warm_drop(struct world *w, int sandbox);
int warm_member(struct world *w,
                int node); /* one of the node's by chance, in a scenario the first; -1: none */
void check_member(struct world *w, int sandbox);
void check_members_rest(struct world *w); /* after a long calm */

/* sim_create.c: creates that ask for a member. Returns its id, -1 if there was none; lifetime_ms as in
 * controller_create. */
int warm_create(struct world *w, uint64_t lifetime_ms);

/* sim_agent.c */
void agent_up(struct world *w, int node);
void agent_down(struct world *w, int node);
void node_reboot(struct world *w, int node);
void node_wiped(struct world *w, int node);
void agent_tick(struct world *w, int node);
void agent_hear_desired(struct world *w, int node, const struct desired_state *desired);
void sandbox_exits(struct world *w, int node, int sandbox);
void sandbox_touched(struct world *w, int node, int sandbox); /* somebody pauses it in Docker */
void sandbox_taken(struct world *w, int node, int sandbox);   /* somebody removes it in Docker */
void sandbox_frozen(struct world *w, int node,
                    int sandbox); /* somebody freezes it, and Docker does not know */

/* sim_outbox.c: samples and violations that the nodes report. */
void outbox_up(struct world *w, int node);
void outbox_down(struct world *w, int node);
void outbox_wiped(struct world *w, int node);
void outbox_tick(struct world *w, int node);
void outbox_ended(struct world *w, int node, int sandbox); /* before its container is removed */
void outbox_hear_committed(struct world *w, int node, uint64_t violations, uint64_t samples);
void outbox_store_violations(struct world *w, int node, const struct violation_report *reports, size_t count);
void outbox_store_samples(struct world *w, int node, const struct sample *samples, size_t count);
void outbox_check_rest(struct world *w);
void outbox_fini(struct world *w);
void sandbox_idles(struct world *w, int node, int sandbox); /* its node pauses it for idleness */

/* The time that a message takes. */
uint64_t sim_wire_ms(struct world *w);

/* Whether a process is stopped now, and continues later. */
bool sim_stands_still(const struct world *w, int process);

/* Runs the event again a little later. Only from its own function. */
void sim_put_off(struct world *w, struct sim_event *e);

const char *sim_node_name(int node);
int sim_node_index(const char *name);

/* sim_pki.c: pki_random draws from this world. */
void sim_pki_begin(struct world *w);

#endif
