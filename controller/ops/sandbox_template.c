/* POST /sandbox {template}: what the template says becomes a part of the request. */
#include "controller/ops/sandbox_create.h"

#include "common/base/mem.h"
#include "controller/db/db_template.h"
#include "controller/ops/sandbox_body.h"
#include "controller/ops/template_merge.h"
#include "proto/node_codec.h"
#include "proto/spec_env.h"

#include <stdlib.h>
#include <string.h>

static void wipe(struct string_list *env)
{
    for (size_t i = 0; i < env->count; i++)
        explicit_bzero(env->item[i], strlen(env->item[i]));
    string_list_fini(env);
}

/* Opens the environment of the template and adds it. */
static int add_environment(const struct controller *c, const struct db_template *t,
                           struct sandbox_request *request, struct err *e)
{
    struct sandbox_spec sealed = {0};
    struct err why;
    if (!t->env)
        return 0;
    sealed.sealed_env = mem_dup(t->env, t->env_len);
    sealed.sealed_env_len = t->env_len;
    int rc = spec_env_open(c->secrets, t->subject, &sealed, &why);
    if (rc)
        (void)err_set(e, ERR_INVALID, "template: the environment of %s cannot be opened: %s", t->ref,
                      why.text);
    else
        sandbox_request_add_env(request, &sealed.env);
    wipe(&sealed.env);
    sandbox_spec_fini(&sealed);
    return rc;
}

#define LABELS_MAX 64 /* as of a body (sandbox_body.c) */

/* What was united may be more than a create may have. */
static int check_union(const struct sandbox_request *request, const json_t *both, struct err *e)
{
    static const char *const maps[] = {"labels", "node_labels"};
    if (request->spec.env.count > SPEC_LIST_MAX)
        return err_set(e, ERR_INVALID, "env: has more than %d variables with those of the template",
                       SPEC_LIST_MAX);
    for (size_t i = 0; i < ARRAY_LEN(maps); i++) {
        if (json_object_size(json_object_get(both, maps[i])) > LABELS_MAX)
            return err_set(e, ERR_INVALID, "%s: has more than %d entries with those of the template", maps[i],
                           LABELS_MAX);
    }
    return 0;
}

/* The request again, made of both; the caller's, also of an error. The body was checked as it came in. */
static int merge(const struct controller *c, const struct api_call *call, const struct db_template *t,
                 struct sandbox_request **out, struct err *e)
{
    const struct sandbox_request *asked = call->request;
    json_t *body, *errors, *template = json_loads(t->body, 0, NULL);
    if (api_schema_check(call->route->body, call->body, call->body_len, &body, &errors, e))
        abort();
    json_t *both = template_merge(template, body);
    struct sandbox_request *request = *out = sandbox_request_parse(both);
    for (size_t i = 0; i < asked->spec.env.count; i++)
        string_list_add(&request->spec.env, asked->spec.env.item[i]);
    request->template = mem_strdup(t->ref);
    request->template_taken = true;
    int rc = add_environment(c, t, request, e);
    if (!rc)
        rc = check_union(request, both, e);
    json_decref(body);
    json_decref(template);
    json_decref(both);
    return rc;
}

static void on_template(void *arg, int code, const struct err *e, const struct db_template *t)
{
    struct ops_call o = *(struct ops_call *)arg;
    struct sandbox_request *asked = o.call->request, *request;
    struct err why = {0};
    free(arg);
    if (code) {
        asked->template_taken = true;
        asked->template_not = *e;
    } else {
        if (merge(o.controller, o.call, t, &request, &why))
            request->template_not = why;
        wipe(&asked->spec.env);
        sandbox_request_fini(asked);
        *asked = *request;
        free(request);
    }
    o.call->route->handler(o.controller, o.call);
}

void ops_take_template(struct controller *c, struct api_call *call)
{
    const struct sandbox_request *request = call->request;
    struct db_template_name which = {.name = request->template, .user_id = call->caller.user_id};
    db_template_read(c->pool, &which, on_template, ops_call_new(c, call));
}
