#include "agent/docker/docker.h"

#include "agent/docker/docker_fault.h"
#include "agent/docker/docker_int.h"
#include "agent/docker/docker_json.h"

#include "common/base/mem.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CREATE_MS  30000
#define START_MS   60000
#define API_NEWEST 1.51 /* the newest version that this code was written for */

void docker_facts_fini(struct docker_facts *facts)
{
    string_list_fini(&facts->runtimes);
    string_list_fini(&facts->closed);
}

void docker_image_fini(struct docker_image *image)
{
    string_list_fini(&image->names);
    string_list_fini(&image->facts.volumes);
    string_list_fini(&image->facts.entrypoint);
    string_list_fini(&image->facts.command);
}

static void list_copy(struct string_list *dst, const struct string_list *src)
{
    *dst = (struct string_list){0};
    for (size_t i = 0; i < src->count; i++)
        string_list_add(dst, src->item[i]);
}

void docker_image_copy(struct docker_image *dst, const struct docker_image *src)
{
    *dst = *src;
    list_copy(&dst->names, &src->names);
    list_copy(&dst->facts.volumes, &src->facts.volumes);
    list_copy(&dst->facts.entrypoint, &src->facts.entrypoint);
    list_copy(&dst->facts.command, &src->facts.command);
}

struct docker *docker_new(struct loop *loop, const char *socket_path)
{
    struct docker *docker = mem_zalloc(sizeof *docker);
    docker->loop = loop;
    docker->http = docker_http_new(loop, socket_path);
    backoff_init(&docker->event_backoff, 100, 2000);
    docker_pulls_init(docker);
    return docker;
}

void docker_free(struct docker *docker)
{
    if (!docker)
        return;
    docker->stopping = true;
    timer_stop(&docker->event_retry);
    timer_stop(&docker->ping_next);
    docker_pulls_free(docker);
    docker_http_free(docker->http);
    free(docker);
}

/* --- one call --- */

#define SHOWN_FIRST 200
#define SHOWN_LAST  150

/* Errors are wrapped from the left, so the end of a long one tells the cause: shows both ends, within the
 * size of one error's text. */
static int refusal(struct err *e, int code, long status, const char *text)
{
    size_t len = strlen(text);
    if (len <= SHOWN_FIRST + SHOWN_LAST)
        return err_set(e, code, "Docker answered %ld: %s", status, text);
    return err_set(e, code, "Docker answered %ld: %.*s … %s", status, SHOWN_FIRST, text,
                   text + len - SHOWN_LAST);
}

static int status_code(const struct docker_call *call, long status, const char *body, size_t len,
                       struct err *e)
{
    char text[DOCKER_REFUSAL_MAX];
    if (status < 300 || (status == 304 && call->same_is_good))
        return 0;
    if ((status == 409 && call->same_is_good) || (status == 404 && call->missing_is_good))
        return 0;
    docker_json_message(body, len, text, sizeof text);
    int code = status == 404 ? ERR_NOT_FOUND : status == 409 ? ERR_CONFLICT : call->refusal;
    if (code == ERR_START_FAILED && docker_host_fault(status, text))
        code = ERR_IO;
    return refusal(e, code, status, text);
}

static void tell_none(const struct docker_call *call, int code, const struct err *e)
{
    ((docker_cb *)call->cb)(call->arg, code, e);
}

static void tell_image(const struct docker_call *call, int code, struct err *e, const char *body, size_t len)
{
    struct docker_image image = {0};
    if (!code)
        code = docker_json_image(body, len, &image, e);
    ((docker_image_cb *)call->cb)(call->arg, code, e, code ? NULL : &image);
    docker_image_fini(&image);
}

static void tell_id(const struct docker_call *call, int code, struct err *e, const char *body, size_t len)
{
    char id[DOCKER_ID_LEN + 1];
    if (!code)
        code = docker_json_created(body, len, id, e);
    ((docker_id_cb *)call->cb)(call->arg, code, e, code ? NULL : id);
}

static void tell_state(const struct docker_call *call, int code, struct err *e, const char *body, size_t len)
{
    struct docker_state state;
    if (!code)
        code = docker_json_inspect(body, len, &state, e);
    ((docker_state_cb *)call->cb)(call->arg, code, e, code ? NULL : &state);
}

static void on_answer(void *arg, int code, const struct err *error, long status, const char *body,
                      size_t len);

/* Asks for a file by HEAD, whose answer is a header. why: by GET instead, because only its refusal has a
 * message. */
