/*
 * How to log in to registries for the pulls that sandboxes cause: each update of the controller tells it for
 * the desired states in it. It is kept in memory alone, and for a while only: as long as a start may take
 * until it pulls. All passwords that go are wiped. Pure: now is CLOCK_BOOTTIME in ms.
 */
#ifndef CORRAL_AGENT_CORE_LOGIN_TABLE_H
#define CORRAL_AGENT_CORE_LOGIN_TABLE_H

#include "common/model/node_image.h"

#include <stddef.h>
#include <stdint.h>

#define LOGIN_TABLE_MAX 64 /* registries; the one that was told longest ago makes room */
#define LOGIN_KEEP_MS   600000

/* All zero at the start. */
struct login_table {
    struct told_login *item;
    size_t count;
    uint64_t updates; /* so far */
};

void login_table_fini(struct login_table *table);

/* What one update tells, which may be nothing: replaces what was told of the same registries. */
void login_table_take(struct login_table *table, uint64_t now, const struct registry_login *logins,
                      size_t count);

/* NULL: none is known. Borrowed until the next call with this table. */
const struct registry_login *login_table_find(struct login_table *table, uint64_t now, const char *registry);

/* A desired state of that update is about an image of this registry: a login that the update does not tell
 * was removed, and is forgotten. */
void login_table_confirm(struct login_table *table, const char *registry);

/* Forgets what is too old. */
void login_table_tick(struct login_table *table, uint64_t now);

#endif
