#include "agent/initlink/initlink.h"

#include "agent/initlink/initlink_listener.h"
#include "agent/initlink/initlink_queue.h"
#include "common/base/mem.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#define FRAME_MAX (sizeof(struct init_head) + INIT_PAYLOAD_MAX)
#define IN_FIRST  256
#define OUT_FIRST 512
#define OUT_SMALL 8192  /* of the queue, reserved for small frames */
#define OUT_INPUT 98304 /* of the queue, the most that input may fill */
#define IN_PLACE  8192  /* a payload from this size on is sent from where it is */

_Static_assert(2 * sizeof(struct init_head) + 2 * INITLINK_INPUT_MAX <= OUT_INPUT, "two pieces of input fit");

struct initlink {
    struct loop *loop;
    struct initlink_events events;
    void *arg;
    struct initlink_listener *listener;
    struct watch watch;
    bool watched, writes; /* writes: the watch is for writing, too */
    struct timer ping;
    int fd; /* -1: not linked */
    bool relayed;
    bool greeted, started, exited;
    bool gathers; /* frames wait for those that follow */
    bool refused; /* a frame was refused because the queue was full */
    uint32_t features;
    uint64_t answered_at_ms;
    bool paused;
    size_t in_len, in_room, out_len, out_room;
    uint8_t *in;  /* IN_FIRST bytes, more only while a larger frame arrives: there are hundreds of links */
    uint8_t *out; /* NULL while nothing waits */
    struct initlink_view view;
    bool *freed; /* set while a callback runs, which may free the link */
};

static void on_io(void *arg, bool readable, bool writable);
static void on_ping(void *arg);
static void on_connection(void *arg, int fd);

/* Where nothing changes, as with most frames, the kernel is not told again. */
static void watch_link(struct initlink *link)
{
    bool writes = link->out_len > 0;
    if (link->watched && writes == link->writes)
        return;
    link->watched = true;
    link->writes = writes;
    watch_start(&link->watch, link->loop, link->fd, true, writes, on_io, link);
}

static void close_link(struct initlink *link)
{
    watch_stop(&link->watch);
    link->watched = false;
    timer_stop(&link->ping);
    if (link->fd >= 0)
        close(link->fd);
    link->fd = -1;
    link->in_len = link->in_room = link->out_len = link->out_room = 0;
    initlink_view_unlinked(&link->view);
    free(link->in);
    free(link->out);
    link->in = link->out = NULL;
}

/* Listens again; tries once a second while that fails. */
static void listen_again(void *arg)
{
    struct initlink *link = arg;
    if (initlink_listener_open(link->listener, NULL) != 0)
        timer_start(&link->ping, link->loop, 1000, listen_again, link);
}

static void lose(struct initlink *link, const struct err *why)
{
    bool was_ready = link->greeted;
    close_link(link);
    link->greeted = false;
    listen_again(link);
    if (was_ready && link->events.on_lost)
        link->events.on_lost(link->arg, why);
}

static void lose_for(struct initlink *link, int code, const char *why)
{
    struct err e;
    err_set(&e, code, "%s", why);
    lose(link, &e);
}

/* False if the link is broken. */
static bool flush(struct initlink *link)
{
    if (!link->out_len)
        return true;
    ssize_t n = send(link->fd, link->out, link->out_len, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n < 0)
        return errno == EAGAIN || errno == EINTR;
    link->out_len -= (size_t)n;
    memmove(link->out, link->out + n, link->out_len);
    if (!link->out_len) {
        free(link->out);
        link->out = NULL;
        link->out_room = 0;
    }
    return true;
}

/* How far the queue may be filled by frames of this type. */
static size_t limit_of(enum init_type type)
{
    if (type == INIT_STDIN)
        return OUT_INPUT;
    return type == INIT_START || type == INIT_SPAWN || type == INIT_ENVIRON ? INITLINK_OUT_MAX - OUT_SMALL
                                                                            : INITLINK_OUT_MAX;
}

/* False: the queue would exceed the limit. */
static bool make_out_room(struct initlink *link, size_t len, size_t limit)
{
    size_t room = link->out_room ? link->out_room : OUT_FIRST;
    if (link->out_len + len > limit)
        return false;
    while (room < link->out_len + len)
        room *= 2;
    if (room > INITLINK_OUT_MAX)
        room = INITLINK_OUT_MAX;
    if (room > link->out_room)
        link->out = mem_grow(link->out, room, 1);
    link->out_room = room;
    return true;
}

/*
 * Sends a large frame from where its payload is, if nothing waits before it: input of a file is copied once
 * less. Returns how much of the frame was sent; the rest is to be queued, and fits then, as the queue is
 * empty.
 */
