/* POST /sandbox/{id}/ticket: what a browser puts into a URL, where it cannot send a key. */
#include "controller/ops/ops.h"

#include "common/base/mem.h"
#include "common/base/rfc3339.h"
#include "controller/api/api_ticket.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *plain(const char *text)
{
    return text[strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789/_-")]
               ? "must be a path from the sandbox on, without a query, such as terminal"
               : NULL;
}

static const struct field_rule route_rule = {"^[a-z0-9/_-]+$", plain, 0};

static const struct field fields[] = {
    {"route", FIELD_TEXT, 1, 120, NULL, &route_rule, true, false, NULL},
};

const struct api_body ticket_body = {.fields = {fields, ARRAY_LEN(fields)}};

struct ticket_call {
    struct controller *controller;
    struct api_call *call;
    char path[TICKET_PATH_BYTES]; /* of the request that the ticket is for */
    size_t route_at;              /* where its part after the sandbox begins */
};

static void answer(struct ticket_call *t, const char *ticket)
{
    char until[RFC3339_LEN + 1];
    struct json_text json = {0};
    rfc3339_format(leader_wall_ms(t->controller->leader) + TICKET_MS, until);
    json_text_object(&json, NULL);
    json_text_str(&json, "ticket", ticket);
    json_text_str(&json, "route", t->path + t->route_at);
    json_text_str(&json, "expires_at", until);
    json_text_end(&json);
    api_answer_json(t->call, 201, NULL, json.text.data);
    json_text_fini(&json);
}

static void on_recorded(void *arg, int code, const struct err *e, const char *json)
{
    struct ticket_call *t = arg;
    char ticket[TICKET_LEN + 1];
    struct err full;
    if (code)
        api_answer_err(t->call, e);
    else if (api_ticket_make(t->call, t->path, ticket, &full))
        api_answer_err(t->call, &full);
    else
        answer(t, ticket);
    free(t);
}

/* The whole path of the request: the route may be given with its beginning slash, too. */
static struct ticket_call *take(struct controller *c, struct api_call *call, const struct sandbox_id *id)
{
    struct ticket_call *t = mem_zalloc(sizeof *t);
    json_t *body = json_loads(call->body, 0, NULL);
    const char *route = json_string_value(json_object_get(body, "route"));
    *t = (struct ticket_call){.controller = c, .call = call};
    t->route_at = (size_t)snprintf(t->path, sizeof t->path, "/sandbox/%s/", id->text);
    snprintf(t->path + t->route_at, sizeof t->path - t->route_at, "%s", route + (*route == '/'));
    json_decref(body);
    return t;
}

void ops_ticket_create(void *owner, struct api_call *call)
{
    struct controller *c = owner;
    struct sandbox_id id;
    struct err e;
    if (!ops_sandbox_id(call, &id))
        return;
    struct ticket_call *t = take(c, call, &id);
    struct db_actor actor = ops_actor(call);
    if (api_ticket_check(call, t->path, &e)) {
        api_answer_err(call, &e);
        free(t);
        return;
    }
    db_sandbox_ticket(c->pool, id.text, ops_owner(call), t->path + t->route_at, &actor, on_recorded, t);
}
