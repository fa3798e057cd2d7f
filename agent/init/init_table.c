#include "agent/init/init_table.h"

void init_table_init(struct init_table *table)
{
    *table = (struct init_table){.rings_max = INIT_RINGS_FIRST};
}

void init_table_fini(struct init_table *table)
{
    for (size_t i = 0; i < table->count; i++)
        init_child_free(table->child[i]);
    *table = (struct init_table){.rings_max = INIT_RINGS_FIRST};
}

struct init_child *init_table_find(const struct init_table *table, uint32_t number)
{
    for (size_t i = 0; i < table->count; i++) {
        if (table->child[i]->number == number)
            return table->child[i];
    }
    return NULL;
}

struct init_child *init_table_find_pid(const struct init_table *table, pid_t pid)
{
    for (size_t i = 0; i < table->count; i++) {
        if (table->child[i]->pid == pid)
            return table->child[i];
    }
    return NULL;
}

/* --- memory of the rings --- */

static bool resize(struct init_table *table, struct init_child *child, size_t room)
{
    size_t before = init_ring_cost(child->ring.room);
    if (!init_ring_resize(&child->ring, room))
        return false;
    table->rings_used += init_ring_cost(room) - before;
    return true;
}

static void drop(struct init_table *table, struct init_child *child)
{
    table->rings_used -= init_ring_cost(child->ring.room);
    init_ring_drop(&child->ring);
}

/* Whether a client is still to come for the end of its output. */
static bool is_due(const struct init_child *child)
{
    return child->holds && child->pace < child->ring.end;
}

static struct init_child *oldest_unread(const struct init_table *table)
{
    struct init_child *oldest = NULL;
    for (size_t i = 0; i < table->count; i++) {
        struct init_child *c = table->child[i];
        if (!c->is_over || !c->ring.room || c->attached)
            continue;
        if (!oldest || (is_due(c) == is_due(oldest) ? c->over_order < oldest->over_order : is_due(oldest)))
            oldest = c;
    }
    return oldest;
}

/*
 * Whether half of its size holds everything that its fastest reader has not had; of a process that holds,
 * also what that reader had last, as much as a ring of half its size keeps of it (room_ahead in
 * init_streams.c).
 */
static bool may_halve(const struct init_child *child)
{
    const struct init_ring *ring = &child->ring;
    size_t half = ring->room / 2;
    if (half < INIT_RING_MIN)
        return false;
    if (child->holds)
        return ring->end - ring->oldest <= half ||
               (half >= INIT_RING_HELD && ring->end - child->pace <= half / 2);
    return !child->attached || ring->end - child->pace <= half;
}

static struct init_child *largest(const struct init_table *table)
{
    struct init_child *largest = NULL;
    for (size_t i = 0; i < table->count; i++) {
        struct init_child *c = table->child[i];
        if (may_halve(c) && (!largest || c->ring.room > largest->ring.room))
            largest = c;
    }
    return largest;
}

static bool fits(const struct init_table *table, size_t more)
{
    return table->rings_used + more <= table->rings_max;
}

static bool drop_for(struct init_table *table, size_t more)
{
    struct init_child *child;
    while (!fits(table, more) && (child = oldest_unread(table)))
        drop(table, child);
    return fits(table, more);
}

static bool halve_for(struct init_table *table, size_t more)
{
    struct init_child *child;
    bool good = drop_for(table, more);
    while (!good && (child = largest(table)) && resize(table, child, child->ring.room / 2))
        good = fits(table, more);
    return good;
}

void init_table_grow(struct init_table *table, struct init_child *child, size_t more)
{
    struct init_ring *ring = &child->ring;
    size_t kept = (size_t)(ring->end - ring->oldest), room = ring->room;
    while (room < INIT_RING_MAX && room < kept + more)
        room *= 2;
    while (room > ring->room && !drop_for(table, init_ring_cost(room) - init_ring_cost(ring->room)))
        room /= 2;
    if (room > ring->room)
        (void)resize(table, child, room);
}

void init_table_bound(struct init_table *table, uint64_t bytes)
{
    table->rings_max = bytes < INIT_RINGS_MAX ? (size_t)bytes : INIT_RINGS_MAX;
    (void)halve_for(table, 0);
}

/* --- the table --- */

bool init_table_has_room(struct init_table *table)
{
    return table->running < INIT_RUNNING_MAX && table->count < sizeof table->child / sizeof table->child[0] &&
           halve_for(table, init_ring_cost(INIT_RING_MIN));
}

bool init_table_add(struct init_table *table, struct init_child *child)
{
    if (!resize(table, child, INIT_RING_MIN))
        return false;
    table->child[table->count++] = child;
    table->running++;
    return true;
}

static bool is_printed_to(const struct init_child *child)
{
    return child->out_fd[0] >= 0 || child->out_fd[1] >= 0;
}

static bool goes_before(const struct init_child *a, const struct init_child *b)
{
    if (is_printed_to(a) != is_printed_to(b))
        return is_printed_to(b);
    return a->over_order < b->over_order;
}

static bool is_helper(const struct init_child *child)
{
    return child->told.flags & INIT_PROCESS_FILE;
}

/* The index of the process, or the helper, to forget: its end was sent, and nobody reads it. table->count:
 * none. */
static size_t first_to_go(const struct init_table *table, bool helper)
{
    size_t first = table->count;
    for (size_t i = 0; i < table->count; i++) {
        const struct init_child *c = table->child[i];
        if (c->is_over && !c->dirty && !c->attached && is_helper(c) == helper &&
            (first == table->count || goes_before(c, table->child[first])))
            first = i;
    }
    return first;
}

static void forget(struct init_table *table, size_t at)
{
    table->rings_used -= init_ring_cost(table->child[at]->ring.room);
    init_child_free(table->child[at]);
    table->child[at] = table->child[--table->count];
}

void init_table_over(struct init_table *table, struct init_child *child)
{
    child->is_over = true;
    child->over_order = ++table->over_count;
    table->running--;
}

static size_t count_ended(const struct init_table *table, bool helpers)
{
    size_t count = 0;
    for (size_t i = 0; i < table->count; i++)
        count += table->child[i]->is_over && is_helper(table->child[i]) == helpers;
    return count;
}

static void trim(struct init_table *table, bool helpers, size_t max)
{
    size_t gone;
    while (count_ended(table, helpers) > max && (gone = first_to_go(table, helpers)) < table->count)
        forget(table, gone);
}

void init_table_trim(struct init_table *table)
{
    for (size_t i = table->count; i-- > 0;) {
        const struct init_child *c = table->child[i];
        if (is_helper(c) && c->is_over && !c->dirty && !c->awaits_reader && !c->attached)
            forget(table, i);
    }
    if (table->count - table->running <= INIT_HELPERS_MAX)
        return;
    trim(table, true, INIT_HELPERS_MAX);
    trim(table, false, INIT_ENDED_MAX);
}
