/*
 * The processes of one sandbox beside its command, and the memory of their rings, which is bounded in all. A
 * ring begins with INIT_RING_MIN and grows with its process's output up to INIT_RING_MAX. When memory runs
 * short, the rings of ended processes are freed first, in the order of their ends, except those that are
 * still read. Then the largest ring is halved, as far as no reader still needs its content. So each process
 * always has a ring.
 */
#ifndef CORRAL_AGENT_INIT_INIT_TABLE_H
#define CORRAL_AGENT_INIT_INIT_TABLE_H

#include "agent/init/init_child.h"

#define INIT_RINGS_FIRST (640u << 10) /* until the agent sends the bound */
#define INIT_TABLE_MAX   (INIT_RUNNING_MAX + INIT_ENDED_MAX + INIT_HELPERS_MAX)

struct init_table {
    struct init_child *child[INIT_TABLE_MAX];
    size_t count, running; /* running: not over yet */
    size_t rings_max, rings_used;
    uint64_t over_count;
};

void init_table_init(struct init_table *table);
void init_table_fini(struct init_table *table);

/* NULL: none. */
struct init_child *init_table_find(const struct init_table *table, uint32_t number);
struct init_child *init_table_find_pid(const struct init_table *table, pid_t pid);

/* Whether one more may run, with its own ring; frees memory for that. */
bool init_table_has_room(struct init_table *table);

/* Takes child, and gives it its ring; call init_table_has_room before. False: no memory, and child stays the
 * caller's. */
bool init_table_add(struct init_table *table, struct init_child *child);

/* The child is over. */
void init_table_over(struct init_table *table, struct init_child *child);

/*
 * Frees the oldest ended processes beyond INIT_ENDED_MAX, those last to which others still print. Not before
 * their end was sent: without an agent there may be more, but then no new ones start. Helpers for files are
 * not among them: one is forgotten when its reader has left.
 */
void init_table_trim(struct init_table *table);

/* Grows its ring so that `more` bytes fit beside the kept ones, as far as possible. */
void init_table_grow(struct init_table *table, struct init_child *child, size_t more);

/* Sets the bound for all rings together. */
void init_table_bound(struct init_table *table, uint64_t bytes);

#endif
