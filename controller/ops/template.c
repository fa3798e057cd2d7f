/* Templates: /sandbox/templates. docs/templates.md describes what they do; sandbox_template.c takes them up.
 */
#include "controller/ops/sandbox_create.h"

#include "common/base/mem.h"
#include "controller/db/db_template.h"
#include "controller/ops/path_segment.h"
#include "controller/ops/sandbox_body.h"
#include "controller/ops/template_merge.h"
#include "proto/node_codec.h"
#include "proto/spec_env.h"

#include <stdlib.h>
#include <string.h>

/* --- which one is meant --- */

struct named {
    struct db_template_name which;
    char name[API_PARAM_MAX + 1]; /* decoded: clients may write '@' as %40 */
    char user[256];
};

static enum db_template_kind kind_of(const struct api_call *call, enum db_template_kind unsaid)
{
    char shared[8];
    if (!http_query_get(call->exchange, "shared", shared, sizeof shared))
        return unsaid;
    return !strcmp(shared, "true") ? DB_TEMPLATE_SHARED : DB_TEMPLATE_OWN;
}

/* An administrator may name another user, by id or name. Others name only themselves. */
static void name(struct api_call *call, enum db_template_kind unsaid, struct named *out)
{
    bool other = !ops_owner(call) && http_query_get(call->exchange, "user", out->user, sizeof out->user);
    if (!path_segment_decode(call->param[0], out->name, sizeof out->name))
        out->name[0] = 0; /* nothing is called so */
    out->which = (struct db_template_name){.name = out->name,
                                           .user_id = call->caller.user_id,
                                           .user = other ? out->user : NULL,
                                           .kind = kind_of(call, unsaid)};
}

/* Shared templates are changed by administrators. False: the call is answered. */
static bool may_change(struct api_call *call, enum db_template_kind kind)
{
    if (kind != DB_TEMPLATE_SHARED || !ops_owner(call))
        return true;
    ops_fail(call, ERR_FORBIDDEN, "Shared templates are made and changed by administrators");
    return false;
}

/* --- what is said of one --- */

/* What is stored; fini frees it. */
struct saying {
    json_t *body;
    char *text, *env_names;
    uint8_t *env;
    struct db_template_made made;
    char image_ref[IMAGE_REF_FULL_MAX];
};

static void saying_fini(struct saying *s)
{
    json_decref(s->body);
    free(s->text);
    free(s->env_names);
    free(s->env);
}

static char *names_of(const struct string_list *env)
{
    struct json_text text = {0};
    json_text_array(&text, NULL);
    for (size_t i = 0; i < env->count; i++)
        json_text_bytes(&text, NULL, env->item[i], strcspn(env->item[i], "="));
    json_text_end(&text);
    return text.text.data;
}

/* The image may be used here, and a spec can be made of it. */
static int check(const struct controller *c, struct sandbox_request *request, struct saying *s, struct err *e)
{
    struct image_ref ref;
    bool is_base;
    uint8_t *packed;
    size_t len;
    if (!request->spec.image)
        request->spec.image = mem_strdup(c->conf->base_image);
    int rc = ops_check_registry(c->conf, request->spec.image, &ref, &is_base, e);
    if (!rc)
        image_ref_full(&ref, s->image_ref);
    if (!rc && !(rc = sandbox_spec_pack(&request->spec, &packed, &len, e)))
        secrets_wipe(packed, len);
    return rc;
}

static int seal(const struct controller *c, const struct db_template_name *which, struct sandbox_spec *spec,
                struct saying *s, struct err *e)
{
    char subject[DB_TEMPLATE_SUBJECT_MAX], only_name[DB_TEMPLATE_NAME_MAX + 1];
    if (!spec->env.count)
        return 0;
    if (!c->secrets)
        return err_set(e, ERR_INVALID,
                       "env: this installation has no key to seal environments with; its administrator sets "
                       "secrets_key_file");
    snprintf(only_name, sizeof only_name, "%.*s", (int)strcspn(which->name, "@"), which->name);
    db_template_subject(which->user_id, which->kind == DB_TEMPLATE_SHARED, only_name, subject);
    int rc = spec_env_seal(c->secrets, subject, spec, e);
    if (rc)
        return rc;
    s->env = spec->sealed_env;
    spec->sealed_env = NULL;
    s->made.env = s->env;
    s->made.env_len = spec->sealed_env_len;
    s->made.env_key = secrets_sealing_id(c->secrets);
    return 0;
}

