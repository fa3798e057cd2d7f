#include "controller/api/api_route.h"

#include <stdio.h>
#include <string.h>

/* Whether the path matches this form; the values of its {…} go into param. */
static bool path_matches(const char *form, const char *path, char param[2][API_PARAM_MAX + 1])
{
    for (int n = 0; *form;) {
        if (*form != '{') {
            if (*form++ != *path++)
                return false;
            continue;
        }
        size_t len = strcspn(path, "/");
        if (!len || len > API_PARAM_MAX || n == 2)
            return false;
        memcpy(param[n], path, len);
        param[n++][len] = 0;
        path += len;
        form += strcspn(form, "}") + 1;
    }
    return !*path;
}

const struct api_route *api_route_find(const struct api_routes *routes, const char *method, const char *path,
                                       char param[2][API_PARAM_MAX + 1], char allow[static API_ALLOW_MAX],
                                       struct err *e)
{
    const char *listed = strcmp(method, "HEAD") ? method : "GET", *comma = "";
    char methods[API_ALLOW_MAX - 10] = "";
    for (size_t i = 0; i < routes->count; i++) {
        const struct api_route *route = &routes->route[i];
        if (!path_matches(route->path, path, param))
            continue;
        if (!strcmp(route->method, listed))
            return route;
        if (!strstr(methods, route->method) && strlen(methods) + 16 < sizeof methods)
            sprintf(methods + strlen(methods), "%s%s", comma,
                    strcmp(route->method, "GET") ? route->method : "GET, HEAD");
        comma = ", ";
    }
    allow[0] = 0;
    if (!comma[0]) {
        (void)err_set(e, ERR_NOT_FOUND, "there is no such path");
        return NULL;
    }
    snprintf(allow, API_ALLOW_MAX, "Allow: %s\r\n", methods);
    (void)err_set(e, ERR_METHOD_NOT_ALLOWED, "%s is not allowed on this path", method);
    return NULL;
}

void api_route_operation(const struct api_route *route, char out[static API_OPERATION_MAX])
{
    size_t n = 0;
    bool up = false;
    for (const char *at = route->name; *at && n < API_OPERATION_MAX - 1; at++) {
        if (*at != '_')
            out[n++] = (char)(up ? *at : *at | 0x20);
        up = *at == '_';
    }
    out[n] = 0;
}

bool api_route_ticketed(const struct api_routes *routes, const struct api_route *route)
{
    for (size_t i = 0; i < routes->param_count; i++) {
        if (routes->param[i].route == route && !strcmp(routes->param[i].name, "ticket"))
            return true;
    }
    return false;
}

bool api_route_tagged(const struct api_routes *routes, const struct api_route *route)
{
    for (size_t i = 0; i < routes->count; i++) {
        const struct api_route *other = &routes->route[i];
        if (!strcmp(other->method, "PATCH") && !strcmp(other->answer, route->answer))
            return true;
    }
    return false;
}
