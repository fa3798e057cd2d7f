#include "proto/spec_env.h"

#include "common/base/mem.h"
#include "proto/node_codec.h"

#include <stdlib.h>
#include <string.h>

/* The plain text of a seal: the strings, each with its NUL. */
static uint8_t *joined(const struct string_list *env, size_t *len)
{
    uint8_t *text, *at;
    *len = 0;
    for (size_t i = 0; i < env->count; i++)
        *len += strlen(env->item[i]) + 1;
    text = at = mem_zalloc(*len + 1);
    for (size_t i = 0; i < env->count; i++) {
        size_t n = strlen(env->item[i]) + 1;
        memcpy(at, env->item[i], n);
        at += n;
    }
    return text;
}

static void split(const uint8_t *text, size_t len, struct string_list *env)
{
    for (size_t at = 0; at < len; at += strlen((const char *)text + at) + 1)
        string_list_add(env, (const char *)text + at);
}

static void wipe_env(struct sandbox_spec *spec)
{
    for (size_t i = 0; i < spec->env.count; i++) {
        secrets_wipe(spec->env.item[i], strlen(spec->env.item[i]));
        spec->env.item[i] = NULL;
    }
    string_list_fini(&spec->env);
}

int spec_env_seal(const struct secrets *secrets, const char *sandbox, struct sandbox_spec *spec,
                  struct err *e)
{
    size_t len;
    if (!spec->env.count)
        return 0;
    uint8_t *text = joined(&spec->env, &len);
    int rc = secrets_seal(secrets, sandbox, text, len, &spec->sealed_env, &spec->sealed_env_len, e);
    secrets_wipe(text, len);
    if (!rc)
        wipe_env(spec);
    return rc;
}

int spec_env_open(const struct secrets *secrets, const char *sandbox, struct sandbox_spec *spec,
                  struct err *e)
{
    uint8_t *text;
    size_t len;
    if (!spec->sealed_env_len)
        return 0;
    int rc = secrets_open(secrets, sandbox, spec->sealed_env, spec->sealed_env_len, &text, &len, e);
    if (rc)
        return rc;
    if (!len || text[len - 1])
        rc = err_set(e, ERR_PROTOCOL, "it is damaged");
    else
        split(text, len, &spec->env);
    secrets_wipe(text, len);
    if (rc)
        return rc;
    free(spec->sealed_env);
    spec->sealed_env = NULL;
    spec->sealed_env_len = 0;
    return 0;
}

typedef int change_fn(const struct secrets *, const char *, struct sandbox_spec *, struct err *);

static int change_packed(change_fn *change, const struct secrets *secrets, const char *sandbox,
                         const uint8_t *bytes, size_t len, uint8_t **out, size_t *out_len, struct err *e)
{
    struct sandbox_spec spec;
    *out = NULL;
    int rc = sandbox_spec_unpack(bytes, len, &spec, e);
    if (rc)
        return rc;
    size_t sealed = spec.sealed_env_len;
    rc = change(secrets, sandbox, &spec, e);
    if (!rc && spec.sealed_env_len != sealed)
        rc = sandbox_spec_pack(&spec, out, out_len, e);
    wipe_env(&spec);
    sandbox_spec_fini(&spec);
    return rc;
}

int spec_env_seal_packed(const struct secrets *secrets, const char *sandbox, const uint8_t *bytes, size_t len,
                         uint8_t **out, size_t *out_len, struct err *e)
{
    return change_packed(spec_env_seal, secrets, sandbox, bytes, len, out, out_len, e);
}

int spec_env_open_packed(const struct secrets *secrets, const char *sandbox, const uint8_t *bytes, size_t len,
                         uint8_t **out, size_t *out_len, struct err *e)
{
    return change_packed(spec_env_open, secrets, sandbox, bytes, len, out, out_len, e);
}

uint8_t *spec_env_drop_packed(const uint8_t *bytes, size_t len, size_t *out_len)
{
    struct sandbox_spec spec;
    struct err e;
    uint8_t *out = NULL;
    if (sandbox_spec_unpack(bytes, len, &spec, &e))
        return NULL;
    if (spec.env.count || spec.sealed_env_len) {
        wipe_env(&spec);
        free(spec.sealed_env);
        spec.sealed_env = NULL;
        spec.sealed_env_len = 0;
        if (sandbox_spec_pack(&spec, &out, out_len, &e))
            out = NULL;
    }
    sandbox_spec_fini(&spec);
    return out;
}
