#include "controller/nodes/session.h"

#include "common/io/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void session_drop(struct node_link *link, struct session *s)
{
    HASH_DEL(link->sessions, s);
    if (s->parked)
        msglink_drop(s->parked);
    delivery_fini(&s->delivery);
    free(s->certificate);
    free(s);
}

struct session *session_of_node(const struct node_link *link, const char *node)
{
    struct session *s, *next;
    HASH_ITER(hh, link->sessions, s, next)
    {
        if (s->proved && !strcmp(s->node, node))
            return s;
    }
    return NULL;
}

struct session *session_find(const struct node_link *link, const struct node_session_id *id)
{
    struct session *s;
    HASH_FIND(hh, link->sessions, id, sizeof *id, s);
    return s;
}

void session_reply(struct node_link *link, struct msglink_token *token, const struct session *s,
                   uint64_t request, struct node_message *m)
{
    uint8_t *bytes;
    size_t len;
    struct node_faults faults;
    struct err e;
    snprintf(m->cluster, sizeof m->cluster, "%s", link->cluster);
    m->epoch = link->epoch;
    m->request = request;
    if (s)
        m->session = s->id;
    if (node_message_pack(m, &bytes, &len, &faults, &e)) {
        log_error("nodes", "a message cannot be packed: %s", e.text);
        msglink_drop(token);
        return;
    }
    if (faults.count)
        log_error("nodes",
                  "node=%s %zu items for it broke a bound, and are left out or lowered; the first: %s",
                  s ? s->node : "", faults.count, faults.first);
    msglink_reply(link->server, token, bytes, len);
    free(bytes);
}

void session_refuse(struct node_link *link, struct msglink_token *token, uint64_t request,
                    enum node_refusal why, const char *text)
{
    struct node_message m = {.kind = NODE_REFUSED};
    m.refused.why = why;
    snprintf(m.refused.text, sizeof m.refused.text, "%s", text);
    link->stats.refused++;
    session_reply(link, token, NULL, request, &m);
}

/* Counts and reports the items of a message that were left out. */
void session_note_faults(struct node_link *link, const char *node, const struct node_faults *faults)
{
    link->stats.items_bad += faults->count;
    if (faults->count)
        link->ops.on_left_out(link->owner, node, faults->count, faults->first);
}