static void ask_file(struct docker_call *call, const char *path, bool why)
{
    char escaped[3 * DOCKER_PATH_MAX + 1], whole[sizeof escaped + 160];
    docker_escape(path, escaped, sizeof escaped);
    snprintf(whole, sizeof whole, "%s/containers/%s/archive?path=%s", call->docker->prefix, call->container,
             escaped);
    struct docker_ask what = {.method = why ? "GET" : "HEAD",
                              .path = whole,
                              .header = why ? NULL : "X-Docker-Container-Path-Stat",
                              .timeout_ms = DOCKER_QUICK_MS,
                              .cb = on_answer,
                              .arg = call};
    call->request = docker_http_ask(call->docker->http, &what);
}

/* False: another request is under way. A link is followed once: Docker resolves it to its end. */
static bool tell_file(struct docker_call *call, int code, struct err *e, const char *body, size_t len)
{
    struct docker_file file = {.plain = false};
    char link[DOCKER_PATH_MAX];
    if (code == ERR_NOT_FOUND && !call->container[0])
        code = 0; /* the link leads nowhere in the image; in the running container it may lead somewhere */
    else if (!code)
        code = docker_json_file(body, len, &file, link, e);
    if (!code && link[0] && call->container[0]) {
        ask_file(call, link, false);
        call->container[0] = 0;
        return false;
    }
    if (code == ERR_START_FAILED && call->container[0] && call->path) {
        ask_file(call, call->path, true);
        call->path = NULL;
        return false;
    }
    ((docker_file_cb *)call->cb)(call->arg, code, e, code ? NULL : &file);
    return true;
}

static void tell_list(const struct docker_call *call, int code, struct err *e, const char *body, size_t len)
{
    struct docker_listed *items = NULL;
    size_t count = 0;
    if (!code)
        code = docker_json_list(body, len, &items, &count, e);
    ((docker_list_cb *)call->cb)(call->arg, code, e, items, count);
    free(items);
}

static void tell_networks(const struct docker_call *call, int code, struct err *e, const char *body,
                          size_t len)
{
    struct docker_network *items = NULL;
    size_t count = 0;
    if (!code)
        code = docker_json_networks(body, len, &items, &count, e);
    ((docker_networks_cb *)call->cb)(call->arg, code, e, items, count);
    free(items);
}

static void on_answer(void *arg, int code, const struct err *error, long status, const char *body, size_t len)
{
    struct docker_call *call = arg;
    struct err e = error ? *error : (struct err){0};
    if (!code)
        code = status_code(call, status, body, len, &e);
    switch (call->answer) {
    case ANSWER_NONE:
        tell_none(call, code, &e);
        break;
    case ANSWER_IMAGE:
        tell_image(call, code, &e, body, len);
        break;
    case ANSWER_ID:
        tell_id(call, code, &e, body, len);
        break;
    case ANSWER_STATE:
        tell_state(call, code, &e, body, len);
        break;
    case ANSWER_FILE:
        if (!tell_file(call, code, &e, body, len))
            return;
        break;
    case ANSWER_LIST:
        tell_list(call, code, &e, body, len);
        break;
    case ANSWER_NETWORKS:
        tell_networks(call, code, &e, body, len);
        break;
    }
    free(call);
}

static struct docker_call *ask(struct docker *docker, const char *method, const char *before,
                               const char *name, const char *after, const char *body, uint64_t timeout_ms,
                               const struct docker_call *like)
{
    char escaped[2048], path[2560];
    struct docker_call *call = mem_dup(like, sizeof *like);
    call->docker = docker;
    if (!call->refusal)
        call->refusal = ERR_IO;
    docker_escape(name, escaped, sizeof escaped);
    snprintf(path, sizeof path, "%s%s%s%s", docker->prefix, before, escaped, after);
    struct docker_ask what = {
        .method = method, .path = path, .body = body, .timeout_ms = timeout_ms, .cb = on_answer, .arg = call};
    call->request = docker_http_ask(docker->http, &what);
    return call;
}

void docker_cancel(struct docker_call *call)
{
    if (call->pull)
        docker_pull_leave(call);
    else
        docker_http_cancel(call->request);
}

struct docker_call *docker_image_inspect(struct docker *docker, const char *ref, docker_image_cb *cb,
                                         void *arg)
{
    struct docker_call call = {.answer = ANSWER_IMAGE, .cb = (void (*)(void))cb, .arg = arg};
    return ask(docker, "GET", "/images/", ref, "/json", NULL, DOCKER_QUICK_MS, &call);
}

