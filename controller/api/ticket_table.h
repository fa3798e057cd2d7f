/*
 * Tickets: each stands for an API key once, on one path, for a short time, so that a browser can name it in a
 * URL. Only the SHA-256 of a ticket is kept. Pure but for randomness.
 */
#ifndef CORRAL_CONTROLLER_API_TICKET_TABLE_H
#define CORRAL_CONTROLLER_API_TICKET_TABLE_H

#include "common/base/defs.h"
#include "common/base/err.h"
#include "common/io/api_key.h"
#include "controller/core/caller.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#define TICKET_LEN        68 /* "tkt_", then 64 hexadecimal digits, of which the first 16 find it */
#define TICKET_MS         30000
#define TICKETS_MAX       4096
#define TICKETS_OF_KEY    64
#define TICKETS_OF_USER   256
#define TICKET_PATH_BYTES 512

struct ticket;

/* All zero: empty. */
struct ticket_table {
    struct ticket *by_id;
    TAILQ_HEAD(, ticket) order; /* the one that ends first is first */
    unsigned count;
};

/* The key that a ticket stands for: its public prefix, and its hash, by which the key is looked up again. */
struct ticket_key {
    char prefix[API_KEY_PREFIX_LEN + 1];
    uint8_t sha256[32];
};

void ticket_table_init(struct ticket_table *table);
void ticket_table_fini(struct ticket_table *table);

/*
 * Whether there is room for a ticket of this key and its user. ERR_RATE_LIMITED: too many of the key, of the
 * user, or of all wait for their use.
 */
int ticket_table_check(struct ticket_table *table, uint64_t now, const char *prefix, const char *user,
                       struct err *e) MUST_CHECK;

/* Makes a ticket of this key for this path; out gets its text. Codes of ticket_table_check. */
int ticket_table_add(struct ticket_table *table, uint64_t now, const struct ticket_key *key, const char *user,
                     const char *path, char out[static TICKET_LEN + 1], struct err *e) MUST_CHECK;

/*
 * Uses a ticket: true, with its key, where it is one, not too old, and for this path. It is used up also if
 * it is for another path.
 */
bool ticket_table_take(struct ticket_table *table, uint64_t now, const char *text, const char *path,
                       struct ticket_key *key) MUST_CHECK;

#endif
