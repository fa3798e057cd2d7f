#include "controller/api/call_share.h"

#include "controller/api/rate_table.h"

#include "common/base/mem.h"

#include <stdlib.h>
#include <string.h>
#include <uthash.h>

struct call_share {
    char user[RATE_NAME_MAX + 1];
    unsigned count;
    UT_hash_handle hh;
};

bool call_share_take(struct call_share **shares, const char *user, unsigned max)
{
    struct call_share *share;
    HASH_FIND_STR(*shares, user, share);
    if (share && share->count >= max)
        return false;
    if (!share) {
        share = mem_zalloc(sizeof *share);
        strncpy(share->user, user, sizeof share->user - 1);
        HASH_ADD_STR(*shares, user, share);
    }
    share->count++;
    return true;
}

void call_share_return(struct call_share **shares, const char *user)
{
    struct call_share *share;
    HASH_FIND_STR(*shares, user, share);
    if (!share || --share->count)
        return;
    HASH_DEL(*shares, share);
    free(share);
}
