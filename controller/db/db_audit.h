/* The audit chain: who did what. Most rows are written by the act itself, in its transaction. */
#ifndef CORRAL_CONTROLLER_DB_AUDIT_H
#define CORRAL_CONTROLLER_DB_AUDIT_H

#include "controller/db/db_pool.h"

#include <stdio.h>

/* For an act that changes nothing in the database (a cleanup). after: JSON text or NULL. */
void db_audit_add(struct db_pool *pool, const struct db_actor *actor, const char *action, const char *target,
                  const char *after, const char *result, db_json_cb *cb, void *arg);

/*
 * A page, newest first. Each is NULL for any: actor, the id or name of a user or the id of a key; action,
 * target, result; from (included) and to (not), RFC 3339; before, a cursor (digits, 18 at most). Where
 * several filters meet, a page may be short or empty and have a cursor all the same.
 */
struct db_audit_filter {
    const char *actor, *action, *target, *result, *from, *to, *before;
    unsigned limit;
};
void db_audit_list(struct db_pool *pool, const struct db_audit_filter *filter, db_page_cb *cb, void *arg);

/*
 * Recomputes the chain (synchronously, for `audit verify`). *checked: rows that are whole. Returns
 * ERR_CONFLICT, with the first row that was changed, removed or put in, in *seq and a sentence in e.
 */
int db_audit_verify(const char *url, uint64_t *checked, uint64_t *seq, struct err *e) MUST_CHECK;

/* For `audit export`: every row as one line of JSON, oldest first. ERR_IO where out takes no more. */
int db_audit_export(const char *url, FILE *out, struct err *e) MUST_CHECK;

/*
 * For `audit prune`: removes rows older than so many days, in batches; the chain begins after them, stays
 * provable, and each batch says so in a row of its own.
 */
int db_audit_prune(const char *url, uint64_t days, uint64_t *removed, struct err *e) MUST_CHECK;

#endif
