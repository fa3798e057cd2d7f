/*
 * Images, while it leads: reads from the database what names stand for and what nodes are to do, and sends
 * each node its part. What nodes report is written; where that may change orders, they are read again.
 */
#include "controller/leader/leader_images.h"

#include "controller/db/db_image.h"
#include "controller/leader/leader_int.h"

#include "common/base/mem.h"
#include "common/base/json_text.h"
#include "common/io/log.h"
#include "common/io/secrets.h"
#include "common/model/image_ref.h"
#include "common/model/node_image.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

struct image_digest {
    UT_hash_handle hh; /* by ref */
    char digest[72];
    char ref[];
};

#define LOGINS_MAX       64        /* as many registries have credentials (sql/functions/images.sql) */
#define REPORT_BYTES_MAX (4 << 20) /* of a node's whole report, gathered from its pieces */

/* What passed between a node and this leader in the node's session. */
struct node_orders {
    UT_hash_handle hh; /* by node */
    char *sent;        /* the orders as last sent, passwords sealed; NULL: none in this session */
    char *gathered;    /* pieces of its whole report, without the brackets; NULL: none */
    size_t gathered_len;
    uint64_t number; /* of that report; 0: it is not gathered */
    char node[];
};

struct leader_images {
    struct leader *leader;
    struct secrets *const *secrets;
    struct node_orders *nodes;
    uint64_t sets; /* sent so far */
    struct image_digest *digests;
    bool reading, again; /* a reading is under way; what it reads may be old by now */
};

struct leader_images *leader_images_new(struct leader *leader, struct secrets *const *secrets)
{
    struct leader_images *images = mem_zalloc(sizeof *images);
    images->leader = leader;
    images->secrets = secrets;
    return images;
}

static void forget_digests(struct leader_images *images)
{
    struct image_digest *d, *next;
    HASH_ITER(hh, images->digests, d, next)
    {
        HASH_DEL(images->digests, d);
        free(d);
    }
}

static void forget_nodes(struct leader_images *images)
{
    struct node_orders *n, *next;
    HASH_ITER(hh, images->nodes, n, next)
    {
        HASH_DEL(images->nodes, n);
        free(n->sent);
        free(n->gathered);
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
    forget_digests(images);
    forget_nodes(images);
    free(images);
}

const char *leader_image_digest(const struct leader *leader, const char *ref)
{
    struct image_digest *d;
    HASH_FIND_STR(leader->images->digests, ref, d);
    return d ? d->digest : "";
}

/* --- orders --- */

static int digit_of(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The caller frees it; NULL: text is no hexadecimal. */
static uint8_t *bytes_of(const char *text, size_t *len)
{
    *len = strlen(text) / 2;
    uint8_t *bytes = mem_zalloc(*len + 1);
    for (size_t i = 0; i < *len; i++) {
        int high = digit_of(text[2 * i]), low = digit_of(text[2 * i + 1]);
        if (high < 0 || low < 0) {
            free(bytes);
            return NULL;
        }
        bytes[i] = (uint8_t)(high << 4 | low);
    }
    return bytes;
}

/* Without the password the registry refuses, and the node says so. */
static bool unseal(const struct leader_images *images, const struct db_image_order *order,
                   struct registry_login *login)
{
    char subject[IMAGE_REF_MAX + 16];
    uint8_t *plain = NULL;
    size_t len = 0, plain_len = 0;
    uint8_t *sealed = bytes_of(order->password, &len);
    struct err e = {.text = "it is damaged"};
    snprintf(subject, sizeof subject, "registry:%s", order->registry);
    bool ok = sealed && !secrets_open(images->secrets ? *images->secrets : NULL, subject, sealed, len, &plain,
                                      &plain_len, &e);
    free(sealed);
    if (!ok || plain_len > NODE_LOGIN_SECRET_MAX)
        log_warn("leader", "registry=%s its password cannot be opened: %s", order->registry, e.text);
    ok = ok && plain_len <= NODE_LOGIN_SECRET_MAX;
    if (ok) {
        snprintf(login->registry, sizeof login->registry, "%s", order->registry);
        snprintf(login->username, sizeof login->username, "%s", order->username);
        memcpy(login->password, plain, plain_len);
        login->password[plain_len] = 0;
    }
    secrets_wipe(plain, plain_len);
    return ok;
}

static void add_login(const struct leader_images *images, const struct db_image_order *order,
                      struct image_orders *out)
{
    for (size_t i = 0; i < out->logins; i++) {
        if (!strcmp(out->login[i].registry, order->registry))
            return;
    }
    if (out->logins < LOGINS_MAX)
        out->logins += unseal(images, order, &out->login[out->logins]);
}

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
                                 .login = mem_zalloc(LOGINS_MAX * sizeof *whole.login)};
    for (size_t i = 0; i < count; i++) {
        whole.order[whole.count++] = wire_of(&orders[i]);
        if (orders[i].registry && orders[i].password)
            add_login(images, &orders[i], &whole);
    }
    if (!node_link_images(images->leader->link, node, &whole))
        log_debug("leader", "node=%s has no session for its orders of images", node);
    whole.logins = LOGINS_MAX; /* all are wiped */
    image_orders_fini(&whole);
}

