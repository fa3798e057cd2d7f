#include "agent/docker/docker.h"

#include "agent/docker/docker_http.h"
#include "agent/docker/docker_json.h"

#include "common/backoff.h"
#include "common/mem.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define QUICK_MS   15000 /* what Docker answers in milliseconds when it is well */
#define START_MS   60000
#define PULL_MS    600000
#define API_NEWEST 1.51 /* the newest that this code was written against */

struct waiting_start {
    struct waiting_start *next;
    struct docker *docker;
    char id[DOCKER_ID_LEN + 1];
    docker_cb *cb;
    void *arg;
};

struct docker {
    struct loop *loop;
    struct docker_http *http;
    char prefix[24]; /* "/v1.41"; "" before the version is agreed on */
    unsigned starts;
    struct waiting_start *first, **last;
    docker_event_cb *on_event;
    loop_cb *on_away, *on_gap;
    bool hears; /* the stream of events stands */
    bool away;  /* and on_away was told */
    void *event_arg;
    struct timer event_retry;
    struct backoff event_backoff;
    bool stopping;
};

void docker_facts_fini(struct docker_facts *facts)
{
    string_list_fini(&facts->runtimes);
}

void docker_image_fini(struct docker_image *image)
{
    string_list_fini(&image->volumes);
    string_list_fini(&image->entrypoint);
    string_list_fini(&image->command);
}

struct docker *docker_new(struct loop *loop, const char *socket_path)
{
    struct docker *docker = mem_zalloc(sizeof *docker);
    docker->loop = loop;
    docker->http = docker_http_new(loop, socket_path);
    docker->last = &docker->first;
    backoff_init(&docker->event_backoff, 100, 2000);
    return docker;
}

void docker_free(struct docker *docker)
{
    struct err e;
    if (!docker)
        return;
    docker->stopping = true;
    timer_stop(&docker->event_retry);
    (void)err_set(&e, ERR_CANCELLED, "the agent is stopping");
    while (docker->first) {
        struct waiting_start *start = docker->first;
        docker->first = start->next;
        start->cb(start->arg, ERR_CANCELLED, &e);
        free(start);
    }
    docker_http_free(docker->http);
    free(docker);
}

/* --- one call: what is asked for, and who is told --- */

enum answer { ANSWER_NONE, ANSWER_IMAGE, ANSWER_ID, ANSWER_STATE, ANSWER_LIST, ANSWER_NETWORKS };

struct call {
    struct docker *docker;
    enum answer answer;
    int refusal;          /* the code of an answer of 400 and above, except 404 and 409 */
    bool missing_is_good; /* 404 */
    bool same_is_good;    /* 304, 409 */
    bool counts_start;
    void (*cb)(void);
    void *arg;
};

static int status_code(const struct call *call, long status, const char *body, size_t len, struct err *e)
{
    char text[300];
    if (status < 300 || (status == 304 && call->same_is_good))
        return 0;
    if ((status == 409 && call->same_is_good) || (status == 404 && call->missing_is_good))
        return 0;
    docker_json_message(body, len, text, sizeof text);
    int code = status == 404 ? ERR_NOT_FOUND : status == 409 ? ERR_CONFLICT : call->refusal;
    return err_set(e, code, "Docker answered %ld: %s", status, text);
}

static void tell_none(const struct call *call, int code, const struct err *e)
{
    ((docker_cb *)call->cb)(call->arg, code, e);
}

static void tell_image(const struct call *call, int code, struct err *e, const char *body, size_t len)
{
    struct docker_image image = {0};
    if (!code)
        code = docker_json_image(body, len, &image, e);
    ((docker_image_cb *)call->cb)(call->arg, code, e, code ? NULL : &image);
    docker_image_fini(&image);
}

static void tell_id(const struct call *call, int code, struct err *e, const char *body, size_t len)
{
    char id[DOCKER_ID_LEN + 1];
    if (!code)
        code = docker_json_created(body, len, id, e);
    ((docker_id_cb *)call->cb)(call->arg, code, e, code ? NULL : id);
}

static void tell_state(const struct call *call, int code, struct err *e, const char *body, size_t len)
{
    struct docker_state state;
    if (!code)
        code = docker_json_inspect(body, len, &state, e);
    ((docker_state_cb *)call->cb)(call->arg, code, e, code ? NULL : &state);
}

