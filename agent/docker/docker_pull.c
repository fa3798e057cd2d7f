/*
 * Pulls, one per image at a time, shared by all calls for it: a call that is cancelled does not affect the
 * others, and the last one cancels the pull. Docker has no bound on what it pulls, so the progress and the
 * disk are watched here; when a pull is aborted, Docker removes its layers. Docker also does not know which
 * user a download belongs to, so turns by user are given here.
 */
#include "agent/core/image_bounds.h"
#include "agent/core/pull_size.h"
#include "agent/docker/docker_int.h"
#include "agent/docker/docker_json.h"

#include "common/base/mem.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>

#define LOOK_MS 200 /* a disk takes some hundred MB in this time */

struct pull {
    struct docker *docker;
    struct turn turn;
    struct docker_request *request; /* NULL: it waits for its turn, was aborted, or cancelled */
    char *ref, *user, *root, *auth; /* auth: "": without a login */
    struct registry_login *login;   /* NULL: none */
    bool waits;                     /* the last progress line said that a layer waits for other downloads */
    struct docker_pull_bounds bounds;
    struct pull_size size;
    struct timer look;
    char said[300];                     /* the last error in the progress, or the message of a refusal */
    char too_much[NODE_DETAIL_MAX + 1]; /* why it is aborted; "": it is not */
    struct docker_call *calls;
    struct pull *next, **slot;
};

static void pull_free(struct pull *pull)
{
    *pull->slot = pull->next;
    if (pull->next)
        pull->next->slot = pull->slot;
    timer_stop(&pull->look);
    turn_end(&pull->docker->pull_turns, &pull->turn);
    free(pull->ref);
    free(pull->user);
    free(pull->root);
    explicit_bzero(pull->auth, strlen(pull->auth));
    free(pull->auth);
    if (pull->login)
        explicit_bzero(pull->login, sizeof *pull->login);
    free(pull->login);
    free(pull);
}

static void tell(struct docker_call *call, int code, const struct err *e)
{
    later_cancel(&call->cancelled);
    ((docker_cb *)call->cb)(call->arg, code, e);
    free(call);
}

static void next_pulls(struct docker *docker);

/* --- its bounds --- */

/* What only root may fill counts as none of the disk, as df counts. */
int docker_disk(const char *root, struct docker_disk *disk, struct err *e)
{
    struct statvfs fs; /* answered from memory, even if the disk hangs: Docker's disk is not on a network */
    if (statvfs(root, &fs))
        return err_set(e, ERR_IO, "%s: %s", root, strerror(errno));
    disk->free_bytes = (uint64_t)fs.f_bavail * fs.f_frsize;
    disk->bytes = (uint64_t)(fs.f_blocks - fs.f_bfree) * fs.f_frsize + disk->free_bytes;
    return 0;
}

int docker_free_bytes(const char *root, uint64_t *bytes, struct err *e)
{
    struct docker_disk disk;
    int rc = docker_disk(root, &disk, e);
    *bytes = rc ? 0 : disk.free_bytes;
    return rc;
}

static void break_off(struct pull *pull)
{
    docker_http_cancel(pull->request); /* on_pulled reports why */
    pull->request = NULL;
}

/* Marks a pull that has taken long as aborted, if a user who has none under way waits for a turn; the pull's
 * own timer then aborts it. */
static void make_place(struct docker *docker)
{
    struct turn *turn = turns_overdue(&docker->pull_turns, loop_now_ms());
    struct pull *pull = turn ? (struct pull *)((char *)turn - offsetof(struct pull, turn)) : NULL;
    if (pull && !pull->too_much[0])
        snprintf(pull->too_much, sizeof pull->too_much,
                 "the pull of its image was so slow that it was ended in favour of other users who waited");
}

static void look(void *arg)
{
    struct pull *pull = arg;
    uint64_t bytes;
    if (!pull->request)
        return;
    next_pulls(pull->docker); /* pulls that take long stop counting against the places */
    make_place(pull->docker);
    if (!pull->too_much[0] && pull->root[0] && !docker_free_bytes(pull->root, &bytes, NULL))
        (void)image_has_room(bytes, pull->bounds.free_bytes, pull->too_much);
    if (pull->too_much[0])
        break_off(pull);
    else
        timer_start(&pull->look, pull->docker->loop, LOOK_MS, look, pull);
}

