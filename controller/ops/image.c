/* The catalogue of images: /sandbox/system/images. docs/images.md describes what it does. */
#include "controller/ops/ops.h"
#include "controller/ops/path_segment.h"

#include "common/base/mem.h"
#include "common/model/image_ref.h"
#include "controller/db/db_image.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NODES_MAX      256
#define LABELS_MAX     16
#define PRUNE_MS       30000 /* for the nodes to remove what a prune found */
#define PRUNE_AGAIN_MS 250

/* --- bodies --- */

static const char *image_fault(const char *text)
{
    struct image_ref ref;
    return image_ref_parse(text, &ref) ? NULL : "must be the name of an image, such as alpine:3.20";
}

static const struct field_rule image_rule = {"^[^\\s]+$", image_fault, 0};

static const struct field fields[] = {
    {"ref", FIELD_TEXT, 1, 512, NULL, &image_rule, true, false, NULL},
    {"pin", FIELD_TRUTH, 0, 0, NULL, NULL, false, false, NULL},
    {"update", FIELD_TRUTH, 0, 0, NULL, NULL, false, false, NULL},
    {"nodes", FIELD_WORDS, 1, NODES_MAX, NULL, NULL, false, false, NULL},
    {"region", FIELD_TEXT, 1, NODE_REGION_MAX, NULL, NULL, false, false, NULL},
    {"labels", FIELD_MAP, 1, LABELS_MAX, NULL, &field_rule_word, false, false, NULL},
};

static void *parse_ref(const json_t *body)
{
    return mem_strdup(json_string_value(json_object_get(body, "ref")));
}

const struct api_body image_body = {.fields = {fields, ARRAY_LEN(fields)}, .parse = parse_ref, .free = free};

static const struct field patch_fields[] = {
    {"pinned", FIELD_TRUTH, 0, 0, NULL, NULL, true, false, NULL},
};
const struct api_body image_patch_body = {.fields = {patch_fields, ARRAY_LEN(patch_fields)}};

static const struct field prune_fields[] = {
    {"dry_run", FIELD_TRUTH, 0, 0, NULL, NULL, false, false, NULL},
    {"older_than_seconds", FIELD_NUMBER, 0, 315360000, NULL, NULL, false, false, NULL},
};

/* dry_run */
static void *parse_prune(const json_t *body)
{
    bool dry_run = json_is_true(json_object_get(body, "dry_run"));
    return mem_dup(&dry_run, sizeof dry_run);
}

const struct api_body image_prune_body = {
    .fields = {prune_fields, ARRAY_LEN(prune_fields)}, .optional = true, .parse = parse_prune, .free = free};

/* --- the path's {ref} --- */

/* The whole name; where the path names no image, answers 404 and returns false. */
static bool path_ref(struct api_call *call, char full[static IMAGE_REF_FULL_MAX])
{
    char text[API_PARAM_MAX + 1];
    struct image_ref ref;
    if (path_segment_decode(call->param[0], text, sizeof text) && image_ref_parse(text, &ref)) {
        image_ref_full(&ref, full);
        return true;
    }
    ops_fail(call, ERR_NOT_FOUND, "There is no such image");
    return false;
}

/* --- reading --- */

void ops_image_list(void *owner, struct api_call *call)
{
    struct controller *c = owner;
    char node[NODE_NAME_MAX + 1], pinned[8];
    struct db_image_filter filter = {.cursor = ops_cursor(call), .limit = call->limit};
    if (http_query_get(call->exchange, "node", node, sizeof node))
        filter.node = node;
    if (http_query_get(call->exchange, "pinned", pinned, sizeof pinned))
        filter.pinned = pinned;
    db_image_list(c->pool, &filter, ops_answer_page, call);
}

void ops_image_show(void *owner, struct api_call *call)
{
    struct controller *c = owner;
    char full[IMAGE_REF_FULL_MAX];
    if (path_ref(call, full))
        db_image_get(c->pool, full, ops_answer_json, call);
}

/* --- changes --- */

/* An act on one name. */
struct image_act {
    struct ops_call of;
    char ref[IMAGE_REF_FULL_MAX];
};

static struct image_act *act_new(struct controller *c, struct api_call *call, const char *ref)
{
    struct image_act *act = mem_zalloc(sizeof *act);
    act->of = (struct ops_call){c, call};
    snprintf(act->ref, sizeof act->ref, "%s", ref);
    return act;
}

/* The nodes are told at once, and creates follow it. */
static struct api_call *changed(void *arg, int code)
{
    struct image_act *act = arg;
    struct api_call *call = act->of.call;
    if (!code)
        leader_image_asked(act->of.controller->leader, act->ref);
    free(act);
    return call;
}

static void on_asked(void *arg, int code, const struct err *e, const char *json)
{
    struct api_call *call = changed(arg, code);
    if (code)
        api_answer_err(call, e);
    else
        api_answer_json(call, 202, NULL, json);
}