static void tell_list(const struct call *call, int code, struct err *e, const char *body, size_t len)
{
    struct docker_listed *items = NULL;
    size_t count = 0;
    if (!code)
        code = docker_json_list(body, len, &items, &count, e);
    ((docker_list_cb *)call->cb)(call->arg, code, e, items, count);
    free(items);
}

static void tell_networks(const struct call *call, int code, struct err *e, const char *body, size_t len)
{
    struct docker_network *items = NULL;
    size_t count = 0;
    if (!code)
        code = docker_json_networks(body, len, &items, &count, e);
    ((docker_networks_cb *)call->cb)(call->arg, code, e, items, count);
    free(items);
}

static void next_starts(struct docker *docker);

static void on_answer(void *arg, int code, const struct err *error, long status, const char *body, size_t len)
{
    struct call *call = arg;
    struct err e = error ? *error : (struct err){0};
    if (!code)
        code = status_code(call, status, body, len, &e);
    if (call->counts_start) {
        call->docker->starts--;
        next_starts(call->docker);
    }
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
    case ANSWER_LIST:
        tell_list(call, code, &e, body, len);
        break;
    case ANSWER_NETWORKS:
        tell_networks(call, code, &e, body, len);
        break;
    }
    free(call);
}

/* Everything that is put into a path: escaped, so that no name can become another path. */
static void escape(const char *text, char *out, size_t size)
{
    static const char hex[] = "0123456789ABCDEF";
    size_t n = 0;
    for (; *text && n + 4 < size; text++) {
        unsigned char c = (unsigned char)*text;
        if (isalnum(c) || strchr("-._~", c)) {
            out[n++] = (char)c;
            continue;
        }
        out[n++] = '%';
        out[n++] = hex[c >> 4];
        out[n++] = hex[c & 15];
    }
    out[n] = 0;
}

static void ask(struct docker *docker, const char *method, const char *before, const char *name,
                const char *after, const char *body, uint64_t timeout_ms, const struct call *like)
{
    char escaped[2048], path[2560];
    struct call *call = mem_dup(like, sizeof *like);
    call->docker = docker;
    if (!call->refusal)
        call->refusal = ERR_IO;
    escape(name, escaped, sizeof escaped);
    snprintf(path, sizeof path, "%s%s%s%s", docker->prefix, before, escaped, after);
    docker_http_request(docker->http, method, path, body, timeout_ms, on_answer, call);
}

void docker_image_inspect(struct docker *docker, const char *ref, docker_image_cb *cb, void *arg)
{
    struct call call = {.answer = ANSWER_IMAGE, .cb = (void (*)(void))cb, .arg = arg};
    ask(docker, "GET", "/images/", ref, "/json", NULL, QUICK_MS, &call);
}

void docker_container_create(struct docker *docker, const struct docker_container *container,
                             docker_id_cb *cb, void *arg)
{
    struct call call = {
        .answer = ANSWER_ID, .refusal = ERR_START_FAILED, .cb = (void (*)(void))cb, .arg = arg};
    char *body = docker_json_create_body(container);
    ask(docker, "POST", "/containers/create?name=", container->name, "", body, QUICK_MS, &call);
    free(body);
}

/* --- starts, a few at a time --- */

static void start_now(struct docker *docker, const char *id, docker_cb *cb, void *arg)
{
    struct call call = {.answer = ANSWER_NONE,
                        .refusal = ERR_START_FAILED,
                        .same_is_good = true,
                        .counts_start = true,
                        .cb = (void (*)(void))cb,
                        .arg = arg};
    docker->starts++;
    ask(docker, "POST", "/containers/", id, "/start", NULL, START_MS, &call);
}

static void next_starts(struct docker *docker)
{
    while (docker->first && docker->starts < DOCKER_STARTS_MAX && !docker->stopping) {
        struct waiting_start *start = docker->first;
        docker->first = start->next;
        if (!docker->first)
            docker->last = &docker->first;
        start_now(docker, start->id, start->cb, start->arg);
        free(start);
    }
}

