/*
 * Pulls. One of an image at a time, for all who ask for it: whoever gives up leaves the others' alone, and
 * the last one takes it down with him.
 */
#include "agent/docker/docker_int.h"
#include "agent/docker/docker_json.h"

#include "common/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct pull {
    struct docker *docker;
    struct docker_request *request;
    char *ref;
    char said[300]; /* the last error in its progress, or the message of its refusal */
    struct docker_call *calls;
    struct pull *next, **slot;
};

static void pull_free(struct pull *pull)
{
    *pull->slot = pull->next;
    if (pull->next)
        pull->next->slot = pull->slot;
    free(pull->ref);
    free(pull);
}

static void tell(struct docker_call *call, int code, const struct err *e)
{
    later_cancel(&call->cancelled);
    ((docker_cb *)call->cb)(call->arg, code, e);
    free(call);
}

/* Its progress is read line by line: of a large image there are many, and only an error counts. */
static void on_line(void *arg, const char *line, size_t len)
{
    struct pull *pull = arg;
    char text[sizeof pull->said];
    if (!docker_json_pull_failed(line, len, text, sizeof text))
        docker_json_message(line, len, text, sizeof text);
    if (text[0])
        memcpy(pull->said, text, sizeof pull->said);
}

static int outcome(const struct pull *pull, int code, long status, struct err *e)
{
    if (code == ERR_NODE_TIMEOUT)
        return err_set(e, ERR_IMAGE_UNAVAILABLE,
                       "the image cannot be pulled: its registry did not answer in time");
    if (code)
        return code;
    if (pull->said[0])
        return err_set(e, ERR_IMAGE_UNAVAILABLE, "the image cannot be pulled: %s", pull->said);
    if (status != 200)
        return err_set(e, ERR_IMAGE_UNAVAILABLE, "the image cannot be pulled: Docker answered %ld", status);
    return 0;
}

/* Those who wait are told one by one: each may ask for the next thing, or let go of another that waits. */
static void on_pulled(void *arg, int code, const struct err *error, long status, const char *body, size_t len)
{
    struct pull *pull = arg;
    struct err e = error ? *error : (struct err){0};
    if (len)
        on_line(pull, body, len); /* the last one, without an end of line */
    code = outcome(pull, code, status, &e);
    pull->request = NULL;
    for (struct docker_call *call; (call = pull->calls);) {
        pull->calls = call->next;
        call->pull = NULL;
        tell(call, code, &e);
    }
    pull_free(pull);
}

static struct pull *find(struct docker *docker, const char *ref)
{
    struct pull *pull = docker->pulls;
    while (pull && (!pull->request || strcmp(pull->ref, ref)))
        pull = pull->next;
    return pull;
}

static struct pull *begin(struct docker *docker, const char *ref, const struct docker_patience *patience)
{
    char escaped[2048], path[2200];
    struct pull *pull = mem_zalloc(sizeof *pull);
    *pull = (struct pull){
        .docker = docker, .ref = mem_strdup(ref), .next = docker->pulls, .slot = &docker->pulls};
    if (pull->next)
        pull->next->slot = &pull->next;
    docker->pulls = pull;
    docker_escape(ref, escaped, sizeof escaped);
    /* Without a tag every tag of the repository would come. */
    const char *slash = strrchr(ref, '/');
    bool tagged = strchr(slash ? slash : ref, ':') || strchr(ref, '@');
    snprintf(path, sizeof path, "%s/images/create?fromImage=%s%s", docker->prefix, escaped,
             tagged ? "" : "&tag=latest");
    struct docker_ask ask = {.method = "POST",
                             .path = path,
                             .timeout_ms = patience->whole_ms,
                             .silence_ms = patience->silence_ms,
                             .on_line = on_line,
                             .cb = on_pulled,
                             .arg = pull};
    pull->request = docker_http_ask(docker->http, &ask);
    return pull;
}

struct docker_call *docker_image_pull(struct docker *docker, const char *ref,
                                      const struct docker_patience *patience, docker_cb *cb, void *arg)
{
    struct pull *pull = find(docker, ref);
    struct docker_call *call = mem_zalloc(sizeof *call);
    if (!pull)
        pull = begin(docker, ref, patience);
    *call = (struct docker_call){
        .docker = docker, .pull = pull, .next = pull->calls, .cb = (void (*)(void))cb, .arg = arg};
    pull->calls = call;
    return call;
}

/* --- giving up --- */

static void on_cancelled(void *arg)
{
    struct docker_call *call = arg, **slot = &call->docker->left;
    struct err e;
    while (*slot != call)
        slot = &(*slot)->next;
    *slot = call->next;
    tell(call, err_set(&e, ERR_CANCELLED, "it was given up"), &e);
}

void docker_pull_leave(struct docker_call *call)
{
    struct pull *pull = call->pull;
    struct docker_call **slot = &pull->calls;
    while (*slot != call)
        slot = &(*slot)->next;
    *slot = call->next;
    call->pull = NULL;
    call->next = call->docker->left;
    call->docker->left = call;
    later_call(&call->cancelled, call->docker->loop, on_cancelled, call);
    if (!pull->calls && pull->request) {
        docker_http_cancel(pull->request); /* on_pulled frees it */
        pull->request = NULL;
    }
}

void docker_pulls_free(struct docker *docker)
{
    while (docker->left)
        on_cancelled(docker->left);
}