/* What a registry says is shown to tenants; one that repeats its password is not. */
static void note_said(struct pull *pull, const char said[static sizeof pull->said])
{
    if (pull->login && docker_auth_shown(pull->login, said))
        snprintf(pull->said, sizeof pull->said, "its registry refused, and repeated the login");
    else
        memcpy(pull->said, said, sizeof pull->said);
}

/* Reads the progress line by line, of which a large image has many. Aborts later, from the timer, not from
 * within this callback. */
static void on_line(void *arg, const char *text, size_t len)
{
    struct pull *pull = arg;
    struct docker_pull_line line;
    uint64_t total;
    docker_json_pull_line(text, len, &line);
    if (line.said[0])
        note_said(pull, line.said);
    if (pull->too_much[0] || !line.layer.id[0])
        return;
    pull->waits = line.waits;
    if (!pull_size_note(&pull->size, &line.layer, &total))
        snprintf(pull->too_much, sizeof pull->too_much, "its image has more than %d layers", PULL_LAYERS_MAX);
    else if (image_size_fits(total, pull->bounds.image_bytes, pull->too_much))
        return;
    timer_start(&pull->look, pull->docker->loop, 0, look, pull);
}

/* --- its end --- */

static int outcome(const struct pull *pull, int code, long status, struct err *e)
{
    static const char cannot[] = "the image cannot be pulled";
    bool came = !code && status == 200 && !pull->said[0];
    if (came || pull->docker->stopping)
        return code;
    if (pull->too_much[0])
        return err_set(e, ERR_IMAGE_UNAVAILABLE, "%s", pull->too_much);
    if (code == ERR_NODE_TIMEOUT && pull->waits)
        return err_set(
            e, ERR_IMAGE_UNAVAILABLE,
            "%s: Docker let it wait for other downloads; set max-concurrent-downloads in its daemon.json "
            "to %d",
            cannot, DOCKER_LAYERS);
    if (code == ERR_NODE_TIMEOUT)
        return err_set(e, ERR_IMAGE_UNAVAILABLE, "%s: its registry did not answer in time", cannot);
    if (code == ERR_TOO_LARGE || code == ERR_PROTOCOL) {
        struct err why = *e;
        return err_set(e, ERR_IMAGE_UNAVAILABLE, "%s: %.300s", cannot, why.text);
    }
    if (code)
        return code; /* an error of the host's Docker */
    if (pull->said[0])
        return err_set(e, ERR_IMAGE_UNAVAILABLE, "%s: %s", cannot, pull->said);
    return err_set(e, ERR_IMAGE_UNAVAILABLE, "%s: Docker answered %ld", cannot, status);
}

/* Calls the callbacks one by one: each may begin the next call, or cancel another one of this pull. */
static void end(struct pull *pull, int code, const struct err *e)
{
    for (struct docker_call *call; (call = pull->calls);) {
        pull->calls = call->next;
        call->pull = NULL;
        tell(call, code, e);
    }
    pull_free(pull);
}

static void on_pulled(void *arg, int code, const struct err *error, long status, const char *body, size_t len)
{
    struct pull *pull = arg;
    struct docker *docker = pull->docker;
    struct err e = error ? *error : (struct err){0};
    if (len)
        on_line(pull, body, len); /* the last line, without a line end */
    code = outcome(pull, code, status, &e);
    if (!code)
        turn_succeeds(&docker->pull_turns, &pull->turn, loop_now_ms());
    pull->request = NULL;
    end(pull, code, &e);
    if (!docker->stopping)
        next_pulls(docker);
}

/* --- its beginning --- */

