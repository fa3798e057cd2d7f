/*
 * Accounting of the memory that the HTTP server's connections hold. A pool is a budget that its accounts
 * share; each connection holds memory on behalf of one account. Past a budget, http_holding_victim names the
 * connection to give up: the one that has held memory longest, of the account that is past its share,
 * otherwise of the account that holds most (among the few that are examined). So a client that comes and goes
 * quickly is served, whatever others hold.
 *
 * Each account is also a line (common/http/http_turns.h): its connections are served in its turns.
 *
 * Bounded by the connections: an account lives as long as a connection holds for it. No I/O.
 */
#ifndef CORRAL_COMMON_HTTP_HTTP_ACCOUNT_H
#define CORRAL_COMMON_HTTP_HTTP_ACCOUNT_H

#include "common/http/http_turns.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/queue.h>

#include <uthash.h>

#define HTTP_ACCOUNT_NAME_MAX 47

struct http_account;

struct http_pool {
    size_t bytes, max, account_max; /* account_max 0: accounts have no share of their own */
    unsigned holdings;
    struct http_account *by_name;
    TAILQ_HEAD(, http_account) accounts; /* those examined longest ago first */
};

/* What one connection holds; its owner's memory. */
struct http_holding {
    struct http_pool *pool;
    struct http_account *account;
    size_t bytes;
    bool listed;                    /* it may be given up, and holds something */
    TAILQ_ENTRY(http_holding) link; /* in the account's list, the longest holder first */
};

void http_pool_init(struct http_pool *pool, size_t max, size_t account_max);

/* name: the account's; at most HTTP_ACCOUNT_NAME_MAX bytes of it count. */
void http_holding_begin(struct http_holding *h, struct http_pool *pool, const char *name);
void http_holding_end(struct http_holding *h);
/* Moves the holding, with all that it holds, to another account. */
void http_holding_move(struct http_holding *h, struct http_pool *pool, const char *name);

/* Sets how much the connection holds now, and whether it may be given up. */
void http_holding_set(struct http_holding *h, size_t bytes, bool may_go);
/* The connection was asked to end; moves it to the end of its account's list. */
void http_holding_told(struct http_holding *h);

bool http_holding_is_over(const struct http_holding *h); /* the account is past its share */

/* The line in which the connection waits for turns; changes with a move. */
struct http_line *http_holding_line(const struct http_holding *h);

/* Which connection to give up, now that this one has grown; NULL: none. */
struct http_holding *http_holding_victim(struct http_holding *h);

#endif
