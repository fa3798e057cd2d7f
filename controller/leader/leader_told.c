#include "controller/leader/leader_told.h"

#include "controller/db/db_image.h"
#include "controller/leader/leader.h"
#include "controller/leader/leader_digests.h"
#include "controller/leader/leader_int.h"

#include "common/base/json_text.h"
#include "common/base/mem.h"
#include "common/io/log.h"
#include "common/model/image_ref.h"
#include "common/model/node_image.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#define REPORT_BYTES_MAX (4 << 20) /* of a node's whole report, gathered from its pieces */
#define WAITING_MAX      8 /* reports of a node; of more, the oldest one that is no whole is dropped */

/* A report that waits to be written. */
struct report {
    char *items;
    bool whole;
};

/* Of one node, in this lead. */
struct node_told {
    UT_hash_handle hh; /* by node */
    char *gathered;    /* pieces of its whole report; NULL: none */
    size_t gathered_len, gathered_count;
    uint64_t number;  /* of that report; 0: it is not gathered */
    uint64_t held;    /* names in its latest whole report */
    uint64_t pulling; /* of its latest report of what is ordered */
    struct report waiting[WAITING_MAX];
    size_t count;
    bool writing;
    char node[];
};

struct leader_told {
    struct leader *leader;
    struct leader_pulls pulls;
    struct node_told *nodes;
};

struct leader_told *leader_told_new(struct leader *leader)
{
    struct leader_told *told = mem_zalloc(sizeof *told);
    told->leader = leader;
    return told;
}

static void drop_waiting(struct node_told *n, size_t i)
{
    free(n->waiting[i].items);
    memmove(&n->waiting[i], &n->waiting[i + 1], (--n->count - i) * sizeof *n->waiting);
}

static void drop_gathered(struct node_told *n)
{
    mem_free_ptr(&n->gathered);
    n->gathered_len = n->gathered_count = 0;
    n->number = 0;
}

void leader_told_forget(struct leader_told *told)
{
    struct node_told *n, *next;
    HASH_ITER(hh, told->nodes, n, next)
    {
        HASH_DEL(told->nodes, n);
        drop_gathered(n);
        while (n->count)
            drop_waiting(n, 0);
        free(n);
    }
}

void leader_told_free(struct leader_told *told)
{
    if (!told)
        return;
    leader_told_forget(told);
    free(told);
}

static struct node_told *of_node(struct leader_told *told, const char *node)
{
    struct node_told *n;
    HASH_FIND_STR(told->nodes, node, n);
    if (n)
        return n;
    size_t len = strlen(node);
    n = mem_zalloc(sizeof *n + len + 1);
    memcpy(n->node, node, len + 1);
    HASH_ADD_KEYPTR(hh, told->nodes, n->node, len, n);
    return n;
}

void leader_told_session(struct leader_told *told, const char *node)
{
    drop_gathered(of_node(told, node));
}

/* --- writing --- */

struct writing {
    struct leader_ref asked;
    char node[NODE_NAME_MAX + 1];
};

static void write_next(struct leader_told *told, struct node_told *n);

static void count_event(struct leader_pulls *pulls, const char *event)
{
    pulls->pulled += event && !strcmp(event, "image.pulled");
    pulls->failed += event && !strcmp(event, "image.pull_failed");
}

static void on_written(void *arg, int code, const struct err *e, const struct db_image_digest *changed,
                       size_t count)
{
    struct writing writing = *(struct writing *)arg;
    struct leader *leader = leader_of(&writing.asked);
    free(arg);
    if (!leader)
        return;
    if (code && code != ERR_CANCELLED)
        log_warn("leader", "node=%s what it says of its images is not written: %s", writing.node, e->text);
    bool due = false;
    for (size_t i = 0; !code && i < count; i++) {
        due |= !changed[i].ref[0];
        count_event(&leader->told->pulls, changed[i].event);
        if (changed[i].ref[0])
            leader_digests_set(leader->digests, changed[i].ref, changed[i].digest);
    }
    if (due)
        leader_images_changed(leader);
    struct node_told *n = of_node(leader->told, writing.node);
    n->writing = false;
    write_next(leader->told, n);
}

static void write_next(struct leader_told *told, struct node_told *n)
{
    if (n->writing || !n->count)
        return;
    struct writing *writing = mem_zalloc(sizeof *writing);
    writing->asked = leader_ref_of(told->leader);
    snprintf(writing->node, sizeof writing->node, "%s", n->node);
    n->writing = true;
    char *items = n->waiting[0].items;
    bool whole = n->waiting[0].whole;
    n->waiting[0].items = NULL;
    drop_waiting(n, 0);
    db_images_told(told->leader->pool, n->node, items, whole, on_written, writing);
    free(items);
}

/* A newer whole report says all that those before it say. */
static void wait_for_turn(struct leader_told *told, struct node_told *n, char *items, bool whole)
{
    while (whole && n->count)
        drop_waiting(n, 0);
    if (n->count == WAITING_MAX)
        drop_waiting(n, n->waiting[0].whole ? 1 : 0);
    n->waiting[n->count++] = (struct report){items, whole};
    write_next(told, n);
}

/* --- reports --- */

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
static bool gather(struct node_told *n, const struct node_images *told, const char *items)
{
    size_t len = strlen(items) - 2; /* without the brackets */
    if (told->first) {
        drop_gathered(n);
        n->number = told->number;
    }
    if (n->number != told->number || n->gathered_len + len > REPORT_BYTES_MAX ||
        n->gathered_count + told->count > NODE_IMAGES_MAX) {
        drop_gathered(n);
        return false;
    }
    n->gathered = mem_grow(n->gathered, n->gathered_len + len + 4, 1);
    if (!n->gathered_len)
        n->gathered[n->gathered_len++] = '[';
    else if (len && n->gathered_len > 1)
        n->gathered[n->gathered_len++] = ',';
    memcpy(n->gathered + n->gathered_len, items + 1, len);
    n->gathered_len += len;
    n->gathered_count += told->count;
    memcpy(n->gathered + n->gathered_len, "]", 2);
    return told->last;
}

static uint64_t pulling_in(const struct node_images *images)
{
    uint64_t count = 0;
    for (size_t i = 0; i < images->count; i++)
        count += images->image[i].state == NODE_IMAGE_PULLING;
    return count;
}

struct leader_pulls leader_pulls(const struct leader *leader)
{
    return leader->told->pulls;
}

void leader_images_each(const struct leader *leader, leader_images_cb *cb, void *arg)
{
    struct node_told *n, *next;
    HASH_ITER(hh, leader->told->nodes, n, next)
    cb(arg, n->node, n->held, n->pulling);
}

void leader_on_images(void *owner, const char *node, const struct node_images *images)
{
    struct leader *leader = owner;
    struct node_told *n = of_node(leader->told, node);
    struct json_text json = items_of(images);
    const char *items = json.text.data;
    if (!images->number) {
        n->pulling = pulling_in(images);
        wait_for_turn(leader->told, n, mem_strdup(items), false);
    } else if (gather(n, images, items)) {
        char *whole = n->gathered;
        n->held = n->gathered_count;
        n->gathered = NULL;
        drop_gathered(n);
        wait_for_turn(leader->told, n, whole, true);
    }
    json_text_fini(&json);
}
