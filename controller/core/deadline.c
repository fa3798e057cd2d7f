#include "controller/core/deadline.h"

#define SAME_MS 500

/*
 * Whether the row has an expiry that is not known yet. An unchanged expiry is not new, whatever remaining_ms
 * says after a step of the clock. Nor is the value that we last asked the row to take, even if the clock was
 * set again before the answer.
 */
static bool is_new(const struct sandbox_entry *s, const struct sandbox_row *row)
{
    return !s->expires_ms || (row->expires_ms != s->row_ms && row->expires_ms != s->expires_ms &&
                              row->expires_ms != s->sent_ms);
}

/* Whether the row kept a deadline that is known here: no other change can lie in between. */
static bool is_kept(const struct sandbox_entry *s, const struct sandbox_row *row)
{
    return row->time == ROW_TIME_KEPT && s->expires_ms &&
           row->desired.generation <= s->desired.generation + 1;
}

static void take(struct sandbox_entry *s, uint64_t now, const struct sandbox_row *row, bool unsure)
{
    s->deadline_ms = now + row->desired.remaining_ms;
    s->late_ms = row->waited_ms;
    s->expires_ms = row->expires_ms;
    s->row_ms = unsure ? 0 : row->expires_ms;
    s->sent_ms = 0;
    s->given = row->time == ROW_TIME_GIVEN;
    s->counted_ms = row->unwatched ? now + DEADLINE_UNWATCHED_MS : now;
}

void deadline_take(struct sandbox_entry *s, uint64_t now, const struct sandbox_row *row, bool unsure)
{
    if (!is_kept(s, row) && is_new(s, row))
        take(s, now, row, unsure);
}

bool deadline_is_unsure(const struct sandbox_entry *s)
{
    return s->expires_ms && !s->row_ms;
}

bool deadline_is_owed(const struct sandbox_entry *s)
{
    return s->row_ms && s->row_ms != s->expires_ms;
}

/*
 * Whether the row's expiry is outside of what the count allows: deadline_ms is too late by at most late_ms.
 */
static bool is_wrong(const struct sandbox_entry *s, int64_t row_ms, int64_t counted_ms)
{
    return row_ms >= counted_ms + SAME_MS || row_ms <= counted_ms - (int64_t)s->late_ms - SAME_MS;
}

/* By a more exact answer: the deadline comes nearer by the uncertainty of the one before, never by more. */
static bool correct(struct sandbox_entry *s, uint64_t now, const struct sandbox_row *row)
{
    uint64_t said = now + row->desired.remaining_ms;
    if (row->waited_ms >= s->late_ms)
        return false;
    bool nearer = said < s->deadline_ms;
    if (nearer)
        s->deadline_ms = said + s->late_ms < s->deadline_ms ? s->deadline_ms - s->late_ms : said;
    s->late_ms = row->waited_ms;
    return nearer;
}

/*
 * The first reading of the row since its expiry was unsure. Where deadline_ms is certain, it stays, and the
 * row has to follow if it differs: what the row says to remain may be of a clock that was set since, which
 * the controller has not seen yet.
 */
static bool make_sure(struct sandbox_entry *s, uint64_t now, const struct sandbox_row *row, int64_t offset_ms)
{
    uint64_t was = s->deadline_ms;
    int64_t counted_ms = (int64_t)was + offset_ms;
    if (!s->given) {
        take(s, now, row, false);
        return s->deadline_ms < was;
    }
    bool wrong = is_wrong(s, row->expires_ms, counted_ms);
    s->row_ms = row->expires_ms;
    s->expires_ms = wrong ? counted_ms : row->expires_ms;
    if (wrong)
        s->late_ms = 0;
    return !wrong && correct(s, now, row);
}

bool deadline_correct(struct sandbox_entry *s, uint64_t now, const struct sandbox_row *row, int64_t offset_ms)
{
    return deadline_is_unsure(s) && row->expires_ms ? make_sure(s, now, row, offset_ms)
                                                    : correct(s, now, row);
}

bool deadline_is_the_nodes(const struct sandbox_entry *s, uint64_t now)
{
    return now < s->counted_ms && sandbox_entry_reported(s) && s->latest.generation == s->desired.generation;
}

static int64_t distance(int64_t a, int64_t b)
{
    return a < b ? b - a : a - b;
}

/*
 * Whether the row was written after the step, to within SAME_MS. If the answer was late, the database most
 * likely computed the expiry as soon as it was asked: compares under which of the two clocks that fits
 * better.
 */
static bool is_right(const struct sandbox_entry *s, int64_t counted_ms, int64_t step_ms)
{
    int64_t asked_ms = counted_ms - (int64_t)s->late_ms;
    if (s->late_ms >= SAME_MS)
        return s->given && !deadline_is_owed(s) &&
               distance(s->row_ms, asked_ms) < distance(s->row_ms, asked_ms - step_ms);
    return distance(s->row_ms, counted_ms) < SAME_MS;
}

void deadline_stepped(struct sandbox_entry *s, uint64_t now, int64_t step_ms, int64_t offset_ms)
{
    int64_t due = s->row_ms - offset_ms, counted_ms = (int64_t)s->deadline_ms + offset_ms;
    if (!s->row_ms)
        return;
    if (now < s->counted_ms)
        s->deadline_ms = due > 0 ? (uint64_t)due : 0;
    else if (is_right(s, counted_ms, step_ms))
        s->expires_ms = s->row_ms;
    else if (s->late_ms >= SAME_MS)
        s->expires_ms += step_ms; /* deadline_ms is corrected when the row is read */
    else
        s->expires_ms = counted_ms;
}