static void begin(struct pull *pull)
{
    char escaped[2048], path[2200];
    struct docker *docker = pull->docker;
    docker_escape(pull->ref, escaped, sizeof escaped);
    snprintf(path, sizeof path, "%s/images/create?fromImage=%s", docker->prefix, escaped);
    struct docker_ask ask = {.method = "POST",
                             .path = path,
                             .timeout_ms = pull->bounds.whole_ms,
                             .silence_ms = pull->bounds.silence_ms,
                             .auth = pull->auth,
                             .on_line = on_line,
                             .cb = on_pulled,
                             .arg = pull};
    pull->request = docker_http_ask(docker->http, &ask);
    timer_start(&pull->look, docker->loop, LOOK_MS, look, pull);
}

static void next_pulls(struct docker *docker)
{
    struct turn *turn;
    while ((turn = turns_next(&docker->pull_turns, loop_now_ms())))
        begin((struct pull *)((char *)turn - offsetof(struct pull, turn)));
}

static bool is_same(const struct registry_login *a, const struct registry_login *b)
{
    return !a || !b ? a == b
                    : !strcmp(a->registry, b->registry) && !strcmp(a->username, b->username) &&
                          !strcmp(a->password, b->password);
}

static bool serves(const struct pull *pull, const char *ref, const struct docker_pull_bounds *bounds)
{
    if (strcmp(pull->ref, ref) || !is_same(pull->login, bounds->login))
        return false;
    return pull->turn.begun ? pull->request != NULL : !strcmp(pull->user, bounds->user);
}

/* A pull that has its turn is shared by all users; one that waits for its turn only by its own user. One with
 * a login is shared only by those with the same. */
static struct pull *find(struct docker *docker, const char *ref, const struct docker_pull_bounds *bounds)
{
    struct pull *pull = docker->pulls;
    while (pull && !serves(pull, ref, bounds))
        pull = pull->next;
    return pull;
}

static struct pull *add(struct docker *docker, const char *ref, const struct docker_pull_bounds *bounds)
{
    struct pull *pull = mem_zalloc(sizeof *pull);
    *pull = (struct pull){.docker = docker,
                          .ref = mem_strdup(ref),
                          .user = mem_strdup(bounds->user),
                          .root = mem_strdup(bounds->root),
                          .auth = bounds->login ? docker_auth_write(bounds->login) : mem_strdup(""),
                          .login = bounds->login ? mem_dup(bounds->login, sizeof *bounds->login) : NULL,
                          .bounds = *bounds,
                          .next = docker->pulls,
                          .slot = &docker->pulls};
    pull->bounds.login = NULL; /* borrowed */
    if (pull->next)
        pull->next->slot = &pull->next;
    docker->pulls = pull;
    turn_ask(&docker->pull_turns, &pull->turn, pull->user);
    return pull;
}

struct docker_call *docker_image_pull(struct docker *docker, const char *ref,
                                      const struct docker_pull_bounds *bounds, docker_cb *cb, void *arg)
{
    struct pull *pull = find(docker, ref, bounds);
    struct docker_call *call = mem_zalloc(sizeof *call);
    if (!pull)
        pull = add(docker, ref, bounds);
    *call = (struct docker_call){
        .docker = docker, .pull = pull, .next = pull->calls, .cb = (void (*)(void))cb, .arg = arg};
    pull->calls = call;
    next_pulls(docker);
    return call;
}

const struct pull_size *docker_pull_progress(const struct docker_call *call)
{
    return call->pull && call->pull->turn.begun ? &call->pull->size : NULL;
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
    if (!pull->calls && !pull->turn.begun)
        pull_free(pull);
    else if (!pull->calls && pull->request) {
        docker_http_cancel(pull->request); /* on_pulled frees it */
        pull->request = NULL;
    }
}

void docker_pulls_init(struct docker *docker)
{
    turns_init(&docker->pull_turns, &(struct turns_bounds){.places = DOCKER_PULLS,
                                                           .long_most = DOCKER_PULLS_LONG,
                                                           .of_user = DOCKER_PULLS_OF_USER});
}

/* Pulls that have their turn end with their requests. */
void docker_pulls_free(struct docker *docker)
{
    struct err e;
    for (struct pull *pull = docker->pulls, *next; pull; pull = next) {
        next = pull->next;
        if (!pull->turn.begun)
            end(pull, err_set(&e, ERR_CANCELLED, "the agent is stopping"), &e);
    }
    while (docker->left)
        on_cancelled(docker->left);
}
