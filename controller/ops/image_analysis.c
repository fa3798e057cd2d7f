/*
 * What makes an image large (GET …/analysis), and its variant of one layer (POST …/optimize). A node that has
 * the image does it: the one that is named, else the first one in session that has it. The answer waits;
 * where it takes longer than that, 202 says so, the node goes on, and the same request again joins it.
 */
#include "controller/ops/ops.h"

#include "common/base/mem.h"
#include "common/model/image_ref.h"
#include "controller/api/api_stream.h"
#include "controller/db/db_audit.h"
#include "controller/ops/image_json.h"
#include "controller/ops/path_segment.h"
#include "controller/streams/image_run.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WAIT_MS 60000 /* the default */

struct image_call {
    struct controller *controller;
    struct api_call *call; /* NULL: its client is gone, while the audit is written */
    struct stream_image image;
    struct string_list nodes; /* to ask, in this order */
    size_t asked;
    struct image_run *run; /* NULL: none is under way */
    struct timer patience;
    uint64_t wait_ms;
    struct err last; /* why the latest node did not do it */
};

static void call_free(struct image_call *p)
{
    timer_stop(&p->patience);
    string_list_fini(&p->nodes);
    free(p);
}

static const char *node_of(const struct image_call *p)
{
    return p->nodes.item[p->asked - 1];
}

/* --- the answer --- */

static void answer(struct image_call *p, int status, struct json_text *json)
{
    api_answer_json(p->call, status, NULL, json->text.data);
    json_text_fini(json);
    call_free(p);
}

static void fail(struct image_call *p, int code, const char *text)
{
    ops_fail(p->call, code, text);
    call_free(p);
}

static void on_patience(void *arg)
{
    struct image_call *p = arg;
    struct json_text json = {0};
    image_run_cancel(p->run);
    json_text_object(&json, NULL);
    json_text_str(&json, "image", p->image.ref);
    json_text_str(&json, "node", node_of(p));
    json_text_str(&json, "state", "running");
    json_text_end(&json);
    answer(p, 202, &json);
}

/* Nobody waits for it any more. */
static void on_gone(void *arg)
{
    struct image_call *p = arg;
    ops_fail(p->call, ERR_CANCELLED, "its client is gone"); /* into nothing */
    p->call = NULL;
    if (!p->run)
        return; /* on_noted frees it */
    image_run_cancel(p->run);
    call_free(p);
}

/* --- the nodes --- */

static void ask_next(struct image_call *p);

/* Whether another node may do it. */
static bool is_of_node(int code)
{
    return code == ERR_NOT_FOUND || code == ERR_NODE_TIMEOUT || code == ERR_CANCELLED;
}

static void on_run(void *arg, int code, const char *text, const struct image_report *report,
                   const struct image_flat *flat)
{
    struct image_call *p = arg;
    struct json_text json = {0};
    p->run = NULL;
    if (is_of_node(code)) {
        (void)err_set(&p->last, code == ERR_CANCELLED ? ERR_NODE_TIMEOUT : code, "%s", text);
        ask_next(p);
        return;
    }
    if (code) {
        fail(p, code, text);
        return;
    }
    if (report)
        image_json_report(&json, p->image.ref, node_of(p), report);
    else
        image_json_flat(&json, p->image.ref, node_of(p), flat);
    answer(p, 200, &json);
}

static void ask_next(struct image_call *p)
{
    struct stream_hub *hub = leader_streams(p->controller->leader);
    while (p->asked < p->nodes.count) {
        const char *node = p->nodes.item[p->asked++];
        if (!image_run_start(&p->run, hub, node, &p->call->caller, &p->image, on_run, p, &p->last))
            return;
    }
    fail(p, p->last.code, p->last.text);
}

/* Asks the first node. */
static void begin(struct image_call *p)
{
    timer_start(&p->patience, p->controller->loop, p->wait_ms, on_patience, p);
    ask_next(p);
}

static void list_nodes(struct image_call *p, const char *named)
{
    const struct cluster_state *cluster = leader_state(p->controller->leader);
    const struct node_table *table = cluster ? cluster_state_nodes(cluster) : NULL;
    struct stream_hub *hub = leader_streams(p->controller->leader);
    for (size_t i = 0; table && i < table->count; i++) {
        const char *name = table->item[i]->facts.name;
        if (named[0] ? !strcmp(name, named) : stream_hub_reaches(hub, name))
            string_list_add(&p->nodes, name);
    }
    (void)err_set(&p->last, named[0] ? ERR_NOT_FOUND : ERR_NO_CAPACITY,
                  named[0] ? "There is no such node" : "no node can be asked now");
}

/* --- the request --- */

static bool is_id(const char *text)
{
    const char *digits = text + sizeof "sha256:" - 1;
    return !strncmp(text, "sha256:", sizeof "sha256:" - 1) && strspn(digits, "0123456789abcdef") == 64 &&
           !digits[64];
}

static bool take_ref(const char *segment, char out[static IMAGE_REF_FULL_MAX])
{
    char text[IMAGE_REF_FULL_MAX];
    struct image_ref ref;
    if (!path_segment_decode(segment, text, sizeof text))
        return false;
    if (is_id(text)) {
        memcpy(out, text, strlen(text) + 1);
        return true;
    }
    if (!image_ref_parse(text, &ref))
        return false;
    image_ref_familiar(&ref, out);
    return true;
}

static struct image_call *call_new(struct controller *c, struct api_call *call, bool flattens)
{
    static const struct http_stream_ops waits = {.on_gone = on_gone};
    char node[NODE_NAME_MAX + 1] = "", timeout[16];
    struct image_call *p = mem_zalloc(sizeof *p);
    uint64_t wait_ms = WAIT_MS;
    *p = (struct image_call){.controller = c, .call = call, .image = {.flattens = flattens}};
    if (!take_ref(call->param[0], p->image.ref)) {
        fail(p, ERR_NOT_FOUND, "There is no image of this name: it is neither a name of one, nor an id");
        return NULL;
    }
    (void)http_query_get(call->exchange, "node", node, sizeof node);
    if (http_query_get(call->exchange, "timeout_ms", timeout, sizeof timeout))
        wait_ms = strtoul(timeout, NULL, 10);
    list_nodes(p, node);
    if (!api_stream_await(call, &waits, p)) {
        call_free(p);
        return NULL;
    }
    p->wait_ms = wait_ms;
    return p;
}

void ops_image_analysis(void *owner, struct api_call *call)
{
    struct image_call *p = call_new(owner, call, false);
    if (p)
        begin(p);
}

static void on_noted(void *arg, int code, const struct err *e, const char *json)
{
    struct image_call *p = arg;
    if (!p->call)
        call_free(p);
    else if (code)
        fail(p, code, e->text);
    else
        begin(p);
}

/* The act is on record before it begins. */
void ops_image_optimize(void *owner, struct api_call *call)
{
    struct controller *c = owner;
    struct db_actor actor = ops_actor(call);
    struct image_call *p = call_new(c, call, true);
    if (p)
        db_audit_add(c->pool, &actor, "image.optimize", p->image.ref, NULL, "ok", on_noted, p);
}