/* To see whether they changed since they were sent. The caller frees it. */
static char *text_of(const struct db_image_order *orders, size_t count)
{
    char *text = NULL;
    size_t size = 0;
    FILE *f = open_memstream(&text, &size);
    for (size_t i = 0; f && i < count; i++)
        fprintf(f, "%s %s %llu %d%d%d %s %s %s\n", orders[i].ref, orders[i].digest,
                (unsigned long long)orders[i].generation, orders[i].pull, orders[i].keep, orders[i].remove,
                orders[i].registry ? orders[i].registry : "", orders[i].username ? orders[i].username : "",
                orders[i].password ? orders[i].password : "");
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
    char *text = text_of(orders + from, to - from);
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
    mem_free_ptr(&n->gathered);
    n->number = 0;
    leader_images_changed(leader);
}

/* --- reading --- */

struct images_reading {
    struct leader_ref asked;
};

static void read_digests(struct leader_images *images);

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

static void on_digests(void *arg, int code, const struct err *e, const struct db_image_digest *digests,
                       size_t count)
{
    struct leader_images *images = reading_end(arg);
    if (!images)
        return;
    if (code) {
        log_warn("leader", "what names of images stand for cannot be read, trying again: %s", e->text);
    } else {
        forget_digests(images);
    }
    for (size_t i = 0; !code && i < count; i++) {
        size_t len = strlen(digests[i].ref);
        struct image_digest *d = mem_zalloc(sizeof *d + len + 1);
        memcpy(d->ref, digests[i].ref, len + 1);
        snprintf(d->digest, sizeof d->digest, "%s", digests[i].digest);
        HASH_ADD_KEYPTR(hh, images->digests, d->ref, len, d);
    }
    db_image_orders(images->leader->pool, on_orders, reading_new(images->leader));
}

static void read_digests(struct leader_images *images)
{
    images->reading = true;
    images->again = false;
    db_image_digests(images->leader->pool, on_digests, reading_new(images->leader));
}

void leader_images_changed(struct leader *leader)
{
    struct leader_images *images = leader->images;
    if (!leader->ready)
        return;
    if (images->reading)
        images->again = true;
    else
        read_digests(images);
}

void leader_images_tick(struct leader *leader)
{
    leader_images_changed(leader);
}

void leader_images_end(struct leader_images *images)
{
    images->reading = images->again = false;
    forget_digests(images);
    forget_nodes(images);
}

/* --- what nodes report --- */

