/* Images, while it leads: reads from the database what nodes are to do, and sends each node its part. */
#include "controller/leader/leader_images.h"

#include "controller/db/db_image.h"
#include "controller/leader/leader_digests.h"
#include "controller/leader/leader_int.h"
#include "controller/leader/leader_logins.h"

#include "common/base/mem.h"
#include "common/base/json_text.h"
#include "common/io/log.h"
#include "common/model/image_ref.h"
#include "common/model/node_image.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

/* What passed between a node and this leader in the node's session. */
struct node_orders {
    UT_hash_handle hh; /* by node */
    char *sent;        /* the orders as last sent; NULL: none in this session */
    char node[];
};

struct leader_images {
    struct leader *leader;
    struct node_orders *nodes;
    uint64_t sets;       /* sent so far */
    bool reading, again; /* a reading is under way; what it reads may be old by now */
};

struct leader_images *leader_images_new(struct leader *leader)
{
    struct leader_images *images = mem_zalloc(sizeof *images);
    images->leader = leader;
    return images;
}

static void forget_nodes(struct leader_images *images)
{
    struct node_orders *n, *next;
    HASH_ITER(hh, images->nodes, n, next)
    {
        HASH_DEL(images->nodes, n);
        free(n->sent);
        free(n);
    }
}

static struct node_orders *orders_of(struct leader_images *images, const char *node)
{
    struct node_orders *n;
    HASH_FIND_STR(images->nodes, node, n);
    if (n)
        return n;
    size_t len = strlen(node);
    n = mem_zalloc(sizeof *n + len + 1);
    memcpy(n->node, node, len + 1);
    HASH_ADD_KEYPTR(hh, images->nodes, n->node, len, n);
    return n;
}

void leader_images_free(struct leader_images *images)
{
    if (!images)
        return;
    forget_nodes(images);
    free(images);
}

const char *leader_image_digest(const struct leader *leader, const char *ref)
{
    return leader_digests_find(leader->digests, ref);
}

/* --- orders --- */

static struct image_order wire_of(const struct db_image_order *order)
{
    struct image_order out = {
        .generation = order->generation, .pull = order->pull, .keep = order->keep, .remove = order->remove};
    snprintf(out.ref, sizeof out.ref, "%s", order->ref);
    snprintf(out.digest, sizeof out.digest, "%s", order->digest);
    return out;
}

static void send(struct leader_images *images, const char *node, const struct db_image_order *orders,
                 size_t count)
{
    struct image_orders whole = {.number = ++images->sets,
                                 .order = mem_zalloc((count + 1) * sizeof *whole.order),
                                 .login = mem_zalloc(NODE_LOGINS_MAX * sizeof *whole.login)};
    for (size_t i = 0; i < count; i++) {
        whole.order[whole.count++] = wire_of(&orders[i]);
        if (orders[i].pull)
            leader_logins_add(images->leader->logins, orders[i].ref, whole.login, &whole.logins);
    }
    if (!node_link_images(images->leader->link, node, &whole))
        log_debug("leader", "node=%s has no session for its orders of images", node);
    whole.logins = NODE_LOGINS_MAX; /* all are wiped */
    image_orders_fini(&whole);
}

/* To see whether they changed since they were sent, the logins for them too. The caller frees it. */
static char *text_of(const struct leader_images *images, const struct db_image_order *orders, size_t count)
{
    char *text = NULL;
    size_t size = 0;
    FILE *f = open_memstream(&text, &size);
    for (size_t i = 0; f && i < count; i++)
        fprintf(f, "%s %s %llu %d%d%d %llu\n", orders[i].ref, orders[i].digest,
                (unsigned long long)orders[i].generation, orders[i].pull, orders[i].keep, orders[i].remove,
                (unsigned long long)(orders[i].pull
                                         ? leader_logins_version(images->leader->logins, orders[i].ref)
                                         : 0));
    if (!f || fclose(f))
        abort(); /* no memory */
    return text;
}

/* orders: of all nodes, sorted by node. */
static void send_to(struct leader_images *images, const char *node, const struct db_image_order *orders,
                    size_t count)
{
    size_t from = 0, to;
    while (from < count && strcmp(orders[from].node, node))
        from++;
    for (to = from; to < count && !strcmp(orders[to].node, node);)
        to++;
    struct node_orders *n = orders_of(images, node);
    char *text = text_of(images, orders + from, to - from);
    if (n->sent && !strcmp(n->sent, text)) {
        free(text);
        return;
    }
    free(n->sent);
    n->sent = text;
    send(images, node, orders + from, to - from);
}

static void send_all(struct leader_images *images, const struct db_image_order *orders, size_t count)
{
    const struct node_table *nodes = cluster_state_nodes(images->leader->cluster);
    for (size_t i = 0; i < nodes->count; i++) {
        if (nodes->item[i]->session && nodes->item[i]->facts.images)
            send_to(images, nodes->item[i]->facts.name, orders, count);
    }
}

void leader_images_session(struct leader *leader, const char *node)
{
    struct node_orders *n = orders_of(leader->images, node);
    mem_free_ptr(&n->sent);
    leader_images_changed(leader);
}

/* --- reading --- */

struct images_reading {
    struct leader_ref asked;
};

static struct leader_images *reading_end(void *arg)
{
    struct leader *leader = leader_of(&((struct images_reading *)arg)->asked);
    free(arg);
    return leader ? leader->images : NULL;
}

static void *reading_new(struct leader *leader)
{
    struct images_reading *reading = mem_zalloc(sizeof *reading);
    reading->asked = leader_ref_of(leader);
    return reading;
}

static void on_orders(void *arg, int code, const struct err *e, const struct db_image_order *orders,
                      size_t count)
{
    struct leader_images *images = reading_end(arg);
    if (!images)
        return;
    images->reading = false;
    if (code)
        log_warn("leader", "the orders of images cannot be read, trying again: %s", e->text);
    else
        send_all(images, orders, count);
    if (images->again)
        leader_images_changed(images->leader);
}

/* Without them, orders go out with those that are known. */
static void on_logins(void *arg)
{
    struct leader_images *images = reading_end(arg);
    if (images)
        db_image_orders(images->leader->pool, on_orders, reading_new(images->leader));
}

static void read_orders(struct leader_images *images)
{
    images->reading = true;
    images->again = false;
    leader_logins_read(images->leader, on_logins, reading_new(images->leader));
}

void leader_images_changed(struct leader *leader)
{
    struct leader_images *images = leader->images;
    if (!leader->ready)
        return;
    if (images->reading)
        images->again = true;
    else
        read_orders(images);
}

void leader_images_tick(struct leader *leader)
{
    if (!leader->ready)
        return;
    leader_digests_tick(leader->digests);
    leader_images_changed(leader);
}

/* An administrator's act on one name, which creates are to follow at once. */
static void on_digest(void *arg, int code, const struct err *e, const struct db_image_digest *digest,
                      size_t count)
{
    struct leader_images *images = reading_end(arg);
    if (images && !code && count)
        leader_digests_set(images->leader->digests, digest->ref, digest->digest);
}

void leader_image_asked(struct leader *leader, const char *ref)
{
    if (leader->ready)
        db_image_digest(leader->pool, ref, on_digest, reading_new(leader));
    leader_images_changed(leader);
}

void leader_images_end(struct leader_images *images)
{
    images->reading = images->again = false;
    forget_nodes(images);
}
