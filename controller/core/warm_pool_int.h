/* The members, as the files of the warm pool share them. Private to warm_pool*.c and cluster_state*.c. */
#ifndef CORRAL_CONTROLLER_CORE_WARM_POOL_INT_H
#define CORRAL_CONTROLLER_CORE_WARM_POOL_INT_H

#include "controller/core/node_table.h"
#include "controller/core/warm_pool.h"

#include <uthash.h>

/* Each with what leads out of it. */
enum warm_state {
    WARM_ADDING, /* its row is being written: MAKING, or GONE if the answer is lost */
    WARM_MAKING, /* its node is to make it: READY, or GONE if it failed there */
    WARM_READY,  /* TAKEN by a create, GOING when it is not needed, GONE if it ended by itself */
    WARM_TAKEN,  /* a create has it, and is being admitted: forgotten, or READY again if that is refused */
    WARM_UNSURE, /* the answer to the admission was lost: a reading of the rows decides, forgotten or GOING */
    WARM_GOING,  /* its node is to remove it: GONE */
    WARM_GONE    /* only its row is left: forgotten once that is deleted */
};

/* The members of one class. */
struct warm_kind {
    struct warm_kind *next;
    struct warm_class class;
    size_t members;  /* that point to it; without one it goes */
    size_t standing; /* as counted in the current step: to stay, and not taken */
};

struct warm_member {
    struct sandbox_id id; /* the key */
    struct node *node;    /* borrowed from the node table */
    struct warm_kind *kind;
    enum warm_state state;
    bool loaded;       /* another controller had it made */
    bool heard;        /* its node has reported it in this session */
    bool admitted;     /* unsure, and its row was gone in one reading */
    bool dead;         /* taken, and ended meanwhile: its node starts the sandbox cold */
    uint64_t made_ms;  /* when it became known here */
    uint64_t ready_ms; /* when it became ready */
    uint64_t
        sent_ms; /* when its node was last told; of WARM_GONE: when its row was last asked to be deleted */
    uint64_t generation; /* the highest that its node has reported */
    uint64_t seen;       /* the stamp of the latest reading that had its row */
    uint64_t stamp;      /* of readings: rows of an older reading say nothing of it */
    uint8_t *spec;       /* packed, owned */
    size_t spec_len;
    UT_hash_handle hh;
};

struct warm_pool {
    struct warm_member *members;
    struct warm_kind *kinds;
    struct warm_demand demand;
    struct warm_policy policy;
    uint64_t level;          /* as counted in the current step: the most that there are to be of one class */
    struct warm_stats stats; /* all but ready and making */
};

#define WARM_POOL_EACH(pool, m, next) HASH_ITER(hh, (pool)->members, m, next)

struct warm_member *warm_pool_find(const struct warm_pool *pool, const struct sandbox_id *id);
struct warm_member *warm_pool_add(struct warm_pool *pool, uint64_t now, const struct sandbox_id *id,
                                  struct node *node, const struct warm_class *class, const uint8_t *spec,
                                  size_t spec_len);
void warm_pool_drop(struct warm_pool *pool, struct warm_member *m);
void warm_pool_fini(struct warm_pool *pool);

/* The limits of a member until it is handed out. */
struct sandbox_limits warm_limits(const struct warm_class *class);

/* Whether it counts on its node: it is not to go. */
static inline bool warm_member_stays(const struct warm_member *m)
{
    return m->state < WARM_GOING;
}

/*
 * Which of the node's entries is of this class, and its id. NULL: of none, since nobody asks for the class
 * any more. An entry of another class is taken over.
 */
struct node_warm_class *warm_failed_entry(const struct warm_pool *pool, struct node *node,
                                          const struct warm_class *class);

/* Sets the state; one that is to go counts on its node no more. */
void warm_member_turn(struct warm_member *m, enum warm_state state);

#endif
