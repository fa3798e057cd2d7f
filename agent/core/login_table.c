#include "agent/core/login_table.h"

#include "common/base/mem.h"

#include <stdlib.h>
#include <string.h>

struct told_login {
    struct registry_login login;
    uint64_t told_ms, update;
};

void login_table_fini(struct login_table *table)
{
    if (table->item)
        explicit_bzero(table->item, LOGIN_TABLE_MAX * sizeof *table->item);
    free(table->item);
    *table = (struct login_table){0};
}

static void drop(struct login_table *table, struct told_login *item)
{
    struct told_login *last = &table->item[--table->count];
    if (item != last)
        *item = *last;
    explicit_bzero(last, sizeof *last);
}

void login_table_tick(struct login_table *table, uint64_t now)
{
    for (size_t i = table->count; i-- > 0;) {
        if (now - table->item[i].told_ms >= LOGIN_KEEP_MS)
            drop(table, &table->item[i]);
    }
}

static struct told_login *find(const struct login_table *table, const char *registry)
{
    for (size_t i = 0; i < table->count; i++) {
        if (!strcmp(table->item[i].login.registry, registry))
            return &table->item[i];
    }
    return NULL;
}

/* Never grows later: a table that moved would leave passwords behind. */
static struct told_login *add(struct login_table *table)
{
    if (!table->item)
        table->item = mem_zalloc(LOGIN_TABLE_MAX * sizeof *table->item);
    if (table->count < LOGIN_TABLE_MAX)
        return &table->item[table->count++];
    struct told_login *oldest = table->item;
    for (size_t i = 1; i < table->count; i++) {
        if (table->item[i].told_ms < oldest->told_ms)
            oldest = &table->item[i];
    }
    return oldest;
}

void login_table_take(struct login_table *table, uint64_t now, const struct registry_login *logins,
                      size_t count)
{
    login_table_tick(table, now);
    table->updates++;
    for (size_t i = 0; i < count; i++) {
        struct told_login *item = find(table, logins[i].registry);
        item = item ? item : add(table);
        item->login = logins[i];
        item->told_ms = now;
        item->update = table->updates;
    }
}

void login_table_confirm(struct login_table *table, const char *registry)
{
    struct told_login *item = find(table, registry);
    if (item && item->update != table->updates)
        drop(table, item);
}

const struct registry_login *login_table_find(struct login_table *table, uint64_t now, const char *registry)
{
    login_table_tick(table, now);
    const struct told_login *item = find(table, registry);
    return item ? &item->login : NULL;
}