struct docker_call *docker_container_create(struct docker *docker, const struct docker_container *container,
                                            docker_id_cb *cb, void *arg)
{
    struct docker_call call = {
        .answer = ANSWER_ID, .refusal = ERR_START_FAILED, .cb = (void (*)(void))cb, .arg = arg};
    char *body = docker_json_create_body(container);
    struct docker_call *made =
        ask(docker, "POST", "/containers/create?name=", container->name, "", body, CREATE_MS, &call);
    free(body);
    return made;
}

struct docker_call *docker_container_start(struct docker *docker, const char *id, docker_cb *cb, void *arg)
{
    struct docker_call call = {.answer = ANSWER_NONE,
                               .refusal = ERR_START_FAILED,
                               .same_is_good = true,
                               .cb = (void (*)(void))cb,
                               .arg = arg};
    return ask(docker, "POST", "/containers/", id, "/start", NULL, START_MS, &call);
}

struct docker_call *docker_exec_create(struct docker *docker, const char *container,
                                       const struct string_list *command, docker_id_cb *cb, void *arg)
{
    struct docker_call call = {.answer = ANSWER_ID, .cb = (void (*)(void))cb, .arg = arg};
    char *body = docker_json_exec_body(command);
    struct docker_call *made =
        ask(docker, "POST", "/containers/", container, "/exec", body, DOCKER_QUICK_MS, &call);
    free(body);
    return made;
}

/* --- the short ones --- */

static void simple(struct docker *docker, const char *method, const char *id, const char *after,
                   docker_cb *cb, void *arg)
{
    struct docker_call call = {.answer = ANSWER_NONE, .cb = (void (*)(void))cb, .arg = arg};
    ask(docker, method, "/containers/", id, after, NULL, DOCKER_QUICK_MS, &call);
}

void docker_container_kill(struct docker *docker, const char *id, docker_cb *cb, void *arg)
{
    simple(docker, "POST", id, "/kill", cb, arg);
}

void docker_container_pause(struct docker *docker, const char *id, docker_cb *cb, void *arg)
{
    simple(docker, "POST", id, "/pause", cb, arg);
}

void docker_container_unpause(struct docker *docker, const char *id, docker_cb *cb, void *arg)
{
    simple(docker, "POST", id, "/unpause", cb, arg);
}

void docker_container_remove(struct docker *docker, const char *id, uint64_t timeout_ms, docker_cb *cb,
                             void *arg)
{
    struct docker_call call = {
        .answer = ANSWER_NONE, .missing_is_good = true, .cb = (void (*)(void))cb, .arg = arg};
    ask(docker, "DELETE", "/containers/", id, "?force=true&v=true", NULL, timeout_ms, &call);
}

void docker_container_update(struct docker *docker, const char *id, const struct sandbox_limits *limits,
                             docker_cb *cb, void *arg)
{
    struct docker_call call = {.answer = ANSWER_NONE, .cb = (void (*)(void))cb, .arg = arg};
    char *body = docker_json_update_body(limits);
    ask(docker, "POST", "/containers/", id, "/update", body, DOCKER_QUICK_MS, &call);
    free(body);
}

struct docker_call *docker_container_inspect(struct docker *docker, const char *id, uint64_t timeout_ms,
                                             docker_state_cb *cb, void *arg)
{
    struct docker_call call = {.answer = ANSWER_STATE, .cb = (void (*)(void))cb, .arg = arg};
    return ask(docker, "GET", "/containers/", id, "/json", NULL, timeout_ms, &call);
}

struct docker_call *docker_container_file(struct docker *docker, const char *id, const char *path,
                                          docker_file_cb *cb, void *arg)
{
    struct docker_call *call = mem_zalloc(sizeof *call);
    *call = (struct docker_call){.docker = docker,
                                 .answer = ANSWER_FILE,
                                 .refusal = ERR_START_FAILED,
                                 .path = path,
                                 .cb = (void (*)(void))cb,
                                 .arg = arg};
    snprintf(call->container, sizeof call->container, "%s", id);
    ask_file(call, path, false);
    return call;
}

static void ask_filtered(struct docker *docker, const char *before, const char *key,
                         const char *const *values, const struct docker_call *call)
{
    char *filters = docker_json_filters(key, values);
    ask(docker, "GET", before, filters ? filters : "{}", "", NULL, DOCKER_QUICK_MS, call);
    free(filters);
}

void docker_container_list_of_network(struct docker *docker, const struct docker_network *network,
                                      docker_list_cb *cb, void *arg)
{
    struct docker_call call = {.answer = ANSWER_LIST, .cb = (void (*)(void))cb, .arg = arg};
    const char *values[] = {network->id, network->name,
                            NULL}; /* a container that never ran is found by the network's name only */
    ask_filtered(docker, "/containers/json?all=true&limit=1&filters=", "network", values, &call);
}

