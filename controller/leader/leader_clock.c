/*
 * PostgreSQL's clock, by which every time is told, as the leader sees it: once a second over the leader's
 * own connection, held against the loop's clock. Where it was set, nothing ends earlier or later for it: the
 * cluster state counts on, and the rows follow (cluster_state_clock_stepped, sql/functions/clock.sql). The
 * offset of the two is kept in the database, so that the next controller of this machine finds a step that
 * nobody watched; one of another machine, or after a boot, cannot know, and believes the rows: for a quarter
 * of an hour also after a step, since a clock that was wrong at the boot is put right then.
 */
#include "controller/leader/leader_int.h"

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

static struct look *look_new(struct leader *leader)
{
    struct look *look = mem_zalloc(sizeof *look);
    *look = (struct look){.asked = leader_ref_of(leader), .asked_ms = loop_now_ms()};
    return look;
}

/* The leader, where it leads as it did then; else NULL. Copies it to out and frees it. */
static struct leader *look_end(struct look *look, struct look *out)
{
    *out = *look;
    free(look);
    return leader_of(&out->asked);
}

static void note_step(struct leader *leader, int64_t step_ms)
{
    leader->steps.count++;
    leader->steps.last_ms = step_ms;
    log_warn(
        "cluster",
        "PostgreSQL's clock was set, by %.1f s; sandboxes live as long as before, and their times follow",
        (double)step_ms / 1000);
}

/* --- at the beginning --- */

static void look_at_first(void *arg);

static void begin_again(struct leader *leader, const struct err *e)
{
    log_warn("leader", "PostgreSQL's clock cannot be looked at, trying again: %s", e ? e->text : "");
    timer_start(&leader->again, leader->loop, CLUSTER_AGAIN_MS, look_at_first, leader);
}

static void on_followed(void *arg, int code, const struct err *e, const char *json)
{
    struct look look;
    struct leader *leader = look_end(arg, &look);
    if (!leader)
        return;
    if (code) {
        begin_again(leader, e);
        return;
    }
    note_step(leader, look.step_ms);
    leader->clock_then(leader);
}

static void on_first(void *arg, int code, const struct err *e, const struct db_clock *clock)
{
    struct look look;
    struct leader *leader = look_end(arg, &look);
    if (!leader)
        return;
    if (code) {
        begin_again(leader, e);
        return;
    }
    uint64_t now = loop_now_ms();
    leader->clock = (struct clock_watch){0};
    clock_watch_sample(&leader->clock, look.asked_ms, now, clock->now_ms);
    int64_t offset = clock_watch_offset(&leader->clock),
            most = CLOCK_STEP_MS + (int64_t)(now - look.asked_ms);
    leader->unwatched = !clock->boot_id || !leader->boot_id[0] || strcmp(clock->boot_id, leader->boot_id);
    int64_t step = leader->unwatched ? 0 : offset - clock->offset_ms;
    leader->kept_ms = offset;
    if (step > most || step < -most) {
        struct look *again = look_new(leader);
        again->step_ms = step;
        db_clock_stepped(leader->pool, leader->boot_id, offset, step, NULL, 0, on_followed, again);
        return;
    }
    db_clock_keep(leader->pool, leader->boot_id, offset);
    leader->clock_then(leader);
}

static void look_at_first(void *arg)
{
    struct leader *leader = arg;
    db_clock_sample(leader->pool, on_first, look_new(leader));
}

void leader_clock_begin(struct leader *leader, loop_cb *then)
{
    boot_clock_id(leader->boot_id);
    leader->clock_then = then;
    look_at_first(leader);
}

void leader_clock_end(struct leader *leader)
{
    leader->clock = (struct clock_watch){0};
    leader->stepping = false;
    leader->step_ms = 0;
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
    struct leader *leader = look_end(arg, &look);
    if (!leader)
        return;
    leader->stepping = false;
    if (code) {
        log_warn("leader", "the times of sandboxes do not follow PostgreSQL's clock yet: %s",
                 e ? e->text : "");
        return; /* the next look tries again */
    }
    leader->step_ms -= look.step_ms;
    cluster_state_expiries_told(leader->cluster);
    leader_refresh(leader); /* of those that were timed around the step, what became of them */
}

static void follow(struct leader *leader)
{
    struct moves m = {0};
    struct look *look = look_new(leader);
    look->step_ms = leader->step_ms;
    leader->stepping = true;
    leader->kept_ms = clock_watch_offset(&leader->clock);
    cluster_state_expiries(leader->cluster, add_move, &m);
    if (!m.move)
        m.move = mem_zalloc(sizeof *m.move);
    db_clock_stepped(leader->pool, leader->boot_id, leader->kept_ms, leader->step_ms, m.move, m.count,
                     on_moved, look);
    free(m.move);
}

void leader_clock(struct leader *leader, uint64_t asked_ms, int64_t unix_ms)
{
    uint64_t now = loop_now_ms();
    if (!leader->ready || !leader->clock.known)
        return;
    int64_t step = clock_watch_sample(&leader->clock, asked_ms, now, unix_ms),
            offset = clock_watch_offset(&leader->clock);
    if (step) {
        note_step(leader, step);
        leader->step_ms += step;
        cluster_state_clock_stepped(leader->cluster, now, step, offset);
    }
    bool owes = leader->step_ms || cluster_state_owes_expiries(leader->cluster);
    if (owes && !leader->stepping) {
        follow(leader);
    } else if (!owes && (offset > leader->kept_ms + KEPT_MS || offset < leader->kept_ms - KEPT_MS)) {
        leader->kept_ms = offset;
        db_clock_keep(leader->pool, leader->boot_id, offset);
    }
}

uint64_t leader_wall_ms(const struct leader *leader)
{
    return leader->clock.known ? (uint64_t)(clock_watch_offset(&leader->clock) + (int64_t)loop_now_ms())
                               : wall_now_ms();
}

struct leader_steps leader_steps(const struct leader *leader)
{
    return leader->steps;
}
