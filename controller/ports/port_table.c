#include "controller/ports/port_table.h"

#include "common/base/mem.h"

#include <stdlib.h>
#include <string.h>
#include <uthash.h>

static const char gone[] = "the port has ended";

struct waiter {
    STAILQ_ENTRY(waiter) link;
    port_find_cb *cb;
    void *arg;
};

/* One token. uthash iterates in the order of insertion: a row that was read is moved to the end. */
struct port_row {
    struct port_table *table;
    uint8_t hash[PORT_HASH_LEN];
    bool known, none; /* else it was never read */
    bool changed;     /* it is to be read again before it is used */
    bool asked;       /* a look-up is under way */
    bool again;       /* it changed meanwhile */
    bool queued;      /* it waits for its look-up */
    uint64_t read_ms; /* when it was read */
    struct port_known port;
    struct port_proxies proxies;
    struct timer expiry;
    STAILQ_HEAD(, waiter) waiters;
    STAILQ_ENTRY(port_row) of_queue;
    UT_hash_handle hh;
};

struct port_table {
    struct loop *loop;
    port_lookup_fn *lookup;
    void *owner;
    struct port_row *rows;
    size_t nones, lookups, waiting;
    STAILQ_HEAD(, port_row) queue;
};

/* --- rows --- */

static void row_free(struct port_row *row)
{
    struct port_table *table = row->table;
    port_proxies_cut(&row->proxies, ERR_NOT_FOUND, gone);
    timer_stop(&row->expiry);
    table->nones -= row->none;
    HASH_DEL(table->rows, row);
    free(row);
}

static bool is_in_use(const struct port_row *row)
{
    return row->asked || row->queued || !LIST_EMPTY(&row->proxies.list);
}

/* Forgets the oldest row of its kind. False: all are in use. */
static bool make_room(struct port_table *table, bool none)
{
    struct port_row *row, *next;
    HASH_ITER(hh, table->rows, row, next)
    {
        if (row->none != none || is_in_use(row))
            continue;
        row_free(row);
        return true;
    }
    return false;
}

static struct port_row *row_find(struct port_table *table, const uint8_t hash[PORT_HASH_LEN])
{
    struct port_row *row;
    HASH_FIND(hh, table->rows, hash, PORT_HASH_LEN, row);
    return row;
}

static struct port_row *row_get(struct port_table *table, const uint8_t hash[PORT_HASH_LEN])
{
    struct port_row *row = row_find(table, hash);
    if (row)
        return row;
    if (HASH_COUNT(table->rows) - table->nones >= PORT_ROWS_MAX && !make_room(table, false))
        return NULL;
    row = mem_zalloc(sizeof *row);
    row->table = table;
    memcpy(row->hash, hash, PORT_HASH_LEN);
    LIST_INIT(&row->proxies.list);
    STAILQ_INIT(&row->waiters);
    HASH_ADD(hh, table->rows, hash, PORT_HASH_LEN, row);
    return row;
}

static void set_none(struct port_row *row, bool none)
{
    row->table->nones += (size_t)none - (size_t)row->none;
    row->none = none;
}

static void on_expiry(void *arg)
{
    struct port_row *row = arg;
    row->known = false;
    set_none(row, true);
    row->read_ms = loop_now_ms();
    port_proxies_cut(&row->proxies, ERR_NOT_FOUND, gone);
}

/* --- look-ups --- */

static bool is_fresh(const struct port_row *row)
{
    uint64_t age = loop_now_ms() - row->read_ms;
    return !row->changed && ((row->known && age < PORT_FRESH_MS) || (row->none && age < PORT_NONE_MS));
}

static void tell(struct port_row *row, port_find_cb *cb, void *arg, const struct err *e)
{
    if (row->known)
        cb(arg, 0, "", &row->port, &row->proxies);
    else
        cb(arg, e ? e->code : ERR_NOT_FOUND, e ? e->text : gone, NULL, NULL);
}

static void tell_waiters(struct port_row *row, const struct err *e)
{
    struct waiter *w;
    while ((w = STAILQ_FIRST(&row->waiters))) {
        STAILQ_REMOVE_HEAD(&row->waiters, link);
        row->table->waiting--;
        tell(row, w->cb, w->arg, e);
        free(w);
    }
}

static void begin_lookups(struct port_table *table)
{
    struct port_row *row;
    while (table->lookups < PORT_LOOKUPS_MAX && (row = STAILQ_FIRST(&table->queue))) {
        STAILQ_REMOVE_HEAD(&table->queue, of_queue);
        row->queued = false;
        row->asked = true;
        row->again = false;
        table->lookups++;
        table->lookup(table->owner, row->hash, row);
    }
}

