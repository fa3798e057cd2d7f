#include "controller/api/ticket_table.h"

#include "common/base/mem.h"
#include "common/io/pki.h"

#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#define PREFIX "tkt_"
#define ID_LEN 16

struct ticket {
    TAILQ_ENTRY(ticket) link;
    UT_hash_handle hh;
    char id[ID_LEN + 1];
    uint8_t sha256[32]; /* of the whole text */
    struct ticket_key key;
    char user[USER_ID_MAX + 1];
    char path[TICKET_PATH_BYTES];
    uint64_t until_ms;
};

void ticket_table_init(struct ticket_table *table)
{
    *table = (struct ticket_table){.by_id = NULL};
    TAILQ_INIT(&table->order);
}

static void drop(struct ticket_table *table, struct ticket *ticket)
{
    HASH_DEL(table->by_id, ticket);
    TAILQ_REMOVE(&table->order, ticket, link);
    table->count--;
    OPENSSL_cleanse(ticket, sizeof *ticket);
    free(ticket);
}

void ticket_table_fini(struct ticket_table *table)
{
    struct ticket *ticket;
    while ((ticket = TAILQ_FIRST(&table->order)))
        drop(table, ticket);
}

static void drop_old(struct ticket_table *table, uint64_t now)
{
    struct ticket *ticket;
    while ((ticket = TAILQ_FIRST(&table->order)) && now >= ticket->until_ms)
        drop(table, ticket);
}

static void make_text(char out[static TICKET_LEN + 1])
{
    uint8_t random[32];
    pki_random(random, sizeof random);
    memcpy(out, PREFIX, sizeof PREFIX);
    for (size_t i = 0; i < sizeof random; i++)
        sprintf(out + sizeof PREFIX - 1 + 2 * i, "%02x", random[i]);
    OPENSSL_cleanse(random, sizeof random);
}

static void id_of(const char *text, char out[static ID_LEN + 1])
{
    memcpy(out, text + sizeof PREFIX - 1, ID_LEN);
    out[ID_LEN] = 0;
}

int ticket_table_check(struct ticket_table *table, uint64_t now, const char *prefix, const char *user,
                       struct err *e)
{
    const struct ticket *ticket;
    unsigned of_key = 0, of_user = 0;
    drop_old(table, now);
    TAILQ_FOREACH(ticket, &table->order, link)
    {
        of_key += !strcmp(ticket->key.prefix, prefix);
        of_user += !strcmp(ticket->user, user);
    }
    if (of_key >= TICKETS_OF_KEY || of_user >= TICKETS_OF_USER)
        return err_set(e, ERR_RATE_LIMITED,
                       "%u tickets of this %s wait for their use; one ends by itself after %d s",
                       of_key >= TICKETS_OF_KEY ? of_key : of_user, of_key >= TICKETS_OF_KEY ? "key" : "user",
                       TICKET_MS / 1000);
    if (table->count >= TICKETS_MAX)
        return err_set(e, ERR_RATE_LIMITED,
                       "too many tickets wait for their use; try again in a few seconds");
    return 0;
}

int ticket_table_add(struct ticket_table *table, uint64_t now, const struct ticket_key *key, const char *user,
                     const char *path, char out[static TICKET_LEN + 1], struct err *e)
{
    int rc = ticket_table_check(table, now, key->prefix, user, e);
    if (rc)
        return rc;
    struct ticket *ticket = mem_zalloc(sizeof *ticket);
    make_text(out);
    id_of(out, ticket->id);
    api_key_sha256(out, ticket->sha256);
    ticket->key = *key;
    snprintf(ticket->user, sizeof ticket->user, "%s", user);
    snprintf(ticket->path, sizeof ticket->path, "%s", path);
    ticket->until_ms = now + TICKET_MS;
    HASH_ADD_STR(table->by_id, id, ticket);
    TAILQ_INSERT_TAIL(&table->order, ticket, link);
    table->count++;
    return 0;
}

bool ticket_table_take(struct ticket_table *table, uint64_t now, const char *text, const char *path,
                       struct ticket_key *key)
{
    char id[ID_LEN + 1];
    uint8_t sha256[32];
    struct ticket *ticket;
    drop_old(table, now);
    if (strlen(text) != TICKET_LEN || strncmp(text, PREFIX, sizeof PREFIX - 1))
        return false;
    id_of(text, id);
    api_key_sha256(text, sha256);
    HASH_FIND_STR(table->by_id, id, ticket);
    if (!ticket || !api_key_same(ticket->sha256, sha256))
        return false;
    bool fits = !strcmp(ticket->path, path);
    *key = ticket->key;
    drop(table, ticket);
    return fits;
}
