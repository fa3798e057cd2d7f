/* POST /sandbox: admits a sandbox, and answers when it runs, or earlier if the caller prefers. */
#include "controller/ops/sandbox_create.h"

#include "common/base/mem.h"
#include "controller/core/sandbox_request.h"
#include "controller/db/db_idempotency.h"
#include "proto/node_codec.h"
#include "proto/spec_env.h"

#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A create whose caller waits until the sandbox runs. */
struct create_call {
    struct controller *controller;
    struct api_call *call;
    struct sandbox_id id;
    uint64_t since_ms;
    struct warm_class class;  /* image "": no member of the warm pool serves it */
    struct err image_refusal; /* answered where the tier may not run the image */
    struct err refusal;       /* answered where the request was not made before */
    uint64_t ready_ms;        /* how long its ready check may take */
};

static struct create_call *create_call_new(struct controller *c, struct api_call *call)
{
    struct create_call *p = mem_zalloc(sizeof *p);
    p->controller = c;
    p->call = call;
    return p;
}

/* Keeps the answer for a repetition of the request, if one can be recognised. */
static void keep_answer(const struct create_call *p, int status, const char *json)
{
    if (p->call->idempotency_key)
        db_idempotency_answer(p->controller->pool, p->id.text, status, json);
}

#define LOCATION "Location: /sandbox/%s\r\n"

static void created(struct create_call *p, const char *json)
{
    char location[64];
    snprintf(location, sizeof location, LOCATION, p->id.text);
    keep_answer(p, 201, json);
    api_answer_json(p->call, 201, location, json);
}

/* A refusal of an image points to the field image. */
static void answer_refusal(struct api_call *call, const struct err *e)
{
    if (e->code == ERR_IMAGE_UNAVAILABLE || e->code == ERR_REGISTRY_NOT_ALLOWED)
        api_answer_err_at(call, e, "/image");
    else
        api_answer_err(call, e);
}

/* Adds the numbers of the quota that is full. */
static void answer_quota(struct api_call *call, const struct db_admit_result *r)
{
    static const char *const whose[][2] = {
        {"user", "you"}, {"api_key", "this API key"}, {"system", "the system"}};
    struct err e;
    const char *who = "the system";
    for (size_t i = 0; i < ARRAY_LEN(whose); i++) {
        if (!strcmp(whose[i][0], r->scope))
            who = whose[i][1];
    }
    (void)err_set(&e, ERR_QUOTA_EXCEEDED, "%s may have %llu live sandboxes, and %llu live now; end one first",
                  who, (unsigned long long)r->limit, (unsigned long long)r->used);
    api_answer_problem(call, &e,
                       json_pack("{s:s,s:I,s:I}", "scope", r->scope, "limit", (json_int_t)r->limit, "used",
                                 (json_int_t)r->used));
}

/* The reason for refusing an image is a sentence of the node, which names nothing of the node. */
static void on_failure(void *arg, int code, const struct err *e, const struct db_sandbox_state *now)
{
    struct create_call *p = arg;
    struct err why;
    if (!code && now->reason == REASON_IMAGE_UNAVAILABLE)
        (void)err_set(&why, ERR_IMAGE_UNAVAILABLE, "%s",
                      now->detail[0] ? now->detail : "the image cannot be used");
    else /* also where the database cannot give the reason: it failed in any case */
        (void)err_set(&why, ERR_START_FAILED, "sandbox %s did not start; its detail says why", p->id.text);
    answer_refusal(p->call, &why);
    free(p);
}

static void on_begun(void *arg, bool reached, enum sandbox_state state, const char *json)
{
    struct create_call *p = arg;
    if (reached && state == SANDBOX_FAILED) {
        if (p->call->idempotency_key)
            db_idempotency_forget(p->controller->pool, p->id.text);
        db_sandbox_state(p->controller->pool, p->id.text, on_failure, p);
        return;
    }
    if (reached) {
        rates_started(&p->controller->rates, loop_now_ms() - p->since_ms);
        created(p, json);
    } else if (!ops_fail_unwritten(p->controller, p->call, "the sandbox was admitted")) {
        ops_fail(p->call, ERR_NODE_TIMEOUT,
                 "the sandbox was admitted but did not run in time; GET it to see its state");
    }
    free(p);
}

static void accepted(struct create_call *p, const char *json)
{
    keep_answer(p, 202, json);
    api_answer_json(p->call, 202, NULL, json);
    free(p);
}

