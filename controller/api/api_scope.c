#include "controller/api/api_int.h"

int api_scope_check(const struct api_route *route, struct caller *caller, struct err *e)
{
    static const struct {
        uint32_t any; /* one of these is enough */
        const char *names;
    } scopes[] = {[API_READ] = {SCOPE_READ, "read"},
                  [API_EXEC] = {SCOPE_EXEC | SCOPE_WRITE, "exec (write has it, too)"},
                  [API_WRITE] = {SCOPE_WRITE, "write"},
                  [API_METRICS] = {0},
                  [API_ADMIN] = {0}};
    enum api_scope scope = route->scope;
    caller->needs = scopes[scope].any;
    caller->needs_admin = scope == API_METRICS || scope == API_ADMIN;
    if (caller->needs_admin)
        return caller_is_admin(caller)
                   ? 0
                   : err_set(e, ERR_FORBIDDEN, "this needs an administrator and a key with the scope admin");
    if (!(caller->scopes & scopes[scope].any))
        return err_set(e, ERR_FORBIDDEN,
                       "the API key lacks the scope %s; have an administrator add it, or use another key",
                       scopes[scope].names);
    return 0;
}
