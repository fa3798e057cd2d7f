#include "cli/sent_input.h"

#include "common/base/mem.h"

#include <stdlib.h>
#include <string.h>

void sent_input_fini(struct sent_input *sent)
{
    free(sent->bytes);
    *sent = (struct sent_input){0};
}

void sent_input_add(struct sent_input *sent, const uint8_t *bytes, size_t len)
{
    if (!sent->bytes)
        sent->bytes = mem_zalloc(SENT_INPUT_KEPT);
    while (len) {
        size_t at = (size_t)(sent->end % SENT_INPUT_KEPT), some = SENT_INPUT_KEPT - at;
        if (some > len)
            some = len;
        memcpy(sent->bytes + at, bytes, some);
        sent->end += some;
        bytes += some;
        len -= some;
    }
    sent->next = sent->end;
}

bool sent_input_rewind(struct sent_input *sent, uint64_t received)
{
    if (received > sent->end || sent->end - received > SENT_INPUT_KEPT)
        return false;
    sent->next = received;
    return true;
}

size_t sent_input_next(struct sent_input *sent, size_t max, const uint8_t **bytes)
{
    size_t at = (size_t)(sent->next % SENT_INPUT_KEPT), some = SENT_INPUT_KEPT - at;
    uint64_t left = sent->end - sent->next;
    if (some > left)
        some = (size_t)left;
    if (some > max)
        some = max;
    *bytes = some ? sent->bytes + at : NULL;
    sent->next += some;
    return some;
}