/* If too many calls wait already, answers as if the caller preferred not to wait. */
static void wait_for_begin(struct create_call *p, const char *json)
{
    uint64_t timeout = p->controller->conf->start_timeout_seconds * 1000 + p->ready_ms;
    if (!waiters_add(leader_waiters(p->controller->leader), &p->id, WAIT_BEGUN, SANDBOX_RUNNING, timeout,
                     on_begun, p))
        accepted(p, json);
}

/* The answer to the first request was never stored: answers now from the sandbox's state. */
static void on_replayed(void *arg, int code, const struct err *e, const struct db_sandbox_state *now)
{
    struct create_call *p = arg;
    struct cluster_state_view view;
    const struct cluster_state *cluster = leader_state(p->controller->leader);
    bool live = !code && cluster && cluster_state_find(cluster, &p->id, &view);
    if (code) {
        api_answer_err(p->call, e);
        free(p);
    } else if (p->call->respond_async) {
        accepted(p, now->json);
    } else if (live && (view.state == SANDBOX_PENDING || view.state == SANDBOX_STARTING)) {
        wait_for_begin(p, now->json);
    } else {
        on_begun(p, true, now->state, now->json);
    }
}

static void replay(struct create_call *p, const struct db_admit_result *r)
{
    if (r->status) {
        char headers[100];
        int len = snprintf(headers, sizeof headers, "Idempotent-Replay: true\r\n");
        if (r->status == 201 && r->id)
            snprintf(headers + len, sizeof headers - (size_t)len, LOCATION, r->id);
        api_answer_json(p->call, r->status, headers, r->json);
        free(p);
    } else if (sandbox_id_parse(r->id, &p->id)) {
        db_sandbox_state(p->controller->pool, p->id.text, on_replayed, p);
    } else {
        ops_fail(p->call, ERR_CONFLICT,
                 "the first request with this Idempotency-Key has not been answered yet");
        free(p);
    }
}

static void on_admitted(void *arg, int code, const struct err *e, const struct db_admit_result *r)
{
    struct create_call *p = arg;
    if (code) {
        api_answer_err(p->call, e);
        free(p);
        return;
    }
    switch (r->outcome) {
    case DB_ADMITTED:
        rates_created(&p->controller->rates, loop_now_ms());
        if (p->class.image[0])
            leader_asked_for(p->controller->leader, &p->class, p->call->caller.user_id);
        p->id = r->row.desired.id;
        if (p->call->respond_async)
            accepted(p, r->row.json);
        else
            wait_for_begin(p, r->row.json);
        return;
    case DB_ADMIT_REPLAY:
        replay(p, r);
        return;
    case DB_ADMIT_QUOTA:
        answer_quota(p->call, r);
        break;
    case DB_ADMIT_NO_ROOM:
        ops_fail(p->call, ERR_NO_CAPACITY, "no node has room; try again later");
        break;
    case DB_ADMIT_MISMATCH:
        ops_fail(p->call, ERR_IDEMPOTENCY_MISMATCH,
                 "this Idempotency-Key was used with another body; use a new one");
        break;
    case DB_ADMIT_IMAGE:
        answer_refusal(p->call, &p->image_refusal);
        break;
    case DB_ADMIT_NO_CALLER:
        ops_fail(p->call, ERR_UNAUTHENTICATED, "the API key was revoked");
        break;
    }
    free(p);
}

/*
 * The limits of a sandbox whose request names none. A limit without a default here (`lent` NO in limit.def)
 * gets the tier's maximum.
 */
static struct limit_set defaults_of(const struct ctl_conf *conf)
{
    struct limit_set d = {0};
#define LIMIT(KIND, name, UNIT, least, most, asked, live, lent, ...)                                         \
    LIMIT_IF_##lent(d.value[LIMIT_##KIND] = conf->name;)
#include "common/model/limit.def"
    d.value[LIMIT_LIFETIME_SECONDS] = conf->lifetime_hours * 3600;
    return d;
}

/* The maxima where the tier sets none. */
static struct limit_set fallback_of(const struct ctl_conf *conf)
{
    struct limit_set f = defaults_of(conf);
#define LIMIT(KIND, name, ...) f.value[LIMIT_##KIND] = conf->name;
#include "common/model/limit.def"
    return f;
}

static struct sandbox_limits limits_of(const struct limit_set *set)
{
    return (struct sandbox_limits){
#define LIMIT(KIND, name, ...) .name = set->value[LIMIT_##KIND],
#include "common/model/limit.def"
    };
}

static void body_sum(const struct api_call *call, uint8_t sum[32])
{
    SHA256((const unsigned char *)call->body, call->body_len, sum);
}

