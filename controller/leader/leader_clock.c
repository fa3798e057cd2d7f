/*
 * Watches PostgreSQL's clock, which all stored times use: the leader reads it once a second on its own
 * connection and compares it with the loop's clock. When PostgreSQL's clock is set, no sandbox ends earlier
 * or later: the cluster state keeps counting, and the rows are corrected (cluster_state_clock_stepped,
 * sql/functions/clock.sql). The offset of the two clocks is stored in the database, so that the next
 * controller on this machine finds a step that nobody watched. A controller on another machine, or after a
 * reboot, cannot know of a step and believes the rows; for a quarter of an hour also after a step, since a
 * clock that was wrong at boot is corrected then.
 */
#include "controller/leader/leader_clock.h"

#include "controller/leader/leader_int.h"

#include "controller/db/db_clock.h"

#include "common/io/log.h"
#include "common/base/mem.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define KEPT_MS 100 /* the stored offset is replaced when it has drifted by this */

struct clock_request {
    struct leader_ref asked;
    uint64_t asked_ms;
    int64_t step_ms; /* the step that the rows are asked to follow */
};

static struct clock_request *request_new(struct leader *leader)
{
    struct clock_request *request = mem_zalloc(sizeof *request);
    *request = (struct clock_request){.asked = leader_ref_of(leader), .asked_ms = loop_now_ms()};
    return request;
}

/* Copies request to out and frees it. The leader, if it is still in the same term; else NULL. */
static struct leader *request_end(struct clock_request *request, struct clock_request *out)
{
    *out = *request;
    free(request);
    return leader_of(&out->asked);
}

static void note_step(struct leader *leader, int64_t step_ms)
{
    leader->steps.count++;
    leader->steps.last_ms = step_ms;
    log_warn("leader",
             "PostgreSQL's clock was set, by %.1f s; sandboxes live as long as before, and their rows are "
             "corrected",
             (double)step_ms / 1000);
}

/* --- at the start of a lead --- */

static void read_first(void *arg);

static void begin_again(struct leader *leader, const struct err *e)
{
    log_warn("leader", "PostgreSQL's clock cannot be read, trying again: %s", e ? e->text : "");
    timer_start(&leader->again, leader->loop, LEADER_AGAIN_MS, read_first, leader);
}

static void on_followed(void *arg, int code, const struct err *e, const char *json)
{
    struct clock_request request;
    struct leader *leader = request_end(arg, &request);
    if (!leader)
        return;
    if (code) {
        begin_again(leader, e);
        return;
    }
    note_step(leader, request.step_ms);
    leader->clock_then(leader);
}

static void on_first(void *arg, int code, const struct err *e, const struct db_clock *clock)
{
    struct clock_request request;
    struct leader *leader = request_end(arg, &request);
    if (!leader)
        return;
    if (code) {
        begin_again(leader, e);
        return;
    }
    uint64_t now = loop_now_ms();
    leader->clock = (struct clock_watch){0};
    clock_watch_sample(&leader->clock, request.asked_ms, now, clock->now_ms);
    int64_t offset = clock_watch_offset(&leader->clock),
            most = CLOCK_STEP_MS + (int64_t)(now - request.asked_ms);
    leader->unwatched = !clock->boot_id || !leader->boot_id[0] || strcmp(clock->boot_id, leader->boot_id);
    int64_t step = leader->unwatched ? 0 : offset - clock->offset_ms;
    leader->kept_ms = offset;
    if (step > most || step < -most) {
        struct clock_request *again = request_new(leader);
        again->step_ms = step;
        db_clock_stepped(leader->pool, leader->boot_id, offset, step, NULL, 0, on_followed, again);
        return;
    }
    db_clock_keep(leader->pool, leader->boot_id, offset);
    leader->clock_then(leader);
}

static void read_first(void *arg)
{
    struct leader *leader = arg;
    db_clock_sample(leader->pool, on_first, request_new(leader));
}

void leader_clock_begin(struct leader *leader, loop_cb *then)
{
    boot_clock_id(leader->boot_id);
    leader->clock_then = then;
    read_first(leader);
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
    struct clock_request request;
    struct leader *leader = request_end(arg, &request);
    if (!leader)
        return;
    leader->stepping = false;
    if (code) {
        log_warn("leader", "the rows of sandboxes do not follow PostgreSQL's clock yet: %s",
                 e ? e->text : "");
        return; /* the next reading of the clock tries again */
    }
    leader->step_ms -= request.step_ms;
    cluster_state_expiries_told(leader->cluster);
    leader_refresh(leader); /* finds out which clock was used for deadlines that were set around the step */
}

static void follow(struct leader *leader)
{
    struct moves m = {0};
    struct clock_request *request = request_new(leader);
    request->step_ms = leader->step_ms;
    leader->stepping = true;
    leader->kept_ms = clock_watch_offset(&leader->clock);
    cluster_state_expiries(leader->cluster, add_move, &m);
    if (!m.move)
        m.move = mem_zalloc(sizeof *m.move);
    db_clock_stepped(leader->pool, leader->boot_id, leader->kept_ms, leader->step_ms, m.move, m.count,
                     on_moved, request);
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
