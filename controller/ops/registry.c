/* Credentials of private registries: /sandbox/system/registries. docs/images.md describes what they do. */
#include "controller/ops/ops.h"

#include "common/base/mem.h"
#include "common/model/image_ref.h"
#include "controller/db/db_image.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define USERNAME_MAX 255
#define PASSWORD_MAX 4096

/* --- the body --- */

static bool name_of(const char *text, char out[static IMAGE_REF_MAX + 1])
{
    char image[IMAGE_REF_MAX + 3];
    struct image_ref ref;
    if (snprintf(image, sizeof image, "%s/x", text) >= (int)sizeof image || !image_ref_parse(image, &ref) ||
        strcmp(ref.path, "x"))
        return false;
    strcpy(out, ref.registry);
    return true;
}

static const char *name_fault(const char *text)
{
    char name[IMAGE_REF_MAX + 1];
    return !strcmp(text, IMAGE_HUB) || name_of(text, name)
               ? NULL
               : "must be the address of a registry, with its port where it has one";
}

static const struct field_rule name_rule = {"^[^\\s/]+$", name_fault, 0};

static const struct field fields[] = {
    {"name", FIELD_TEXT, 1, IMAGE_REF_MAX, NULL, &name_rule, true, false, NULL},
    {"username", FIELD_TEXT, 1, USERNAME_MAX, NULL, NULL, true, false, NULL},
    {"password", FIELD_TEXT, 1, PASSWORD_MAX, NULL, NULL, true, false, NULL},
};

struct registry_request {
    char name[IMAGE_REF_MAX + 1], username[USERNAME_MAX * 4 + 1];
    char *password;
};

static const char *text_of(const json_t *body, const char *name)
{
    return json_string_value(json_object_get(body, name));
}

static void *parse(const json_t *body)
{
    struct registry_request *r = mem_zalloc(sizeof *r);
    if (!name_of(text_of(body, "name"), r->name))
        strcpy(r->name, IMAGE_HUB);
    snprintf(r->username, sizeof r->username, "%s", text_of(body, "username"));
    r->password = mem_strdup(text_of(body, "password"));
    return r;
}

static void request_free(void *arg)
{
    struct registry_request *r = arg;
    secrets_wipe(r->password, strlen(r->password));
    free(r);
}

const struct api_body registry_body = {
    .fields = {fields, ARRAY_LEN(fields)}, .parse = parse, .free = request_free};

/* --- operations --- */

void ops_registry_list(void *owner, struct api_call *call)
{
    struct controller *c = owner;
    db_registry_list(c->pool, ops_cursor(call), call->limit, ops_answer_page, call);
}

/* A change whose answer waits until pulls go by it. */
struct change {
    struct ops_call of;
    char *json; /* NULL: the credentials are gone */
};

static void on_in_force(void *arg)
{
    struct change *change = arg;
    leader_images_changed(change->of.controller->leader);
    if (change->json)
        ops_answer_json(change->of.call, 0, NULL, change->json);
    else
        ops_answer_gone(change->of.call, 0, NULL, NULL);
    free(change->json);
    free(change);
}

static void on_changed(void *arg, int code, const struct err *e, const char *json)
{
    struct ops_call o = *(struct ops_call *)arg;
    free(arg);
    if (code) {
        ops_answer_json(o.call, code, e, json);
        return;
    }
    struct change *change = mem_zalloc(sizeof *change);
    *change = (struct change){.of = o, .json = json ? mem_strdup(json) : NULL};
    leader_logins_read(o.controller->leader, on_in_force, change);
}

void ops_registry_set(void *owner, struct api_call *call)
{
    struct controller *c = owner;
    const struct registry_request *r = call->request;
    struct db_actor actor = ops_actor(call);
    char subject[IMAGE_REF_MAX + 16];
    uint8_t *sealed = NULL;
    struct db_sealed password;
    struct err e;
    if (!c->secrets) {
        ops_fail(call, ERR_INVALID,
                 "This controller has no key to seal passwords with; an administrator sets secrets_key_file");
        return;
    }
    snprintf(subject, sizeof subject, "registry:%s", r->name);
    if (secrets_seal(c->secrets, subject, r->password, strlen(r->password), &sealed, &password.len, &e)) {
        api_answer_err(call, &e);
        return;
    }
    password.bytes = sealed;
    password.key = secrets_sealing_id(c->secrets);
    db_registry_set(c->pool, r->name, r->username, &password, &actor, on_changed, ops_call_new(c, call));
    free(sealed);
}

void ops_registry_delete(void *owner, struct api_call *call)
{
    struct controller *c = owner;
    struct db_actor actor = ops_actor(call);
    char name[IMAGE_REF_MAX + 1];
    snprintf(name, sizeof name, "%s", call->param[0]);
    db_registry_delete(c->pool, name, &actor, on_changed, ops_call_new(c, call));
}
