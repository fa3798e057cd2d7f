/*
 * The processes of one sandbox beside its command, and the memory of their rings: bounded in all, shared by
 * need. A ring begins with INIT_RING_MIN and grows while its process prints, up to INIT_RING_MAX. Where all
 * have too much, the rings of ended processes go first, of the one that ended first, but not while somebody
 * still reads it. After those the largest ring is halved, as far as nobody waits for what is in it. So each
 * process has a ring always.
 */
#ifndef CORRAL_AGENT_INIT_TABLE_H
#define CORRAL_AGENT_INIT_TABLE_H

#include "agent/init/init_child.h"

#define INIT_RINGS_FIRST (640u << 10) /* until the agent says what all may have */

struct init_table {
    struct init_child *child[INIT_RUNNING_MAX + INIT_ENDED_MAX];
    size_t count, running; /* running: not over yet */
    size_t rings_max, rings_used;
    uint64_t over_count;
};

void init_table_init(struct init_table *table);
void init_table_fini(struct init_table *table);

/* NULL: none. */
struct init_child *init_table_find(const struct init_table *table, uint32_t number);
struct init_child *init_table_find_pid(const struct init_table *table, pid_t pid);

/* Whether one more may run, with a ring of its own; makes room for that. */
bool init_table_has_room(struct init_table *table);

/* Takes it, and gives it its ring. False, and it stays the caller's: there is no memory. Has room before. */
bool init_table_add(struct init_table *table, struct init_child *child);

/* It is over. */
void init_table_over(struct init_table *table, struct init_child *child);

/*
 * Of more than INIT_ENDED_MAX that are over the oldest are freed, those last that others still print to. Not
 * before their end was told: without an agent there are more, but no new ones either.
 */
void init_table_trim(struct init_table *table);

/* Grows its ring for more bytes beside what it keeps, as far as may be. */
void init_table_grow(struct init_table *table, struct init_child *child, size_t more);

/* Changes what all rings may have. */
void init_table_bound(struct init_table *table, uint64_t bytes);

#endif
