#include "agent/core/box_record.h"

/* Whether *at lay ahead: it is now. */
static bool ahead(uint64_t *at, uint64_t now)
{
    if (*at <= now)
        return false;
    *at = now;
    return true;
}

const char *box_record_mend(struct box_record *r, uint64_t now)
{
    bool started = ahead(&r->started_ms, now), ended = ahead(&r->ended_ms, now),
         last = ahead(&r->last_ms, now);
    return ended ? "its end" : started ? "its start" : last ? "the last look at it" : NULL;
}
