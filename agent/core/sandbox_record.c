#include "agent/core/sandbox_record.h"

#include "common/base/defs.h"

/* Whether *at lay ahead: it is now. */
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
        {ahead(&r->ended_ms, now), "its end lay in the future, and is taken for now"},
        {ahead(&r->started_ms, now), "its start lay in the future, and is taken for now"},
        {ahead(&r->last_ms, now), "the last sample of it lay in the future, and is taken for now"},
        {beyond(&r->generation), "its generation was no number of Corral's, and is taken for none"},
        {beyond(&r->number), "the count of what it told was no number of Corral's, and begins again"},
    };
    const char *what = NULL;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        what = !what && rows[i].wrong ? rows[i].what : what;
    return what;
}