static void on_told(void *arg, int code, const struct err *e, const char *json)
{
    struct leader_images *images = reading_end(arg);
    if (images && code && code != ERR_CANCELLED)
        log_warn("leader", "what a node says of its images is not written: %s", e->text);
    if (images && !code && json && !strcmp(json, "true"))
        leader_images_changed(images->leader);
}

static void put_layers(struct json_text *json, const struct node_image *image)
{
    json_text_array(json, "layers");
    for (size_t i = 0; i < image->pull_count; i++) {
        const struct node_image_layer *layer = &image->pull[i];
        json_text_object(json, NULL);
        json_text_str(json, "id", layer->id);
        json_text_str(json, "state", node_layer_state_name(layer->state));
        json_text_num(json, "done_bytes", layer->done_bytes);
        json_text_num(json, "total_bytes", layer->total_bytes);
        json_text_end(json);
    }
    json_text_end(json);
}

/* False for what is no name of an image, or no digest: the node is not believed. */
static bool put_image(struct json_text *json, const struct node_image *image)
{
    struct image_ref ref, resolved;
    char full[IMAGE_REF_FULL_MAX], at[IMAGE_REF_FULL_MAX];
    if (!image_ref_parse(image->ref, &ref))
        return false;
    image_ref_full(&ref, full);
    snprintf(at, sizeof at, "x/x@%s", image->digest);
    json_text_object(json, NULL);
    json_text_str(json, "ref", full);
    json_text_str(json, "state", node_image_state_name(image->state));
    json_text_num(json, "generation", image->generation);
    json_text_str(json, "digest", image_ref_parse(at, &resolved) ? image->digest : "");
    json_text_str(json, "image_id", image->id);
    json_text_num(json, "size_bytes", image->size_bytes);
    json_text_num(json, "done_bytes", image->done_bytes);
    json_text_num(json, "total_bytes", image->total_bytes);
    put_layers(json, image);
    json_text_str(json, "problem", image->problem);
    json_text_bool(json, "in_use", image->in_use);
    if (image->used)
        json_text_num(json, "used_ago_ms", image->used_ago_ms);
    json_text_end(json);
    return true;
}

/* An array. The caller ends it with json_text_fini. */
static struct json_text items_of(const struct node_images *told)
{
    struct json_text json = {0};
    json_text_array(&json, NULL);
    for (size_t i = 0; i < told->count; i++)
        (void)put_image(&json, &told->image[i]);
    json_text_end(&json);
    return json;
}

/* Adds a piece of a whole report; true when that is complete. */
static bool gather(struct node_orders *n, const struct node_images *told, const char *items)
{
    size_t len = strlen(items) - 2; /* without the brackets */
    if (told->first) {
        mem_free_ptr(&n->gathered);
        n->gathered_len = 0;
        n->number = told->number;
    }
    if (n->number != told->number || n->gathered_len + len > REPORT_BYTES_MAX) {
        n->number = 0;
        return false;
    }
    n->gathered = mem_grow(n->gathered, n->gathered_len + len + 4, 1);
    if (!n->gathered_len)
        n->gathered[n->gathered_len++] = '[';
    else if (len && n->gathered_len > 1)
        n->gathered[n->gathered_len++] = ',';
    memcpy(n->gathered + n->gathered_len, items + 1, len);
    n->gathered_len += len;
    memcpy(n->gathered + n->gathered_len, "]", 2);
    return told->last;
}

void leader_on_images(void *owner, const char *node, const struct node_images *told)
{
    struct leader *leader = owner;
    struct node_orders *n = orders_of(leader->images, node);
    struct json_text json = items_of(told);
    const char *items = json.text.data;
    if (!told->number) {
        db_images_told(leader->pool, node, items, false, on_told, reading_new(leader));
    } else if (gather(n, told, items)) {
        db_images_told(leader->pool, node, n->gathered, true, on_told, reading_new(leader));
        mem_free_ptr(&n->gathered);
        n->number = 0;
    }
    json_text_fini(&json);
}
