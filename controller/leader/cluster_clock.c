/*
 * PostgreSQL's clock, by which every time is told, as whoever leads sees it: once a second over the leader's
 * own connection, held against the loop's clock. Where it was set, nothing ends earlier or later for it: the
 * fleet counts on, and the rows follow (fleet_clock_stepped, sql/functions/clock.sql). The offset of the two
 * is kept in the database, so that the next controller of this machine finds a step that nobody watched; one
 * of another machine, or after a boot, cannot know, and believes the rows: for a quarter of an hour also
 * after a step, since a clock that was wrong at the boot is put right then.
 */
#include "controller/leader/cluster_int.h"

#include "controller/db/db_clock.h"

#include "common/io/log.h"
#include "common/base/mem.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define KEPT_MS 100 /* it drifts: kept again when it is so far off */

struct look {
    struct leader_ref asked;
    uint64_t asked_ms;
    int64_t step_ms; /* that the rows are asked to follow */
};

static struct look *look_new(struct cluster *c)
{
    struct look *look = mem_zalloc(sizeof *look);
    *look = (struct look){.asked = leader_ref_of(c), .asked_ms = loop_now_ms()};
    return look;
}

/* The cluster, where it leads as it did then; else NULL. Copies it to out and frees it. */
static struct cluster *look_end(struct look *look, struct look *out)
{
    *out = *look;
    free(look);
    return leader_of(&out->asked);
}

static void note_step(struct cluster *c, int64_t step_ms)
{
    c->steps.count++;
    c->steps.last_ms = step_ms;
    log_warn(
        "cluster",
        "PostgreSQL's clock was set, by %.1f s; sandboxes live as long as before, and their times follow",
        (double)step_ms / 1000);
}

/* --- at the beginning --- */

static void look_at_first(void *arg);

static void begin_again(struct cluster *c, const struct err *e)
{
    log_warn("cluster", "PostgreSQL's clock cannot be looked at, trying again: %s", e ? e->text : "");
    timer_start(&c->again, c->loop, CLUSTER_AGAIN_MS, look_at_first, c);
}

static void on_followed(void *arg, int code, const struct err *e, const char *json)
{
    struct look look;
    struct cluster *c = look_end(arg, &look);
    if (!c)
        return;
    if (code) {
        begin_again(c, e);
        return;
    }
    note_step(c, look.step_ms);
    c->clock_then(c);
}

static void on_first(void *arg, int code, const struct err *e, const struct db_clock *clock)
{
    struct look look;
    struct cluster *c = look_end(arg, &look);
    if (!c)
        return;
    if (code) {
        begin_again(c, e);
        return;
    }
    uint64_t now = loop_now_ms();
    c->clock = (struct clock_watch){0};
    clock_watch_look(&c->clock, look.asked_ms, now, clock->now_ms);
    int64_t offset = clock_watch_offset(&c->clock), most = CLOCK_STEP_MS + (int64_t)(now - look.asked_ms);
    c->unwatched = !clock->boot_id || !c->boot_id[0] || strcmp(clock->boot_id, c->boot_id);
    int64_t step = c->unwatched ? 0 : offset - clock->offset_ms;
    c->kept_ms = offset;
    if (step > most || step < -most) {
        struct look *again = look_new(c);
        again->step_ms = step;
        db_clock_stepped(c->pool, c->boot_id, offset, step, NULL, 0, on_followed, again);
        return;
    }
    db_clock_keep(c->pool, c->boot_id, offset);
    c->clock_then(c);
}

static void look_at_first(void *arg)
{
    struct cluster *c = arg;
    db_clock_look(c->pool, on_first, look_new(c));
}

void cluster_clock_begin(struct cluster *c, loop_cb *then)
{
    boot_clock_id(c->boot_id);
    c->clock_then = then;
    look_at_first(c);
}

void cluster_clock_end(struct cluster *c)
{
    c->clock = (struct clock_watch){0};
    c->stepping = false;
    c->step_ms = 0;
}

/* --- while it leads --- */

struct moves {
    struct db_clock_move *move;
    size_t count, room;
};

static void add_move(void *arg, const struct sandbox_id *id, int64_t from_ms, int64_t to_ms)
{
    struct moves *m = arg;
    if (m->count == m->room) {
        m->room = m->room ? m->room * 2 : 16;
        m->move = mem_grow(m->move, m->room, sizeof *m->move);
    }
    m->move[m->count++] = (struct db_clock_move){*id, from_ms, to_ms};
}

static void on_moved(void *arg, int code, const struct err *e, const char *json)
{
    struct look look;
    struct cluster *c = look_end(arg, &look);
    if (!c)
        return;
    c->stepping = false;
    if (code) {
        log_warn("cluster", "the times of sandboxes do not follow PostgreSQL's clock yet: %s",
                 e ? e->text : "");
        return; /* the next look tries again */
    }
    c->step_ms -= look.step_ms;
    fleet_expiries_told(c->fleet);
    cluster_refresh(c); /* of those that were timed around the step, what became of them */
}

static void follow(struct cluster *c)
{
    struct moves m = {0};
    struct look *look = look_new(c);
    look->step_ms = c->step_ms;
    c->stepping = true;
    c->kept_ms = clock_watch_offset(&c->clock);
    fleet_expiries(c->fleet, add_move, &m);
    if (!m.move)
        m.move = mem_zalloc(sizeof *m.move);
    db_clock_stepped(c->pool, c->boot_id, c->kept_ms, c->step_ms, m.move, m.count, on_moved, look);
    free(m.move);
}

void cluster_clock(struct cluster *c, uint64_t asked_ms, int64_t unix_ms)
{
    uint64_t now = loop_now_ms();
    if (!c->ready || !c->clock.known)
        return;
    int64_t step = clock_watch_look(&c->clock, asked_ms, now, unix_ms),
            offset = clock_watch_offset(&c->clock);
    if (step) {
        note_step(c, step);
        c->step_ms += step;
        fleet_clock_stepped(c->fleet, now, step, offset);
    }
    bool owes = c->step_ms || fleet_owes_expiries(c->fleet);
    if (owes && !c->stepping) {
        follow(c);
    } else if (!owes && (offset > c->kept_ms + KEPT_MS || offset < c->kept_ms - KEPT_MS)) {
        c->kept_ms = offset;
        db_clock_keep(c->pool, c->boot_id, offset);
    }
}

uint64_t cluster_wall_ms(const struct cluster *c)
{
    return c->clock.known ? (uint64_t)(clock_watch_offset(&c->clock) + (int64_t)loop_now_ms())
                          : wall_now_ms();
}

struct cluster_steps cluster_steps(const struct cluster *c)
{
    return c->steps;
}
