#include "controller/core/event_row.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* "" is nobody: neither the user that there is not, nor what belongs to no user. */
static bool is_of(const char *filter, const char *value)
{
    return !filter || (filter[0] && !strcmp(filter, value));
}

bool event_fits(const struct event_filter *filter, const struct event_row *row)
{
    return is_of(filter->user, row->user) && is_of(filter->sandbox, row->sandbox) &&
           (!filter->type || !strncmp(filter->type, row->type, strlen(filter->type)));
}

void event_id_text(uint64_t seq, char out[static EVENT_ID_LEN + 1])
{
    snprintf(out, EVENT_ID_LEN + 1, "evt_%019" PRIu64, seq > INT64_MAX ? (uint64_t)INT64_MAX : seq);
}