void docker_container_list_of_image(struct docker *docker, const char *id, docker_list_cb *cb, void *arg)
{
    struct docker_call call = {.answer = ANSWER_LIST, .cb = (void (*)(void))cb, .arg = arg};
    const char *values[] = {id, NULL};
    ask_filtered(docker, "/containers/json?all=true&limit=1&filters=", "ancestor", values, &call);
}

void docker_image_remove(struct docker *docker, const char *ref, docker_cb *cb, void *arg)
{
    struct docker_call call = {
        .answer = ANSWER_NONE, .missing_is_good = true, .cb = (void (*)(void))cb, .arg = arg};
    ask(docker, "DELETE", "/images/", ref, "", NULL, START_MS, &call);
}

void docker_network_list(struct docker *docker, const char *cluster, docker_networks_cb *cb, void *arg)
{
    struct docker_call call = {.answer = ANSWER_NETWORKS, .cb = (void (*)(void))cb, .arg = arg};
    char label[128];
    snprintf(label, sizeof label, "corral.cluster=%s", cluster);
    const char *values[] = {label, NULL};
    ask_filtered(docker, "/networks?filters=", "label", values, &call);
}

void docker_network_remove(struct docker *docker, const char *id, docker_cb *cb, void *arg)
{
    struct docker_call call = {
        .answer = ANSWER_NONE, .missing_is_good = true, .cb = (void (*)(void))cb, .arg = arg};
    ask(docker, "DELETE", "/networks/", id, "", NULL, DOCKER_QUICK_MS, &call);
}

/* --- hello: version, then info --- */

struct hello {
    struct docker *docker;
    struct docker_facts facts;
    docker_facts_cb *cb;
    void *arg;
};

static void hello_finish(struct hello *hello, int code, const struct err *e)
{
    hello->cb(hello->arg, code, e, code ? NULL : &hello->facts);
    docker_facts_fini(&hello->facts);
    free(hello);
}

static void on_info(void *arg, int code, const struct err *error, long status, const char *body, size_t len)
{
    struct hello *hello = arg;
    struct err e = error ? *error : (struct err){0};
    if (!code && status != 200)
        code = err_set(&e, ERR_IO, "Docker answered %ld to info", status);
    if (!code)
        code = docker_json_info(body, len, &hello->facts, &e);
    hello_finish(hello, code, &e);
}

/* Agrees on the newest API version that both sides know. */
static int agree(struct hello *hello, const char *min_api, struct err *e)
{
    double theirs = atof(hello->facts.api_version), least = atof(min_api);
    if (least > API_NEWEST)
        return err_set(e, ERR_IO, "Docker speaks API %s and later only; this agent knows up to %.2f", min_api,
                       API_NEWEST);
    if (theirs > API_NEWEST)
        snprintf(hello->facts.api_version, sizeof hello->facts.api_version, "%.2f", API_NEWEST);
    snprintf(hello->docker->prefix, sizeof hello->docker->prefix, "/v%s", hello->facts.api_version);
    return 0;
}

static void on_version(void *arg, int code, const struct err *error, long status, const char *body,
                       size_t len)
{
    struct hello *hello = arg;
    char min_api[16] = "", path[48];
    struct err e = error ? *error : (struct err){0};
    if (!code && status != 200)
        code = err_set(&e, ERR_IO, "Docker answered %ld to version", status);
    if (!code)
        code = docker_json_version(body, len, &hello->facts, min_api, &e);
    if (!code)
        code = agree(hello, min_api, &e);
    if (code) {
        hello_finish(hello, code, &e);
        return;
    }
    snprintf(path, sizeof path, "%s/info", hello->docker->prefix);
    struct docker_ask ask = {
        .method = "GET", .path = path, .timeout_ms = DOCKER_QUICK_MS, .cb = on_info, .arg = hello};
    docker_http_ask(hello->docker->http, &ask);
}

void docker_hello(struct docker *docker, docker_facts_cb *cb, void *arg)
{
    struct hello *hello = mem_zalloc(sizeof *hello);
    *hello = (struct hello){.docker = docker, .cb = cb, .arg = arg};
    struct docker_ask ask = {
        .method = "GET", .path = "/version", .timeout_ms = DOCKER_QUICK_MS, .cb = on_version, .arg = hello};
    docker_http_ask(docker->http, &ask);
}