/* Takes body, which says all of it but the environment. */
static int say(const struct controller *c, const struct db_template_name *which, json_t *body,
               const struct template_request *r, struct saying *s, struct err *e)
{
    *s =
        (struct saying){.body = body, .text = json_dumps(body, JSON_COMPACT), .env_names = names_of(&r->env)};
    s->made = (struct db_template_made){
        .body = s->text, .image_ref = s->image_ref, .env_given = r->env_given, .env_names = s->env_names};
    struct sandbox_request *request = sandbox_request_parse(body);
    sandbox_request_add_env(request, &r->env);
    int rc = check(c, request, s, e);
    if (!rc)
        rc = seal(c, which, &request->spec, s, e);
    for (size_t i = 0; i < request->spec.env.count; i++)
        explicit_bzero(request->spec.env.item[i], strlen(request->spec.env.item[i]));
    sandbox_request_fini(request);
    free(request);
    return rc;
}

/* Members of the warm pool are the installation's. False: the call is answered. */
static bool may_be_warm(struct api_call *call, const struct template_request *r, enum db_template_kind kind)
{
    if (r->warm <= 0 || kind == DB_TEMPLATE_SHARED)
        return true;
    ops_fail(call, ERR_INVALID, "warm: only shared templates have containers that stand ready");
    return false;
}

/* --- operations --- */

static void on_changed(void *arg, int code, const struct err *e, const char *json)
{
    struct ops_call o = *(struct ops_call *)arg;
    free(arg);
    ops_answer_json(o.call, code, e, json);
}

static void on_created(void *arg, int code, const struct err *e, const char *json)
{
    struct ops_call o = *(struct ops_call *)arg;
    free(arg);
    ops_answer_created(o.call, code, e, json);
}

static void on_deleted(void *arg, int code, const struct err *e, const char *json)
{
    struct ops_call o = *(struct ops_call *)arg;
    free(arg);
    ops_answer_gone(o.call, code, e, json);
}

void ops_template_create(void *owner, struct api_call *call)
{
    struct controller *c = owner;
    const struct template_request *r = call->request;
    struct db_actor actor = ops_actor(call);
    struct db_template_name which = {.name = r->name,
                                     .user_id = call->caller.user_id,
                                     .kind = r->shared ? DB_TEMPLATE_SHARED : DB_TEMPLATE_OWN};
    char id[31];
    struct saying s;
    struct err e;
    if (!may_change(call, which.kind) || !may_be_warm(call, r, which.kind))
        return;
    ops_new_id("tpl_", id);
    if (say(c, &which, json_incref(r->body), r, &s, &e))
        api_answer_err(call, &e);
    else
        db_template_create(c->pool, id, &which, &s.made, r->warm, &actor, on_created, ops_call_new(c, call));
    saying_fini(&s);
}

static void on_read(void *arg, int code, const struct err *e, const struct db_template *t)
{
    struct ops_call *o = arg;
    const struct template_request *r = o->call->request;
    struct named named;
    struct saying s;
    struct err why;
    if (code) {
        on_changed(o, code, e, NULL);
        return;
    }
    name(o->call, DB_TEMPLATE_OWN, &named);
    if (!may_be_warm(o->call, r, named.which.kind)) {
        free(o);
        return;
    }
    struct db_actor actor = ops_actor(o->call);
    json_t *before = json_loads(t->body, 0, NULL);
    code = say(o->controller, &named.which, template_change(before, r->body), r, &s, &why);
    json_decref(before);
    if (code)
        on_changed(o, code, &why, NULL);
    else
        db_template_patch(o->controller->pool, &named.which, t->version, &s.made, r->warm, &actor, on_changed,
                          o);
    saying_fini(&s);
}

void ops_template_patch(void *owner, struct api_call *call)
{
    struct controller *c = owner;
    struct named named;
    name(call, DB_TEMPLATE_OWN, &named);
    if (!may_change(call, named.which.kind))
        return;
    if (strchr(named.which.name, '@'))
        ops_fail(call, ERR_INVALID, "A version never changes; a change of the template makes the next one");
    else
        db_template_read(c->pool, &named.which, on_read, ops_call_new(c, call));
}

void ops_template_delete(void *owner, struct api_call *call)
{
    struct controller *c = owner;
    struct db_actor actor = ops_actor(call);
    struct named named;
    name(call, DB_TEMPLATE_OWN, &named);
    if (may_change(call, named.which.kind))
        db_template_delete(c->pool, &named.which, &actor, on_deleted, ops_call_new(c, call));
}

void ops_template_show(void *owner, struct api_call *call)
{
    struct controller *c = owner;
    struct named named;
    name(call, DB_TEMPLATE_ANY, &named);
    db_template_get(c->pool, &named.which, ops_answer_json, call);
}

void ops_template_list(void *owner, struct api_call *call)
{
    struct controller *c = owner;
    struct named named;
    name(call, DB_TEMPLATE_ANY, &named);
    db_template_list(c->pool, &named.which, ops_cursor(call), call->limit, ops_answer_page, call);
}

void ops_template_versions(void *owner, struct api_call *call)
{
    struct controller *c = owner;
    struct named named;
    name(call, DB_TEMPLATE_ANY, &named);
    db_template_versions(c->pool, &named.which, ops_cursor(call), call->limit, ops_answer_page, call);
}
