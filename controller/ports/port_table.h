/*
 * The ports that this controller knows, by the hash of their tokens: read from the database when a URL is
 * first used, and again every PORT_FRESH_MS, or when a key or the port changed. While the database does not
 * answer, what was read less than PORT_STALE_MS ago goes on working. That there is no such port is remembered
 * for PORT_NONE_MS, so that a URL that is asked for again and again costs the database little. On the loop.
 *
 * What was read while its port or its key changed may be older than the change, and is read again. Changes of
 * other ports and keys repeat no look-up, unless more of them came meanwhile than are kept.
 *
 * Bounds: PORT_ROWS_MAX ports, the one read longest ago is forgotten first, but none that carries something;
 * a token takes such a place only once it turns out to be a port's. PORT_NONE_MAX tokens of no port;
 * PORT_LOOKUPS_MAX look-ups at once, the others wait, at most PORT_WAITING_MAX; PORT_REPEATS_MAX repeats of
 * one.
 */
#ifndef CORRAL_CONTROLLER_PORTS_PORT_TABLE_H
#define CORRAL_CONTROLLER_PORTS_PORT_TABLE_H

#include "common/base/err.h"
#include "common/base/id.h"
#include "common/io/loop.h"
#include "controller/core/caller.h"
#include "controller/ports/port_proxy.h"

#define PORT_FRESH_MS     30000
#define PORT_STALE_MS     CALLER_KNOWN_MS
#define PORT_NONE_MS      5000
#define PORT_ROWS_MAX     8192
#define PORT_NONE_MAX     4096
#define PORT_LOOKUPS_MAX  4
#define PORT_WAITING_MAX  1024
#define PORT_REPEATS_MAX  4
#define PORT_CHANGES_KEPT 64
#define PORT_HASH_LEN     32
#define PORT_ID_MAX       30 /* "prt_" and 26 characters */

struct port_table;
struct port_row;

/* What is known of a port. */
struct port_known {
    char id[PORT_ID_MAX + 1];
    struct sandbox_id sandbox;
    uint16_t port;
    struct caller caller;  /* in whose name it carries; with what it needs of its key */
    uint64_t remaining_ms; /* until it ends, as it was read */
};

/* Looks the port up; the owner answers with port_table_found, once, later. hash is copied. */
typedef void port_lookup_fn(void *owner, const uint8_t hash[PORT_HASH_LEN], void *lookup);

struct port_table *port_table_new(struct loop *loop, port_lookup_fn *lookup, void *owner);
/* No look-up is under way. Cuts what is carried. NULL is allowed. */
void port_table_free(struct port_table *table);

/* Answers a look-up. code 0: known; ERR_NOT_FOUND: no such port; others: the database failed. */
void port_table_found(void *lookup, int code, const struct err *e, const struct port_known *known);

/* code 0: the port, and what it carries; else why not. Both are borrowed for the call. */
typedef void port_find_cb(void *arg, int code, const char *text, const struct port_known *port,
                          struct port_proxies *proxies);

/* Whether there is such a port, as far as is known. */
bool port_table_knows(struct port_table *table, const uint8_t hash[PORT_HASH_LEN]);

/* Finds a port. Calls cb once, also inside this call. */
void port_table_find(struct port_table *table, const uint8_t hash[PORT_HASH_LEN], port_find_cb *cb,
                     void *arg);

/* The key with this prefix, or any key ("*"), may have changed: its ports are read again before they are used
 * again. */
void port_table_changed(struct port_table *table, const char *prefix);

/* This port has ended: cuts what it carries. */
void port_table_end(struct port_table *table, const char *id);

/* Whether this port has ended is not known: it is read again now, and what it carries is cut if it has. */
void port_table_check(struct port_table *table, const char *id);

#endif
