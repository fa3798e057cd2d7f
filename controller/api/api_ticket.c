#include "controller/api/api_ticket.h"

#include "controller/api/api_int.h"

#include <stdlib.h>
#include <string.h>

int api_ticket_check(const struct api_call *call, const char *path, struct err *e)
{
    struct api *api = ((const struct call *)(const void *)call)->api;
    const struct api_routes *routes = api->ops.routes;
    char param[2][API_PARAM_MAX + 1], allow[API_ALLOW_MAX];
    struct caller caller = call->caller;
    const struct api_route *route = api_route_find(routes, "GET", path, param, allow, NULL);
    if (!route || !api_route_ticketed(routes, route) || strlen(path) >= TICKET_PATH_BYTES)
        return err_set(e, ERR_INVALID, "route: takes no ticket");
    int rc = api_scope_check(route, &caller, e);
    return rc ? rc : ticket_table_check(&api->tickets, loop_now_ms(), caller.key_prefix, caller.user_id, e);
}

int api_ticket_make(struct api_call *public, const char *path, char out[static TICKET_LEN + 1], struct err *e)
{
    struct call *call = api_call_of(public);
    struct ticket_key key;
    memcpy(key.prefix, call->prefix, sizeof key.prefix);
    memcpy(key.sha256, call->sha256, sizeof key.sha256);
    return ticket_table_add(&call->api->tickets, loop_now_ms(), &key, public->caller.user_id, path, out, e);
}

bool api_ticket_named(const struct call *call)
{
    if (!api_route_ticketed(call->api->ops.routes, call->public.route))
        return false;
    for (const char *at = http_query(call->public.exchange); *at; at += strcspn(at, "&"), at += *at == '&') {
        if (!strncmp(at, "ticket=", 7))
            return true;
    }
    return false;
}

bool api_ticket_take(struct call *call)
{
    const struct http_exchange *x = call->public.exchange;
    struct ticket_key key;
    char text[TICKET_LEN + 2];
    if (http_header(x, "x-api-key") || http_header(x, "authorization") || strcmp(http_method(x), "GET") ||
        !http_query_get(x, "ticket", text, sizeof text) ||
        !ticket_table_take(&call->api->tickets, loop_now_ms(), text, http_path(x), &key))
        return false;
    memcpy(call->prefix, key.prefix, sizeof call->prefix);
    memcpy(call->sha256, key.sha256, sizeof call->sha256);
    return true;
}
