#include "agent/node/image_helper.h"

#include "common/base/mem.h"
#include "common/io/loop.h"
#include "common/base/plain_words.h"
#include "proto/image_codec.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define LOOK_MS 200 /* between looks at stop */

struct running {
    const struct image_helper *helper;
    pid_t pid;
    int out[2], err[2]; /* pipes */
    uint8_t *bytes;
    size_t len, room;
    char sentence[sizeof((struct err *)0)->text];
    size_t sentence_len;
};

/* Moves the descriptors out of the way of those that the helper gets. */
static int moved(int fd)
{
    return fd < 0 ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, 10);
}

static void give(posix_spawn_file_actions_t *actions, int fd, int as)
{
    if (fd >= 0)
        posix_spawn_file_actions_adddup2(actions, fd, as);
    else
        posix_spawn_file_actions_addopen(actions, as, "/dev/null", O_RDWR, 0);
}

static int spawn(struct running *r)
{
    const struct image_helper *h = r->helper;
    char most[24];
    char *const argv[] = {(char *)(uintptr_t)h->program,
                          (char *)(uintptr_t)h->verb,
                          (char *)(uintptr_t)h->id,
                          (char *)(uintptr_t)h->name,
                          most,
                          NULL};
    char *const none[] = {NULL};
    const int fd[] = {moved(h->from), moved(r->out[1]), moved(r->err[1]), moved(h->kept), moved(h->to)};
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t signals;
    snprintf(most, sizeof most, "%llu", (unsigned long long)h->most);
    sigemptyset(&signals);
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setsigmask(&attributes, &signals);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
    posix_spawn_file_actions_init(&actions);
    for (int i = 0; i < 5; i++)
        give(&actions, fd[i], i);
    int rc = posix_spawn(&r->pid, h->program, &actions, &attributes, argv, none);
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
    for (int i = 0; i < 5; i++)
        if (fd[i] >= 0)
            close(fd[i]);
    return rc;
}

/* --- its output --- */

static bool take_report(struct running *r)
{
    if (r->room - r->len < 65536) {
        r->room = 2 * r->room + 65536;
        r->bytes = mem_grow(r->bytes, r->room, 1);
    }
    ssize_t n = read(r->out[0], r->bytes + r->len, r->room - r->len);
    r->len += n > 0 ? (size_t)n : 0;
    return n > 0 && r->len <= IMAGE_FLAT_MAX;
}

static bool take_sentence(struct running *r)
{
    char spare[256];
    size_t room = sizeof r->sentence - 1 - r->sentence_len;
    ssize_t n =
        room ? read(r->err[0], r->sentence + r->sentence_len, room) : read(r->err[0], spare, sizeof spare);
    r->sentence_len += n > 0 && room ? (size_t)n : 0;
    return n > 0;
}

/* Until both pipes have ended. False: it was killed, and *rc is why. */
static bool attend(struct running *r, int *rc, struct err *e)
{
    uint64_t deadline = loop_now_ms() + IMAGE_HELPER_MS;
    struct pollfd fds[] = {{.fd = r->out[0], .events = POLLIN}, {.fd = r->err[0], .events = POLLIN}};
    while (fds[0].fd >= 0 || fds[1].fd >= 0) {
        (void)poll(fds, 2, LOOK_MS);
        if (fds[0].fd >= 0 && fds[0].revents && !take_report(r))
            fds[0].fd = -1;
        if (fds[1].fd >= 0 && fds[1].revents && !take_sentence(r))
            fds[1].fd = -1;
        if (atomic_load(r->helper->stop))
            *rc = err_set(e, ERR_CANCELLED, "the agent is stopping");
        else if (loop_now_ms() > deadline)
            *rc = err_set(e, ERR_NODE_TIMEOUT, "the image is not read within %u minutes",
                          IMAGE_HELPER_MS / 60000);
        else if (r->len > IMAGE_FLAT_MAX)
            *rc = err_set(e, ERR_PROTOCOL, "the report on the image is too long");
        if (*rc)
            return false;
    }
    return true;
}

/* What an end of the helper means. Its sentence is about an image, and may hold any bytes of one. */
static int meaning(const struct running *r, int status, struct err *e)
{
    char plain[sizeof r->sentence];
    if (WIFEXITED(status) && !WEXITSTATUS(status))
        return 0;
    if (WIFSIGNALED(status))
        return err_set(e, ERR_IO, "the image cannot be read: its reader was ended by signal %d",
                       WTERMSIG(status));
    int code = -WEXITSTATUS(status);
    memcpy(plain, r->sentence, sizeof plain);
    for (char *c = plain; *c; c++)
        if ((unsigned char)*c < ' ' || (unsigned char)*c > '~')
            *c = '?';
    return err_set(e, code > -ERR_INDEX_COUNT ? code : ERR_PROTOCOL, "%s",
                   plain[0] ? plain : "the image cannot be read");
}

static void close_pipes(struct running *r)
{
    for (int i = 0; i < 2; i++) {
        if (r->out[i] >= 0)
            close(r->out[i]);
        if (r->err[i] >= 0)
            close(r->err[i]);
        r->out[i] = r->err[i] = -1;
    }
}

static int run(struct running *r, struct err *e)
{
    int status, rc = 0;
    if (pipe2(r->out, O_CLOEXEC) || pipe2(r->err, O_CLOEXEC))
        return err_set(e, ERR_IO, "no pipe: %s", strerror(errno));
    int error = spawn(r);
    if (error)
        return err_set(e, ERR_IO, "the reader of images cannot be run: %s", strerror(error));
    close(r->out[1]);
    close(r->err[1]);
    r->out[1] = r->err[1] = -1;
    if (!attend(r, &rc, e))
        kill(r->pid, SIGKILL);
    while (waitpid(r->pid, &status, 0) < 0 && errno == EINTR)
        ;
    return rc ? rc : meaning(r, status, e);
}

int image_helper_run(const struct image_helper *helper, uint8_t **out, size_t *len, struct err *e)
{
    struct running r = {.helper = helper, .out = {-1, -1}, .err = {-1, -1}};
    int rc = run(&r, e);
    close_pipes(&r);
    if (rc) {
        free(r.bytes);
        return rc;
    }
    *out = r.bytes;
    *len = r.len;
    return 0;
}
