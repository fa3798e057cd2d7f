/*
 * The audit chain: who did what. Most rows are written by the audited statement itself, in its transaction.
 */
#ifndef CORRAL_CONTROLLER_DB_DB_AUDIT_H
#define CORRAL_CONTROLLER_DB_DB_AUDIT_H

#include "controller/db/db_pool.h"

#include <stdio.h>

/* Adds a row for an act that changes nothing else in the database (a cleanup). after: JSON text or NULL. */
void db_audit_add(struct db_pool *pool, const struct db_actor *actor, const char *action, const char *target,
                  const char *after, const char *result, db_json_cb *cb, void *arg);

/*
 * A filter; each field is NULL for any. actor: the id or name of a user, or the id of a key; from (included)
 * and to (excluded): RFC 3339; before: a cursor (at most 18 digits). Pages are newest first. With several
 * filters, a page may be short or empty and still have a cursor.
 */
struct db_audit_filter {
    const char *actor, *action, *target, *result, *from, *to, *before;
    unsigned limit;
};
void db_audit_list(struct db_pool *pool, const struct db_audit_filter *filter, db_page_cb *cb, void *arg);

/*
 * Verifies the chain for two seconds at most, from its beginning or (after: "number-hash") where an earlier
 * call ended. The body is the API's object.
 */
void db_audit_verify_part(struct db_pool *pool, const char *after, db_page_cb *cb, void *arg);

/*
 * Verifies the chain; synchronous, for `audit verify`. *checked: the number of good rows. ERR_CONFLICT for a
 * row that was changed, removed or inserted: the first one in *seq, a sentence in e.
 */
int db_audit_verify(const char *url, uint64_t *checked, uint64_t *seq, struct err *e) MUST_CHECK;

/*
 * Writes every row as one line of JSON, oldest first; for `audit export`. ERR_IO where out cannot be written.
 */
int db_audit_export(const char *url, FILE *out, struct err *e) MUST_CHECK;

/*
 * Removes rows older than this many days, in batches; for `audit prune`. The chain then begins after them and
 * can still be verified; each batch adds a row that says so.
 */
int db_audit_prune(const char *url, uint64_t days, uint64_t *removed, struct err *e) MUST_CHECK;

#endif
