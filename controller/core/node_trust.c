#include "controller/core/node_trust.h"

#include "common/base/mem.h"
#include "common/model/node_wire.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#define DAY_MS 86400000u

struct trust_entry {
    char node[NODE_NAME_MAX + 1];
    struct node_marks known;
    bool revoked;
    int64_t revoked_until_s;
    struct string_list fingerprints;
    struct node_marks doubted;
    uint64_t doubted_since_ms; /* 0: not doubted */
    uint64_t alarm_ms[NODE_ALARM_COUNT];
    UT_hash_handle hh;
};

struct node_trust {
    struct trust_entry *entries;
};

struct node_trust *node_trust_new(void)
{
    return mem_zalloc(sizeof(struct node_trust));
}

void node_trust_free(struct node_trust *trust)
{
    struct trust_entry *entry, *next;
    if (!trust)
        return;
    HASH_ITER(hh, trust->entries, entry, next)
    {
        HASH_DEL(trust->entries, entry);
        string_list_fini(&entry->fingerprints);
        free(entry);
    }
    free(trust);
}

static struct trust_entry *find(const struct node_trust *trust, const char *node)
{
    struct trust_entry *entry;
    HASH_FIND_STR(trust->entries, node, entry);
    return entry;
}

static struct trust_entry *get(struct node_trust *trust, const char *node)
{
    struct trust_entry *entry = find(trust, node);
    if (entry)
        return entry;
    entry = mem_zalloc(sizeof *entry);
    snprintf(entry->node, sizeof entry->node, "%s", node);
    HASH_ADD_STR(trust->entries, node, entry);
    return entry;
}

void node_trust_know(struct node_trust *trust, const char *node, const struct node_marks *marks)
{
    struct trust_entry *entry = get(trust, node);
    entry->known = *marks;
    entry->doubted_since_ms = 0;
}

void node_trust_forget(struct node_trust *trust, const char *node)
{
    struct trust_entry *entry = find(trust, node);
    if (entry)
        entry->known = (struct node_marks){0};
}

/* --- what was revoked --- */

void node_trust_revoke(struct node_trust *trust, const char *node, int64_t until_s,
                       const struct string_list *fingerprints)
{
    struct trust_entry *entry = get(trust, node);
    entry->revoked = true;
    entry->revoked_until_s = until_s;
    string_list_fini(&entry->fingerprints);
    for (size_t i = 0; i < fingerprints->count; i++)
        string_list_add(&entry->fingerprints, fingerprints->item[i]);
}

bool node_trust_allows(const struct node_trust *trust, const char *node, const char *fingerprint,
                       int64_t issued_s)
{
    const struct trust_entry *entry = find(trust, node);
    if (!entry || !entry->revoked)
        return true;
    for (size_t i = 0; i < entry->fingerprints.count; i++) {
        if (!strcmp(entry->fingerprints.item[i], fingerprint))
            return false;
    }
    return issued_s > entry->revoked_until_s;
}

/* --- whom to believe --- */

/* A mark that was never known does not differ. */
static bool differs(const char *known, const char *shown)
{
    return known[0] && strcmp(known, shown) != 0;
}

static bool is_another(const struct node_marks *known, const struct node_marks *shown)
{
    return differs(known->fingerprint, shown->fingerprint) || differs(known->boot_id, shown->boot_id) ||
           differs(known->state_id, shown->state_id);
}

/* The waiting time counts for one set of marks; other marks start it again. */
bool node_trust_believes(struct node_trust *trust, uint64_t now, const char *node,
                         const struct node_marks *marks, size_t ran, size_t brought)
{
    struct trust_entry *entry = get(trust, node);
    if (!is_another(&entry->known, marks) || brought * 2 >= ran)
        return true;
    if (!entry->doubted_since_ms || is_another(&entry->doubted, marks)) {
        entry->doubted = *marks;
        entry->doubted_since_ms = now;
        return false;
    }
    return now - entry->doubted_since_ms >= NODE_TRUST_LOOK_MS;
}

/* --- alarms --- */

bool node_trust_alarm(struct node_trust *trust, uint64_t now, const char *node, enum node_alarm alarm)
{
    uint64_t *last = &get(trust, node)->alarm_ms[alarm];
    uint64_t quiet = alarm == NODE_ALARM_EXPIRES ? DAY_MS : NODE_TRUST_QUIET_MS;
    if (*last && now - *last < quiet)
        return false;
    *last = now;
    return true;
}
