#include "common/http/http_account.h"

#include "common/base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LOOKS 64 /* accounts examined when searching the one that holds most */

struct http_account {
    char name[HTTP_ACCOUNT_NAME_MAX + 1];
    size_t bytes;
    unsigned users;
    TAILQ_HEAD(, http_holding) holdings;
    struct http_line line;
    TAILQ_ENTRY(http_account) link;
    UT_hash_handle hh;
};

void http_pool_init(struct http_pool *pool, size_t max, size_t account_max)
{
    *pool = (struct http_pool){.max = max, .account_max = account_max};
    TAILQ_INIT(&pool->accounts);
}

static struct http_account *account_get(struct http_pool *pool, const char *name)
{
    char key[HTTP_ACCOUNT_NAME_MAX + 1];
    struct http_account *account;
    snprintf(key, sizeof key, "%s", name);
    HASH_FIND_STR(pool->by_name, key, account);
    if (account)
        return account;
    account = mem_zalloc(sizeof *account);
    memcpy(account->name, key, sizeof key);
    TAILQ_INIT(&account->holdings);
    http_line_init(&account->line);
    TAILQ_INSERT_TAIL(&pool->accounts, account, link);
    HASH_ADD_STR(pool->by_name, name, account);
    return account;
}

static void account_drop(struct http_pool *pool, struct http_account *account)
{
    if (account->users)
        return;
    TAILQ_REMOVE(&pool->accounts, account, link);
    HASH_DEL(pool->by_name, account);
    free(account);
}

static void list(struct http_holding *h, bool listed)
{
    if (listed && !h->listed)
        TAILQ_INSERT_TAIL(&h->account->holdings, h, link);
    else if (!listed && h->listed)
        TAILQ_REMOVE(&h->account->holdings, h, link);
    h->listed = listed;
}

void http_holding_begin(struct http_holding *h, struct http_pool *pool, const char *name)
{
    *h = (struct http_holding){.pool = pool, .account = account_get(pool, name)};
    h->account->users++;
    pool->holdings++;
}

void http_holding_end(struct http_holding *h)
{
    http_holding_set(h, 0, false);
    h->account->users--;
    h->pool->holdings--;
    account_drop(h->pool, h->account);
}

void http_holding_move(struct http_holding *h, struct http_pool *pool, const char *name)
{
    size_t bytes = h->bytes;
    bool listed = h->listed;
    if (h->pool == pool && !strncmp(h->account->name, name, HTTP_ACCOUNT_NAME_MAX))
        return;
    http_holding_end(h);
    http_holding_begin(h, pool, name);
    http_holding_set(h, bytes, listed);
}

void http_holding_set(struct http_holding *h, size_t bytes, bool may_go)
{
    h->pool->bytes += bytes - h->bytes;
    h->account->bytes += bytes - h->bytes;
    h->bytes = bytes;
    list(h, bytes && may_go);
}

void http_holding_told(struct http_holding *h)
{
    list(h, false);
    list(h, true);
}

struct http_line *http_holding_line(const struct http_holding *h)
{
    return &h->account->line;
}

bool http_holding_is_over(const struct http_holding *h)
{
    return h->pool->account_max && h->account->bytes > h->pool->account_max;
}

/* Finds the account that holds most among LOOKS accounts, those that were examined longest ago. */
static struct http_account *holds_most(struct http_pool *pool)
{
    struct http_account *most = NULL;
    for (unsigned i = 0; i < LOOKS; i++) {
        struct http_account *account = TAILQ_FIRST(&pool->accounts);
        TAILQ_REMOVE(&pool->accounts, account, link);
        TAILQ_INSERT_TAIL(&pool->accounts, account, link);
        if (TAILQ_FIRST(&account->holdings) && (!most || account->bytes > most->bytes))
            most = account;
    }
    return most;
}

struct http_holding *http_holding_victim(struct http_holding *h)
{
    struct http_pool *pool = h->pool;
    if (http_holding_is_over(h) && !TAILQ_EMPTY(&h->account->holdings))
        return TAILQ_FIRST(&h->account->holdings);
    if (pool->bytes <= pool->max)
        return NULL;
    struct http_account *most = holds_most(pool);
    /* If none of them can be given up, the account that has just grown gives one up. */
    return TAILQ_FIRST(most ? &most->holdings : &h->account->holdings);
}