void ops_image_pull(void *owner, struct api_call *call)
{
    struct controller *c = owner;
    struct db_actor actor = ops_actor(call);
    struct image_ref ref;
    char full[IMAGE_REF_FULL_MAX];
    struct err e;
    if (!image_ref_parse(call->request, &ref)) {
        ops_fail(call, ERR_INVALID, "ref: is not the name of an image");
        return;
    }
    if (!image_ref_allowed(&ref, c->conf->registries)) {
        (void)err_set(&e, ERR_REGISTRY_NOT_ALLOWED,
                      "images of the registry %s are not allowed here; allowed: %s", ref.registry,
                      c->conf->registries);
        api_answer_err_at(call, &e, "/ref");
        return;
    }
    image_ref_full(&ref, full);
    db_image_pull(c->pool, full, call->body, &actor, on_asked, act_new(c, call, full));
}

static void on_patched(void *arg, int code, const struct err *e, const char *json)
{
    ops_answer_json(changed(arg, code), code, e, json);
}

void ops_image_patch(void *owner, struct api_call *call)
{
    struct controller *c = owner;
    struct db_actor actor = ops_actor(call);
    char full[IMAGE_REF_FULL_MAX];
    if (path_ref(call, full))
        db_image_patch(c->pool, full, call->body, &actor, on_patched, act_new(c, call, full));
}

static void on_deleted(void *arg, int code, const struct err *e, const char *json)
{
    struct api_call *call = changed(arg, code);
    if (!code && json)
        api_answer_json(call, 202, NULL, json);
    else
        ops_answer_gone(call, code, e, json);
}

void ops_image_delete(void *owner, struct api_call *call)
{
    struct controller *c = owner;
    struct db_actor actor = ops_actor(call);
    char full[IMAGE_REF_FULL_MAX];
    if (path_ref(call, full))
        db_image_delete(c->pool, full, &actor, on_deleted, act_new(c, call, full));
}

/* --- prune: waits for the nodes --- */

struct image_prune {
    LIST_ENTRY(image_prune) link;
    struct controller *controller;
    struct api_call *call;
    bool dry_run, ended; /* ended: the call is answered, while the database reads for it */
    char *found;
    uint64_t until_ms;
    struct timer again;
};

static void prune_free(struct image_prune *p)
{
    free(p->found);
    free(p);
}

/* Answers the call, which needs the prune no more. */
static struct api_call *prune_end(struct image_prune *p)
{
    struct api_call *call = p->call;
    LIST_REMOVE(p, link);
    timer_stop(&p->again);
    prune_free(p);
    return call;
}

static void ask_state(void *arg);

static void on_state(void *arg, int code, const struct err *e, const char *json, uint64_t left)
{
    struct image_prune *p = arg;
    if (p->ended) {
        prune_free(p);
    } else if (code) {
        api_answer_err(prune_end(p), e);
    } else if (!p->dry_run && left && loop_now_ms() < p->until_ms) {
        timer_start(&p->again, p->controller->loop, PRUNE_AGAIN_MS, ask_state, p);
    } else {
        api_answer_json(prune_end(p), 200, NULL, json);
    }
}

static void ask_state(void *arg)
{
    struct image_prune *p = arg;
    db_image_prune_state(p->controller->pool, p->found, p->dry_run, on_state, p);
}

static void on_pruned(void *arg, int code, const struct err *e, const char *json)
{
    struct image_prune *p = arg;
    if (p->ended) {
        prune_free(p);
        return;
    }
    if (code) {
        api_answer_err(prune_end(p), e);
        return;
    }
    p->found = mem_strdup(json);
    if (!p->dry_run)
        leader_images_changed(p->controller->leader);
    ask_state(p);
}

void ops_image_prune(void *owner, struct api_call *call)
{
    struct controller *c = owner;
    struct db_actor actor = ops_actor(call);
    struct image_prune *p = mem_zalloc(sizeof *p);
    *p = (struct image_prune){.controller = c,
                              .call = call,
                              .dry_run = call->request && *(const bool *)call->request,
                              .until_ms = loop_now_ms() + PRUNE_MS};
    LIST_INSERT_HEAD(&c->image_prunes, p, link);
    db_image_prune(c->pool, call->body && call->body[0] ? call->body : "{}", &actor, on_pruned, p);
}

void ops_image_prunes_end(struct controller *c)
{
    struct image_prune *p;
    while ((p = LIST_FIRST(&c->image_prunes))) {
        ops_fail(p->call, ERR_CANCELLED, "the controller is stopping");
        LIST_REMOVE(p, link);
        if (timer_armed(&p->again)) {
            timer_stop(&p->again);
            prune_free(p);
        } else {
            p->ended = true; /* the pool calls it back, and that frees it */
        }
    }
}