static void on_refused(void *arg, int code, const struct err *e, const struct db_admit_result *r)
{
    struct create_call *p = arg;
    if (!code && r) {
        on_admitted(p, 0, NULL, r);
        return;
    }
    answer_refusal(p->call, code ? e : &p->refusal);
    free(p);
}

/*
 * Refuses, unless the request repeats an earlier create, which may have been allowed at the time: then
 * answers as that one.
 */
static void refuse_if_new(struct controller *c, struct api_call *call, const struct err *why)
{
    uint8_t sum[32];
    if (!call->idempotency_key) {
        answer_refusal(call, why);
        return;
    }
    struct create_call *p = create_call_new(c, call);
    p->refusal = *why;
    p->since_ms = loop_now_ms();
    body_sum(call, sum);
    db_idempotency_find(c->pool, call->caller.key_id, call->idempotency_key, sum, on_refused, p);
}

static struct place_request wish_of(const struct sandbox_request *r, const struct limit_set *resolved)
{
    return (struct place_request){.limits = limits_of(resolved),
                                  .region = r->region,
                                  .labels = r->node_labels,
                                  .runtime = r->spec.runtime,
                                  .enforce = ENFORCE_ALL};
}

/*
 * The image of a create: its whole name, and the name by which nodes start it, which says the digest where
 * that is known. So every node runs the same, whatever its registry says by then.
 */
struct create_image {
    char ref[IMAGE_REF_FULL_MAX], digest[72], exact[IMAGE_REF_FULL_MAX];
    bool any_tier; /* it is the base image */
};

static struct create_image image_of(const struct controller *c, const struct image_ref *ref, bool is_base)
{
    struct create_image image = {.any_tier = is_base};
    struct image_ref exact = *ref;
    image_ref_full(ref, image.ref);
    if (!exact.digest[0] && !is_base) /* the warm pool's of the base image are made by its name */
        snprintf(exact.digest, sizeof exact.digest, "%s", leader_image_digest(c->leader, image.ref));
    strcpy(image.digest, exact.digest);
    image_ref_full(&exact, image.exact);
    return image;
}

/* What a member of the warm pool that serves it is made of. */
static struct warm_class class_of(const struct api_call *call, const struct create_image *image,
                                  const struct limit_set *resolved)
{
    const struct sandbox_request *r = call->request;
    struct warm_class class = {.storage_bytes = limits_of(resolved).storage_bytes,
                               .shm_bytes = r->spec.shm_bytes};
    strcpy(class.image, image->exact);
    return class;
}

/* The id of a member of the warm pool where one is like it, else a new one. */
static struct sandbox_id choose_id(struct controller *c, const struct api_call *call,
                                   const struct warm_class *class, const struct limit_set *resolved,
                                   bool *warm)
{
    struct place_request wish = wish_of(call->request, resolved);
    return leader_choose_id(c->leader, &wish, class, call->caller.warm_starts, warm);
}

static void admit(struct controller *c, struct api_call *call, const struct sandbox_id *id, bool warm,
                  const struct warm_class *class, const struct create_image *image,
                  const struct limit_set *resolved, const uint8_t *spec, size_t spec_len)
{
    struct sandbox_request *r = call->request;
    struct db_admit_request request = {.id = id->text,
                                       .warm = warm,
                                       .actor = ops_actor(call),
                                       .asked = r,
                                       .image_ref = image->ref,
                                       .image_digest = image->digest,
                                       .any_tier = image->any_tier,
                                       .limits = limits_of(resolved),
                                       .lifetime_seconds = resolved->value[LIMIT_LIFETIME_SECONDS],
                                       .spec = spec,
                                       .spec_len = spec_len,
                                       .env_key = r->spec.sealed_env ? secrets_sealing_id(c->secrets) : ""};
    struct place_request wish = wish_of(r, resolved);
    struct create_call *p = create_call_new(c, call);
    p->since_ms = loop_now_ms();
    p->ready_ms = r->spec.ready_timeout_ms;
    (void)err_set(&p->image_refusal, ERR_REGISTRY_NOT_ALLOWED,
                  "images like %.200s are not allowed on your tier, %s", r->spec.image, call->caller.tier);
    if (call->caller.warm_starts && warm_serves(&wish))
        p->class = *class;
    leader_create(c->leader, &request, &wish, on_admitted, p);
}

/*
 * Packs the spec with the full name of the image, since Docker would first take a short name for an image id.
 * The sandbox shows the name that was requested.
 */