void docker_container_start(struct docker *docker, const char *id, docker_cb *cb, void *arg)
{
    struct waiting_start *start = mem_zalloc(sizeof *start);
    *start = (struct waiting_start){.docker = docker, .cb = cb, .arg = arg};
    snprintf(start->id, sizeof start->id, "%s", id);
    *docker->last = start;
    docker->last = &start->next;
    next_starts(docker);
}

/* --- the short ones --- */

static void simple(struct docker *docker, const char *method, const char *id, const char *after,
                   docker_cb *cb, void *arg)
{
    struct call call = {.answer = ANSWER_NONE, .cb = (void (*)(void))cb, .arg = arg};
    ask(docker, method, "/containers/", id, after, NULL, QUICK_MS, &call);
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

void docker_container_remove(struct docker *docker, const char *id, docker_cb *cb, void *arg)
{
    struct call call = {.answer = ANSWER_NONE, .missing_is_good = true, .cb = (void (*)(void))cb, .arg = arg};
    ask(docker, "DELETE", "/containers/", id, "?force=true&v=true", NULL, QUICK_MS, &call);
}

void docker_container_update(struct docker *docker, const char *id, const struct sandbox_limits *limits,
                             docker_cb *cb, void *arg)
{
    struct call call = {.answer = ANSWER_NONE, .cb = (void (*)(void))cb, .arg = arg};
    char *body = docker_json_update_body(limits);
    ask(docker, "POST", "/containers/", id, "/update", body, QUICK_MS, &call);
    free(body);
}

void docker_container_inspect(struct docker *docker, const char *id, docker_state_cb *cb, void *arg)
{
    struct call call = {.answer = ANSWER_STATE, .cb = (void (*)(void))cb, .arg = arg};
    ask(docker, "GET", "/containers/", id, "/json", NULL, QUICK_MS, &call);
}

void docker_container_list(struct docker *docker, docker_list_cb *cb, void *arg)
{
    struct call call = {.answer = ANSWER_LIST, .cb = (void (*)(void))cb, .arg = arg};
    ask(docker, "GET", "/containers/json?all=true&filters=", "{\"label\":[\"corral.sandbox\"]}", "", NULL,
        QUICK_MS, &call);
}

static void ask_filtered(struct docker *docker, const char *before, const char *key,
                         const char *const *values, const struct call *call)
{
    char *filters = docker_json_filters(key, values);
    ask(docker, "GET", before, filters ? filters : "{}", "", NULL, QUICK_MS, call);
    free(filters);
}

void docker_container_list_of_network(struct docker *docker, const struct docker_network *network,
                                      docker_list_cb *cb, void *arg)
{
    struct call call = {.answer = ANSWER_LIST, .cb = (void (*)(void))cb, .arg = arg};
    const char *values[] = {network->id, network->name, NULL}; /* one that never ran is known by name only */
    ask_filtered(docker, "/containers/json?all=true&limit=1&filters=", "network", values, &call);
}

void docker_container_list_of_image(struct docker *docker, const char *id, docker_list_cb *cb, void *arg)
{
    struct call call = {.answer = ANSWER_LIST, .cb = (void (*)(void))cb, .arg = arg};
    const char *values[] = {id, NULL};
    ask_filtered(docker, "/containers/json?all=true&limit=1&filters=", "ancestor", values, &call);
}

void docker_image_remove(struct docker *docker, const char *ref, docker_cb *cb, void *arg)
{
    struct call call = {.answer = ANSWER_NONE, .missing_is_good = true, .cb = (void (*)(void))cb, .arg = arg};
    ask(docker, "DELETE", "/images/", ref, "", NULL, START_MS, &call);
}

void docker_network_list(struct docker *docker, const char *cluster, docker_networks_cb *cb, void *arg)
{
    struct call call = {.answer = ANSWER_NETWORKS, .cb = (void (*)(void))cb, .arg = arg};
    char label[128];
    snprintf(label, sizeof label, "corral.cluster=%s", cluster);
    const char *values[] = {label, NULL};
    ask_filtered(docker, "/networks?filters=", "label", values, &call);
}

void docker_network_remove(struct docker *docker, const char *id, docker_cb *cb, void *arg)
{
    struct call call = {.answer = ANSWER_NONE, .missing_is_good = true, .cb = (void (*)(void))cb, .arg = arg};
    ask(docker, "DELETE", "/networks/", id, "", NULL, QUICK_MS, &call);
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

/* The newest version that both sides know. */
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
    docker_http_request(hello->docker->http, "GET", path, NULL, QUICK_MS, on_info, hello);
}

void docker_hello(struct docker *docker, docker_facts_cb *cb, void *arg)
{
    struct hello *hello = mem_zalloc(sizeof *hello);
    *hello = (struct hello){.docker = docker, .cb = cb, .arg = arg};
    docker_http_request(docker->http, "GET", "/version", NULL, QUICK_MS, on_version, hello);
}

/* --- pull --- */

struct pull {
    docker_cb *cb;
    void *arg;
};

static void on_pulled(void *arg, int code, const struct err *error, long status, const char *body, size_t len)
{
    struct pull *pull = arg;
    char text[300];
    struct err e = error ? *error : (struct err){0};
    if (!code && status != 200) {
        docker_json_message(body, len, text, sizeof text);
        code = err_set(&e, ERR_IMAGE_UNAVAILABLE, "the image cannot be pulled: %s", text);
    } else if (!code && docker_json_pull_failed(body, len, text, sizeof text)) {
        code = err_set(&e, ERR_IMAGE_UNAVAILABLE, "the image cannot be pulled: %s", text);
    }
    pull->cb(pull->arg, code, &e);
    free(pull);
}

void docker_image_pull(struct docker *docker, const char *ref, docker_cb *cb, void *arg)
{
    struct pull *pull = mem_zalloc(sizeof *pull);
    *pull = (struct pull){cb, arg};
    char escaped[2048], path[2200];
    escape(ref, escaped, sizeof escaped);
    /* Without a tag every tag of the repository would come. */
    const char *slash = strrchr(ref, '/');
    bool tagged = strchr(slash ? slash : ref, ':') || strchr(ref, '@');
    snprintf(path, sizeof path, "%s/images/create?fromImage=%s%s", docker->prefix, escaped,
             tagged ? "" : "&tag=latest");
    docker_http_request(docker->http, "POST", path, NULL, PULL_MS, on_pulled, pull);
}

/* --- events --- */

static void listen_again(void *arg);

static void on_event_line(void *arg, const char *line, size_t len)
{
    struct docker *docker = arg;
    struct docker_event event;
    backoff_reset(&docker->event_backoff);
    if (len && !docker_json_event(line, len, &event, NULL) && event.kind != DOCKER_OTHER)
        docker->on_event(docker->event_arg, &event);
}

static void on_events_end(void *arg, int code, const struct err *e, long status, const char *body, size_t len)
{
    struct docker *docker = arg;
    if (docker->stopping)
        return;
    docker->hears = false;
    timer_start(&docker->event_retry, docker->loop, backoff_next(&docker->event_backoff, (uint32_t)rand()),
                listen_again, docker);
}

static void listen_now(struct docker *docker)
{
    char escaped[256], path[320];
    escape("{\"type\":[\"container\"],\"event\":[\"die\",\"oom\",\"pause\",\"unpause\",\"destroy\"],"
           "\"label\":[\"corral.sandbox\"]}",
           escaped, sizeof escaped);
    snprintf(path, sizeof path, "%s/events?filters=%s", docker->prefix, escaped);
    docker->hears = true;
    docker_http_stream(docker->http, path, on_event_line, on_events_end, docker);
}

bool docker_hears(const struct docker *docker)
{
    return docker->hears;
}

/* Only when Docker answers again is there something to ask: a hello finds that out. */
static void on_back(void *arg, int code, const struct err *e, const struct docker_facts *facts)
{
    struct docker *docker = arg;
    if (code) {
        bool news = !docker->away && code != ERR_CANCELLED;
        docker->away = true;
        on_events_end(docker, code, e, 0, "", 0);
        if (news)
            docker->on_away(docker->event_arg);
        return;
    }
    docker->away = false;
    listen_now(docker);
    docker->on_gap(docker->event_arg);
}

static void listen_again(void *arg)
{
    docker_hello(arg, on_back, arg);
}

void docker_events(struct docker *docker, docker_event_cb *on_event, loop_cb *on_away, loop_cb *on_gap,
                   void *arg)
{
    docker->on_event = on_event;
    docker->on_away = on_away;
    docker->on_gap = on_gap;
    docker->event_arg = arg;
    listen_now(docker);
}