static void ask(struct port_row *row)
{
    if (row->asked || row->queued)
        return;
    row->queued = true;
    STAILQ_INSERT_TAIL(&row->table->queue, row, of_queue);
    begin_lookups(row->table);
}

/* It was read now: it is the last to be forgotten. */
static void renew(struct port_row *row)
{
    struct port_table *table = row->table;
    row->read_ms = loop_now_ms();
    row->changed = false;
    HASH_DEL(table->rows, row);
    HASH_ADD(hh, table->rows, hash, PORT_HASH_LEN, row);
}

static void take_known(struct port_row *row, const struct port_known *known)
{
    row->port = *known;
    row->known = true;
    set_none(row, false);
    renew(row);
    timer_start(&row->expiry, row->table->loop, known->remaining_ms, on_expiry, row);
}

static void take_none(struct port_row *row)
{
    timer_stop(&row->expiry);
    row->known = false;
    set_none(row, true);
    renew(row);
    port_proxies_cut(&row->proxies, ERR_NOT_FOUND, gone);
}

/* The database failed: what was read lately goes on, unless something has changed since. */
static void take_failure(struct port_row *row)
{
    if (row->known && (row->changed || loop_now_ms() - row->read_ms >= PORT_STALE_MS))
        row->known = false;
}

void port_table_found(void *lookup, int code, const struct err *e, const struct port_known *known)
{
    struct port_row *row = lookup;
    struct port_table *table = row->table;
    row->asked = false;
    table->lookups--;
    if (row->again && code != ERR_CANCELLED) {
        ask(row);
        return;
    }
    if (!code)
        take_known(row, known);
    else if (code == ERR_NOT_FOUND)
        take_none(row);
    else
        take_failure(row);
    tell_waiters(row, code ? e : NULL);
    if (!row->known && !row->none && !is_in_use(row))
        row_free(row);
    while (table->nones > PORT_NONE_MAX && make_room(table, true))
        ;
    if (code != ERR_CANCELLED) /* nobody looks up any more */
        begin_lookups(table);
}

/* --- what the owner calls --- */

bool port_table_knows(struct port_table *table, const uint8_t hash[PORT_HASH_LEN])
{
    const struct port_row *row = row_find(table, hash);
    return row && row->known;
}

void port_table_find(struct port_table *table, const uint8_t hash[PORT_HASH_LEN], port_find_cb *cb, void *arg)
{
    struct port_row *row = row_get(table, hash);
    if (row && is_fresh(row)) {
        tell(row, cb, arg, NULL);
        return;
    }
    if (!row || table->waiting >= PORT_WAITING_MAX) {
        cb(arg, ERR_RATE_LIMITED, "too many ports are looked up at once; try again", NULL, NULL);
        if (row && !row->known && !row->none && !is_in_use(row))
            row_free(row);
        return;
    }
    struct waiter *w = mem_zalloc(sizeof *w);
    w->cb = cb;
    w->arg = arg;
    STAILQ_INSERT_TAIL(&row->waiters, w, link);
    table->waiting++;
    ask(row);
}

void port_table_changed(struct port_table *table)
{
    struct port_row *row, *next;
    HASH_ITER(hh, table->rows, row, next)
    row->changed = row->again = true;
}

void port_table_end(struct port_table *table, const char *id)
{
    struct port_row *row, *next;
    HASH_ITER(hh, table->rows, row, next)
    {
        row->again = true;                           /* what is being read may be older */
        if (!row->none && !strcmp(row->port.id, id)) /* also one that could not be read again lately */
            take_none(row);
    }
}

void port_table_check(struct port_table *table, const char *id)
{
    struct port_row *row, *next;
    HASH_ITER(hh, table->rows, row, next)
    {
        if (row->none || strcmp(row->port.id, id))
            continue;
        row->changed = row->again = true;
        ask(row);
    }
}

struct port_table *port_table_new(struct loop *loop, port_lookup_fn *lookup, void *owner)
{
    struct port_table *table = mem_zalloc(sizeof *table);
    table->loop = loop;
    table->lookup = lookup;
    table->owner = owner;
    STAILQ_INIT(&table->queue);
    return table;
}

/* Those that wait for their turn are told, though none comes. */
void port_table_free(struct port_table *table)
{
    struct port_row *row, *next;
    struct err e;
    if (!table)
        return;
    (void)err_set(&e, ERR_CANCELLED, "this controller is about to end");
    HASH_ITER(hh, table->rows, row, next)
    {
        row->known = false;
        tell_waiters(row, &e);
        row_free(row);
    }
    free(table);
}