static int pack(struct sandbox_spec *spec, struct create_image *image, uint8_t **bytes, size_t *len,
                struct err *e)
{
    char *asked = spec->image;
    spec->image = image->exact;
    int rc = sandbox_spec_pack(spec, bytes, len, e);
    spec->image = asked;
    return rc;
}

/* Nothing that the database keeps holds the environment in the clear: without a key there is none. */
static int seal(const struct secrets *secrets, const struct sandbox_id *id, struct sandbox_spec *spec,
                struct err *e)
{
    if (spec->env.count && !secrets)
        return err_set(e, ERR_INVALID,
                       "env: this installation has no key to seal environments with; its administrator sets "
                       "secrets_key_file");
    return spec_env_seal(secrets, id->text, spec, e);
}

int ops_check_registry(const struct ctl_conf *conf, const char *image, struct image_ref *ref, bool *is_base,
                       struct err *e)
{
    struct image_ref base;
    if (!image_ref_parse(image, ref))
        return err_set(e, ERR_INVALID, "image: is not the name of an image");
    *is_base = image_ref_parse(conf->base_image, &base) && image_ref_is(ref, conf->base_image);
    if (*is_base || image_ref_allowed(ref, conf->registries))
        return 0;
    return err_set(e, ERR_REGISTRY_NOT_ALLOWED, "images of the registry %s are not allowed here; allowed: %s",
                   ref->registry, conf->registries);
}

/* Checks the size of /dev/shm: its content counts as the sandbox's memory. */
static int resolve_shm(uint64_t memory_bytes, uint64_t *shm_bytes, struct err *e)
{
    if (!*shm_bytes)
        *shm_bytes = sandbox_default_shm(memory_bytes);
    if (*shm_bytes > memory_bytes)
        return err_set(e, ERR_INVALID,
                       "shm_bytes: is more than the sandbox's memory of %llu bytes, of which it is a part",
                       (unsigned long long)memory_bytes);
    return 0;
}

struct warm_policy ops_warm_policy(const struct ctl_conf *conf)
{
    struct limit_set defaults = defaults_of(conf);
    struct warm_policy policy = {.min = conf->warm_min, .max = conf->warm_max};
    struct image_ref base;
    policy.base.storage_bytes = defaults.value[LIMIT_STORAGE_BYTES];
    policy.base.shm_bytes = sandbox_default_shm(defaults.value[LIMIT_MEMORY_BYTES]);
    if (image_ref_parse(conf->base_image, &base))
        image_ref_full(&base, policy.base.image);
    return policy;
}

void ops_sandbox_create(void *owner, struct api_call *call)
{
    struct controller *c = owner;
    struct limit_set defaults = defaults_of(c->conf), fallback = fallback_of(c->conf), resolved;
    struct limit_set maxima = limit_maxima(&call->caller.tier_limits, &call->caller.overrides, &fallback);
    enum limit_kind field;
    struct image_ref ref;
    struct err e;
    uint8_t *spec;
    size_t spec_len;
    bool warm, is_base;
    struct sandbox_request *request = call->request;
    struct sandbox_spec *asked = &request->spec;
    if (request->template && !request->template_taken) {
        ops_take_template(c, call);
        return;
    }
    if (request->template_not.code) {
        refuse_if_new(c, call, &request->template_not);
        return;
    }
    if (!asked->image)
        asked->image = mem_strdup(c->conf->base_image);
    if (asked->network == NETWORK_EGRESS) {
        ops_fail(call, ERR_INVALID, "network: egress is not offered by this installation; use none");
        return;
    }
    asked->levels = call->caller.levels;
    asked->user = mem_strdup(call->caller.user_id);
    if (ops_check_registry(c->conf, asked->image, &ref, &is_base, &e) ||
        limit_resolve(&request->asked, &defaults, &maxima, &resolved, &field, &e) ||
        resolve_shm(resolved.value[LIMIT_MEMORY_BYTES], &asked->shm_bytes, &e)) {
        refuse_if_new(c, call, &e);
        return;
    }
    struct create_image image = image_of(c, &ref, is_base);
    struct warm_class class = class_of(call, &image, &resolved);
    struct sandbox_id id = choose_id(c, call, &class, &resolved, &warm);
    if (seal(c->secrets, &id, asked, &e) || pack(asked, &image, &spec, &spec_len, &e)) {
        leader_return_id(c->leader, &id);
        refuse_if_new(c, call, &e);
        return;
    }
    admit(c, call, &id, warm, &class, &image, &resolved, spec, spec_len);
    free(spec);
}
