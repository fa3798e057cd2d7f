/*
 * What the connections of the HTTP server hold in memory, and whom it is charged to: a pool is a budget, its
 * accounts share it, and each connection holds for one account. Past a budget it is said which connection is
 * to be given up: the one that holds longest, of the account that is past its share, else of the one that
 * holds most (of the few that are looked at). So who comes and goes quickly is served whatever others hold.
 *
 * Each account is a line (common/http/http_turns.h), too: its connections are served in its turns.
 *
 * Bounded by the connections: an account lives as long as one holds for it. No I/O.
 */
#ifndef CORRAL_COMMON_HTTP_ACCOUNT_H
#define CORRAL_COMMON_HTTP_ACCOUNT_H

#include "common/http/http_turns.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/queue.h>

#include <uthash.h>

#define HTTP_ACCOUNT_NAME_MAX 47

struct http_account;

struct http_pool {
    size_t bytes, max, account_max; /* account_max 0: no share of its own */
    unsigned holdings;
    struct http_account *by_name;
    TAILQ_HEAD(, http_account) accounts; /* those looked at longest ago first */
};

/* Of one connection; its owner's memory. */
struct http_holding {
    struct http_pool *pool;
    struct http_account *account;
    size_t bytes;
    bool listed;                    /* may be given up, and holds something */
    TAILQ_ENTRY(http_holding) link; /* of the account, longest holder first */
};

void http_pool_init(struct http_pool *pool, size_t max, size_t account_max);

/* name: of the account; at most HTTP_ACCOUNT_NAME_MAX bytes of it. */
void http_holding_begin(struct http_holding *h, struct http_pool *pool, const char *name);
void http_holding_end(struct http_holding *h);
/* What it holds goes with it. */
void http_holding_move(struct http_holding *h, struct http_pool *pool, const char *name);

/* What it holds now, and whether it may be given up. */
void http_holding_set(struct http_holding *h, size_t bytes, bool may_go);
/* It was told to go, and is the last to be told again. */
void http_holding_told(struct http_holding *h);

bool http_holding_is_over(const struct http_holding *h); /* its account is past its share */

/* In which line its connection stands; another after a move. */
struct http_line *http_holding_line(const struct http_holding *h);

/* Who is to be given up, now that this one holds what it holds; NULL: nobody. */
struct http_holding *http_holding_victim(struct http_holding *h);

#endif
