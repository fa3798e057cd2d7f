#include "controller/ports/port_table.h"

#include "common/base/mem.h"

#include <stdio.h>
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
    bool queued;      /* it waits for its look-up */
    unsigned repeats; /* of this look-up, since something changed meanwhile */
    uint64_t as_of;   /* the changes before its look-up */
    uint64_t read_ms; /* when it was read */
    struct port_known port;
    struct port_proxies proxies;
    struct timer expiry;
    STAILQ_HEAD(, waiter) waiters;
    STAILQ_ENTRY(port_row) of_queue;
    UT_hash_handle hh;
};

/* The prefix of a key, the id of a port, or "*". */
struct change {
    char of[PORT_ID_MAX + 1];
};

struct port_table {
    struct loop *loop;
    port_lookup_fn *lookup;
    void *owner;
    struct port_row *rows;
    size_t knowns, nones, lookups, waiting;
    struct change recent[PORT_CHANGES_KEPT];
    uint64_t changes; /* of which the last are in recent, the n-th at n % PORT_CHANGES_KEPT */
    STAILQ_HEAD(, port_row) queue;
};

/* --- rows --- */

static void row_free(struct port_row *row)
{
    struct port_table *table = row->table;
    port_proxies_cut(&row->proxies, ERR_NOT_FOUND, gone);
    timer_stop(&row->expiry);
    table->nones -= row->none;
    table->knowns -= row->known;
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
        if ((none ? !row->none : !row->known) || is_in_use(row))
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

static struct port_row *row_new(struct port_table *table, const uint8_t hash[PORT_HASH_LEN])
{
    struct port_row *row = mem_zalloc(sizeof *row);
    row->table = table;
    memcpy(row->hash, hash, PORT_HASH_LEN);
    LIST_INIT(&row->proxies.list);
    STAILQ_INIT(&row->waiters);
    HASH_ADD(hh, table->rows, hash, PORT_HASH_LEN, row);
    return row;
}

static void set(struct port_row *row, bool known, bool none)
{
    row->table->knowns += (size_t)known - (size_t)row->known;
    row->table->nones += (size_t)none - (size_t)row->none;
    row->known = known;
    row->none = none;
}

static void on_expiry(void *arg)
{
    struct port_row *row = arg;
    set(row, false, true);
    row->read_ms = loop_now_ms();
    port_proxies_cut(&row->proxies, ERR_NOT_FOUND, gone);
}

/* --- changes --- */

static void note_change(struct port_table *table, const char *of)
{
    struct change *change = &table->recent[table->changes++ % PORT_CHANGES_KEPT];
    snprintf(change->of, sizeof change->of, "%s", of);
}

/* Whether what was read of this port may be older than a change of it, or of its key. */
static bool is_overtaken(const struct port_row *row, const struct port_known *known)
{
    const struct port_table *table = row->table;
    if (table->changes - row->as_of > PORT_CHANGES_KEPT)
        return true;
    for (uint64_t n = row->as_of; n < table->changes; n++) {
        const char *of = table->recent[n % PORT_CHANGES_KEPT].of;
        if (!strcmp(of, "*") || !strcmp(of, known->id) || !strcmp(of, known->caller.key_prefix))
            return true;
    }
    return false;
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
        row->as_of = table->changes;
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
    set(row, true, false);
    renew(row);
    timer_start(&row->expiry, row->table->loop, known->remaining_ms, on_expiry, row);
}

static void take_none(struct port_row *row)
{
    timer_stop(&row->expiry);
    set(row, false, true);
    renew(row);
    port_proxies_cut(&row->proxies, ERR_NOT_FOUND, gone);
}

/* The database failed: what was read lately goes on, unless something has changed since. */
static void take_failure(struct port_row *row)
{
    if (row->known && (row->changed || loop_now_ms() - row->read_ms >= PORT_STALE_MS))
        set(row, false, row->none);
}

/* Reads it once more; false: it was read often enough, and changes all the time. */
static bool read_again(struct port_row *row)
{
    if (row->repeats++ >= PORT_REPEATS_MAX)
        return false;
    ask(row);
    return true;
}

void port_table_found(void *lookup, int code, const struct err *e, const struct port_known *known)
{
    struct port_row *row = lookup;
    struct port_table *table = row->table;
    struct err busy;
    row->asked = false;
    table->lookups--;
    if (!code && is_overtaken(row, known)) {
        if (read_again(row))
            return;
        row->changed = true;
        code = err_set(&busy, ERR_RATE_LIMITED, "the port, or its key, changes all the time; try again");
        e = &busy;
    }
    row->repeats = 0;
    if (!code)
        take_known(row, known);
    else if (code == ERR_NOT_FOUND)
        take_none(row);
    else
        take_failure(row);
    if (row->none && row->as_of != table->changes)
        row->changed = true; /* nobody knows whose key it may have */
    tell_waiters(row, code ? e : NULL);
    if (!row->known && !row->none && !is_in_use(row))
        row_free(row);
    while (table->knowns > PORT_ROWS_MAX && make_room(table, false))
        ;
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
    struct port_row *row = row_find(table, hash);
    if (row && is_fresh(row)) {
        tell(row, cb, arg, NULL);
        return;
    }
    if (table->waiting >= PORT_WAITING_MAX) {
        cb(arg, ERR_RATE_LIMITED, "too many ports are looked up at once; try again", NULL, NULL);
        return;
    }
    if (!row)
        row = row_new(table, hash);
    struct waiter *w = mem_zalloc(sizeof *w);
    w->cb = cb;
    w->arg = arg;
    STAILQ_INSERT_TAIL(&row->waiters, w, link);
    table->waiting++;
    ask(row);
}

void port_table_changed(struct port_table *table, const char *prefix)
{
    struct port_row *row, *next;
    bool all = !strcmp(prefix, "*");
    note_change(table, prefix);
    HASH_ITER(hh, table->rows, row, next)
    {
        if (all || row->none || !strcmp(prefix, row->port.caller.key_prefix))
            row->changed = true;
    }
}

void port_table_end(struct port_table *table, const char *id)
{
    struct port_row *row, *next;
    note_change(table, id);
    HASH_ITER(hh, table->rows, row, next)
    {
        if (!row->none && !strcmp(row->port.id, id)) /* also one that could not be read again lately */
            take_none(row);
    }
}

void port_table_check(struct port_table *table, const char *id)
{
    struct port_row *row, *next;
    note_change(table, id);
    HASH_ITER(hh, table->rows, row, next)
    {
        if (row->none || strcmp(row->port.id, id))
            continue;
        row->changed = true;
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
        set(row, false, row->none);
        tell_waiters(row, &e);
        row_free(row);
    }
    free(table);
}
