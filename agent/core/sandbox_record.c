#include "agent/core/sandbox_record.h"

#include "common/base/defs.h"

/* If *at lies in the future, sets it to now; returns whether it did. */
static bool ahead(uint64_t *at, uint64_t now)
{
    if (*at <= now)
        return false;
    *at = now;
    return true;
}

static bool beyond(uint64_t *number)
{
    if (*number <= SANDBOX_NUMBER_MAX)
        return false;
    *number = 0;
    return true;
}

const char *sandbox_record_mend(struct sandbox_record *r, uint64_t now)
{
    const struct {
        bool wrong;
        const char *what;
    } rows[] = {
        {ahead(&r->ended_ms, now), "its end was in the future, and is set to now"},
        {ahead(&r->started_ms, now), "its start was in the future, and is set to now"},
        {ahead(&r->last_ms, now), "its last sample was in the future, and is set to now"},
        {beyond(&r->generation), "its generation was out of range, and is set to 0"},
        {beyond(&r->number), "the number of its status was out of range, and is set to 0"},
    };
    const char *what = NULL;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        what = !what && rows[i].wrong ? rows[i].what : what;
    return what;
}