static size_t send_in_place(const struct initlink *link, enum init_type type, uint32_t stream,
                            const void *payload, size_t len)
{
    struct init_head head;
    if (link->out_len || link->gathers || len < IN_PLACE || !init_frame_head(&head, type, stream, len))
        return 0;
    struct iovec pieces[] = {{&head, sizeof head}, {(void *)(uintptr_t)payload, len}};
    struct msghdr message = {.msg_iov = pieces, .msg_iovlen = ARRAY_LEN(pieces)};
    ssize_t n = sendmsg(link->fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
    return n > 0 ? (size_t)n : 0;
}

/*
 * Queues a frame and tries to send at once. A broken link is noticed by the watch, so that no callback runs
 * inside the caller's call.
 */
int initlink_queue(struct initlink *link, enum init_type type, uint32_t stream, const void *payload,
                   size_t len, struct err *e)
{
    if (!initlink_ready(link))
        return err_set(e, ERR_IO, "the sandbox's init is not linked");
    size_t sent = send_in_place(link, type, stream, payload, len);
    if (sent == sizeof(struct init_head) + len)
        return 0;
    if (!make_out_room(link, sizeof(struct init_head) + len, limit_of(type))) {
        link->refused = true;
        return err_set(e, ERR_IO, "the sandbox's init does not read");
    }
    size_t size =
        init_frame_put(link->out + link->out_len, link->out_room - link->out_len, type, stream, payload, len);
    if (!size)
        return err_set(e, ERR_TOO_LARGE, "it does not fit into a frame for the sandbox's init");
    memmove(link->out + link->out_len, link->out + link->out_len + sent, size - sent);
    link->out_len += size - sent;
    if (!link->gathers && flush(link))
        watch_link(link);
    return 0;
}

void initlink_gather(struct initlink *link)
{
    link->gathers = true;
}

void initlink_send(struct initlink *link)
{
    link->gathers = false;
    if (link->fd >= 0 && flush(link))
        watch_link(link);
}

struct initlink_view *initlink_view_of(struct initlink *link)
{
    return &link->view;
}

void initlink_set_paused(struct initlink *link, bool paused)
{
    link->paused = paused;
}

uint32_t initlink_features(const struct initlink *link)
{
    return initlink_ready(link) ? link->features : 0;
}

static bool on_hello(struct initlink *link, const struct init_frame *frame)
{
    struct init_hello hello;
    if (link->greeted || !init_hello_get(frame->payload, frame->len, &hello))
        return false;
    link->greeted = true;
    link->features = hello.features;
    initlink_view_linked(&link->view, hello.next_process);
    timer_start(&link->ping, link->loop, INITLINK_PING_MS, on_ping, link);
    if (link->events.on_ready)
        link->events.on_ready(link->arg, (enum init_main_state)hello.main_state);
    return true;
}

static bool on_exited(struct initlink *link, const struct init_frame *frame)
{
    struct init_exit end;
    memcpy(&end, frame->payload, sizeof end);
    if (frame->stream != INIT_MAIN || !init_exit_valid(&end))
        return false;
    if (initlink_queue(link, INIT_EXITED_ACK, INIT_MAIN, NULL, 0, NULL) != 0)
        return false;
    if (link->exited)
        return true;
    link->exited = true;
    if (link->events.on_exited)
        link->events.on_exited(link->arg, &end);
    return true;
}

static bool on_copied(struct initlink *link, const struct init_frame *frame)
{
    struct init_copied copied;
    memcpy(&copied, frame->payload, sizeof copied);
    if (copied.error > 4095)
        return false;
    if (link->events.on_copied)
        link->events.on_copied(link->arg, (int)copied.error, copied.folder);
    return true;
}

static bool on_environ(struct initlink *link, const struct init_frame *frame)
{
    uint32_t error;
    memcpy(&error, frame->payload, sizeof error);
    if (error > 4095)
        return false;
    if (link->events.on_environ)
        link->events.on_environ(link->arg, (int)error);
    return true;
}

static bool on_started(struct initlink *link, const struct init_frame *frame)
{
    if (frame->stream != INIT_MAIN || link->exited)
        return false;
    if (link->started)
        return true;
    link->started = true;
    if (link->events.on_started)
        link->events.on_started(link->arg);
    return true;
}

static bool on_process_frame(struct initlink *link, const struct init_frame *frame)
{
    struct initlink_update update;
    if (!(link->features & INIT_FEATURE_PROCESSES) || !initlink_view_frame(&link->view, frame, &update))
        return false;
    if (update.kind != INITLINK_NOTHING && link->events.on_update)
        link->events.on_update(link->arg, &update);
    return true;
}

static bool on_frame(struct initlink *link, const struct init_frame *frame)
{
    if (!link->greeted && frame->type != INIT_HELLO)
        return false;
    if (initlink_view_serves(frame->type))
        return on_process_frame(link, frame);
    switch (frame->type) {
    case INIT_HELLO:
        return on_hello(link, frame);
    case INIT_PONG:
        link->answered_at_ms = loop_awake_ms(link->loop);
        return true;
    case INIT_COPIED:
        return on_copied(link, frame);
    case INIT_ENVIRON_SET:
        return on_environ(link, frame);
    case INIT_STARTED:
        return on_started(link, frame);
    case INIT_EXITED:
        return on_exited(link, frame);
    default:
        return false;
    }
}

static void make_room(struct initlink *link, size_t room)
{
    link->in = mem_grow(link->in, room, 1);
    link->in_room = room;
}

/* Returns false if a frame broke a rule. Stops early if a callback freed the link. */
static bool serve_frames(struct initlink *link, const bool *freed)
{
    size_t at = 0;
    long size = 0;
    struct init_frame frame;
    while (link->fd >= 0 && (size = init_frame_get(link->in + at, link->in_len - at, &frame)) > 0) {
        at += (size_t)size;
        bool good = on_frame(link, &frame);
        if (*freed)
            return true;
        if (!good)
            return false;
    }
    if (link->fd < 0)
        return size >= 0;
    link->in_len -= at;
    memmove(link->in, link->in + at, link->in_len);
    if (!link->in_len && link->in_room > IN_FIRST)
        make_room(link, IN_FIRST);
    return size >= 0;
}

/* Returns false if the peer is gone. */
static bool receive(struct initlink *link)
{
    if (link->in_len == link->in_room)
        make_room(link, link->in_room ? FRAME_MAX : IN_FIRST);
    ssize_t n = recv(link->fd, link->in + link->in_len, link->in_room - link->in_len, MSG_DONTWAIT);
    if (n > 0)
        link->in_len += (size_t)n;
    return n > 0 || (n < 0 && (errno == EAGAIN || errno == EINTR));
}

static void tell_writable(struct initlink *link)
{
    if (!link->refused || link->out_len || !initlink_ready(link))
        return;
    link->refused = false;
    if (link->events.on_writable)
        link->events.on_writable(link->arg);
}

static void on_io(void *arg, bool readable, bool writable)
{
    struct initlink *link = arg;
    bool freed = false;
    if (writable && flush(link))
        watch_link(link);
    link->freed = &freed;
    tell_writable(link);
    if (freed)
        return;
    link->freed = NULL;
    if (!readable || link->fd < 0)
        return;
    bool there = receive(link);
    link->freed = &freed;
    bool good = serve_frames(link, &freed);
    if (freed)
        return;
    link->freed = NULL;
    if (!good)
        lose_for(link, ERR_PROTOCOL, "the sandbox's init broke the protocol");
    else if (!there)
        lose_for(link, ERR_IO, "the sandbox's init closed its link");
}

static void on_ping(void *arg)
{
    struct initlink *link = arg;
    uint64_t now = loop_awake_ms(link->loop);
    if (link->paused) {
        link->answered_at_ms = now;
        timer_start(&link->ping, link->loop, INITLINK_PING_MS, on_ping, link);
        return;
    }
    if (now - link->answered_at_ms >= INITLINK_LOST_MS) {
        lose_for(link, ERR_NODE_TIMEOUT, "the sandbox's init does not answer");
        return;
    }
    /* If a ping does not fit, the init does not read, so it would not answer either. */
    int error = initlink_queue(link, INIT_PING, 0, &now, sizeof now, NULL);
    timer_start(&link->ping, link->loop, INITLINK_PING_MS, on_ping, link);
    (void)error;
}

/* The init must send its HELLO in time; otherwise its link is lost like any other. */
static void on_silent(void *arg)
{
    lose_for(arg, ERR_NODE_TIMEOUT, "the sandbox's init did not say hello");
}

static void begin(struct initlink *link, int fd, bool relayed)
{
    timer_stop(&link->ping); /* that listens again */
    initlink_listener_close(link->listener);
    link->fd = fd;
    link->relayed = relayed;
    link->answered_at_ms = loop_awake_ms(link->loop);
    timer_start(&link->ping, link->loop, relayed ? INITLINK_RELAYED_MS : INITLINK_UNRESPONSIVE_MS, on_silent,
                link);
    watch_link(link);
}

static void on_connection(void *arg, int fd)
{
    begin(arg, fd, false);
}

int initlink_new(struct loop *loop, const char *folder, const struct initlink_events *events, void *arg,
                 struct initlink **out, struct err *e)
{
    struct initlink *link = mem_zalloc(sizeof *link);
    link->loop = loop;
    link->events = *events;
    link->arg = arg;
    link->fd = -1;
    initlink_view_init(&link->view);
    link->listener = initlink_listener_new(loop, folder, on_connection, link);
    int error = initlink_listener_open(link->listener, e);
    if (error) {
        initlink_free(link);
        return error;
    }
    *out = link;
    return 0;
}

void initlink_free(struct initlink *link)
{
    if (!link)
        return;
    if (link->freed)
        *link->freed = true;
    close_link(link);
    initlink_view_fini(&link->view);
    initlink_listener_free(link->listener);
    free(link);
}

bool initlink_take(struct initlink *link, int fd)
{
    if (link->fd >= 0)
        return false;
    begin(link, fd, true);
    return true;
}

bool initlink_is_relayed(const struct initlink *link)
{
    return link->relayed;
}

void initlink_expect(struct initlink *link, pid_t pid)
{
    initlink_listener_expect(link->listener, pid);
}

/*
 * Sends at once, since the descriptor goes with the first byte; the kernel takes a frame of this size whole.
 */
static int send_with(const struct initlink *link, const uint8_t *bytes, size_t size, int fd, struct err *e)
{
    union {
        struct cmsghdr head;
        char bytes[CMSG_SPACE(sizeof(int))];
    } control = {
        .head = {.cmsg_len = CMSG_LEN(sizeof(int)), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS}};
    struct iovec piece = {(void *)(uintptr_t)bytes, size};
    struct msghdr message = {.msg_iov = &piece, .msg_iovlen = 1};
    if (fd >= 0) {
        memcpy(CMSG_DATA(&control.head), &fd, sizeof fd);
        message.msg_control = control.bytes;
        message.msg_controllen = sizeof control.bytes;
    }
    ssize_t n = sendmsg(link->fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
    return n == (ssize_t)size ? 0 : err_set(e, ERR_IO, "the sandbox's init does not read");
}

int initlink_copy(struct initlink *link, int tree, const char *folders, size_t len, struct err *e)
{
    if (!initlink_ready(link) || link->out_len)
        return err_set(e, ERR_IO, "the sandbox's init is not linked, or does not read");
    size_t cap = sizeof(struct init_head) + len;
    uint8_t *frame = mem_zalloc(cap);
    size_t size = init_frame_put(frame, cap, INIT_COPY, 0, folders, len);
    int error = size ? send_with(link, frame, size, tree, e)
                     : err_set(e, ERR_TOO_LARGE, "its image has too many folders on its disk");
    free(frame);
    return error;
}

int initlink_environ(struct initlink *link, const struct init_start *start, struct err *e)
{
    if (initlink_ready(link) && !(link->features & INIT_FEATURE_ENVIRON))
        return err_set(e, ERR_INIT_TOO_OLD, "the sandbox was started by an init that cannot do this yet");
    uint8_t *payload = mem_zalloc(INIT_START_MAX);
    size_t len = init_environ_pack(payload, INIT_START_MAX, start);
    int error = len ? initlink_queue(link, INIT_ENVIRON, 0, payload, len, e)
                    : err_set(e, ERR_TOO_LARGE, "an environment is limited to %d bytes and %d entries",
                              INIT_START_MAX, INIT_STRINGS_MAX);
    free(payload);
    return error;
}

int initlink_start(struct initlink *link, const struct init_start *start, struct err *e)
{
    uint8_t *payload = mem_zalloc(INIT_START_MAX);
    size_t len = init_start_pack(payload, INIT_START_MAX, start);
    int error =
        len ? initlink_queue(link, INIT_START, INIT_MAIN, payload, len, e)
            : err_set(e, ERR_TOO_LARGE, "command and environment are limited to %d bytes and %d entries",
                      INIT_START_MAX, INIT_STRINGS_MAX);
    free(payload);
    return error;
}

int initlink_signal(struct initlink *link, int signo, bool everything, struct err *e)
{
    struct init_signal signal = {.signo = signo, .everything = everything};
    return initlink_queue(link, INIT_SIGNAL, INIT_MAIN, &signal, sizeof signal, e);
}

bool initlink_ready(const struct initlink *link)
{
    return link->fd >= 0 && link->greeted;
}

bool initlink_responsive(const struct initlink *link)
{
    return initlink_ready(link) &&
           loop_awake_ms(link->loop) - link->answered_at_ms < INITLINK_UNRESPONSIVE_MS;
}
