#include "agent/init/init_streams.h"

#include <errno.h>
#include <string.h>

#define KILL_WAIT_MS 1000 /* how long an end waits for the kill of the remaining processes */

enum { OUT_0, OUT_1, INPUT, PROGRAM };

void init_streams_init(struct init_streams *streams, struct init_link *link)
{
    memset(streams, 0, sizeof *streams);
    streams->link = link;
    streams->next_number = INIT_MAIN + 1;
    init_table_init(&streams->table);
}

void init_streams_fini(struct init_streams *streams)
{
    init_table_fini(&streams->table);
}

/* --- attachments --- */

static struct init_attachment *find_attachment(struct init_streams *s, uint32_t number)
{
    for (size_t i = 0; i < INIT_ATTACHMENTS_MAX; i++) {
        if (s->attachment[i].number == number)
            return &s->attachment[i];
    }
    return NULL;
}

/* Counts the attachments of each process, and finds the fastest one's position. */
static void count_attached(struct init_streams *s)
{
    for (size_t i = 0; i < s->table.count; i++)
        s->table.child[i]->attached = 0;
    for (size_t i = 0; i < INIT_ATTACHMENTS_MAX; i++) {
        const struct init_attachment *a = &s->attachment[i];
        struct init_child *child = a->number ? init_table_find(&s->table, a->process) : NULL;
        if (!child)
            continue;
        child->awaits_reader = false;
        if (!child->attached++ || a->position > child->pace)
            child->pace = a->position;
    }
}

static void detach(struct init_streams *s, struct init_attachment *a, enum init_detach_reason reason)
{
    struct init_detached detached = {.reason = reason, .position = a->position};
    if (init_link_send(s->link, INIT_DETACHED, a->number, &detached, sizeof detached))
        a->number = 0;
}

static struct init_attached attach(struct init_streams *s, uint32_t number, const struct init_attach *asked)
{
    const struct init_child *child = init_table_find(&s->table, asked->process);
    struct init_attachment *free = find_attachment(s, 0);
    struct init_attached answer = {.status = INIT_ATTACH_DONE, .from = asked->from};
    if (!child) {
        answer.status = INIT_ATTACH_NO_PROCESS;
        return answer;
    }
    answer.oldest = child->ring.oldest;
    if (asked->from == INIT_FROM_OLDEST)
        answer.from = child->ring.oldest;
    else if (asked->from == INIT_FROM_END)
        answer.from = child->ring.end;
    if (answer.from < child->ring.oldest)
        answer.status = INIT_ATTACH_GONE;
    else if (answer.from > child->ring.end)
        answer.status = INIT_ATTACH_AHEAD;
    else if (!free)
        answer.status = INIT_ATTACH_FULL;
    else
        *free = (struct init_attachment){number, asked->process, answer.from, asked->credit};
    return answer;
}

static bool on_attach(struct init_streams *s, const struct init_frame *frame)
{
    struct init_attach asked;
    memcpy(&asked, frame->payload, sizeof asked);
    if (!frame->stream || find_attachment(s, frame->stream) || asked.credit > INIT_CREDIT_MAX)
        return false;
    struct init_attached answer = attach(s, frame->stream, &asked);
    count_attached(s);
    return init_link_send(s->link, INIT_ATTACHED, frame->stream, &answer, sizeof answer);
}

/* Its DETACHED may already be on its way: then there is nothing to answer. */
static bool on_detach(struct init_streams *s, const struct init_frame *frame)
{
    struct init_attachment *a = frame->stream ? find_attachment(s, frame->stream) : NULL;
    if (a)
        detach(s, a, INIT_DETACH_ASKED);
    count_attached(s);
    return frame->stream != 0;
}

static bool on_credit(struct init_streams *s, const struct init_frame *frame)
{
    uint32_t more;
    memcpy(&more, frame->payload, sizeof more);
    struct init_attachment *a = frame->stream ? find_attachment(s, frame->stream) : NULL;
    if (!a)
        return frame->stream != 0;
    a->credit += more;
    return a->credit <= INIT_CREDIT_MAX;
}

/* --- processes --- */

static void refuse(struct init_streams *s, const struct init_frame *frame, const struct init_spawn *spawn,
                   int error)
{
    uint8_t payload[sizeof(struct init_process)];
    struct init_process told = {.state = INIT_REFUSED, .exit = {INIT_EXIT_NOT_STARTED, error}};
    memcpy(told.token, spawn->token, sizeof told.token);
    size_t len = init_process_pack(payload, sizeof payload, &told, NULL);
    init_link_send(s->link, INIT_PROCESS, frame->stream, payload, len);
}

/* Returns errno, or 0. */
static int start(struct init_streams *s, uint32_t number, const struct init_spawn *spawn, uint64_t now_ms)
{
    if (!init_table_has_room(&s->table))
        return EAGAIN;
    struct init_child *child = init_child_start(number, spawn, now_ms);
    if (!child)
        return errno ? errno : EAGAIN;
    if (!init_table_add(&s->table, child)) {
        init_tree_kill_start(&child->kill, now_ms);
        init_tree_kill_pass(&child->kill, number, child->pid, now_ms);
        init_child_free(child);
        return ENOMEM;
    }
    s->next_number = number + 1;
    return 0;
}

/* Starts a process once per number and token. */
static bool on_spawn(struct init_streams *s, const struct init_frame *frame, int refused, uint64_t now_ms)
{
    struct init_spawn spawn;
    if (frame->stream <= INIT_MAIN || frame->stream == UINT32_MAX ||
        !init_spawn_get(frame->payload, frame->len, &spawn))
        return false;
    struct init_child *known = init_table_find(&s->table, frame->stream);
    if (known && !memcmp(known->told.token, spawn.token, sizeof spawn.token)) {
        known->dirty = true;
        return true;
    }
    if (known || frame->stream < s->next_number)
        refused = EEXIST;
    if (!refused)
        refused = start(s, frame->stream, &spawn, now_ms);
    if (refused)
        refuse(s, frame, &spawn, refused);
    return true;
}

static bool on_stdin(struct init_child *child, const struct init_frame *frame)
{
    if (frame->len > child->in_given)
        return false;
    if (frame->len)
        init_child_put_in(child, frame->payload, frame->len);
    else
        init_child_end_in(child);
    return true;
}

static bool on_signal(struct init_child *child, const struct init_frame *frame)
{
    struct init_signal signal;
    memcpy(&signal, frame->payload, sizeof signal);
    if (signal.signo < 1 || signal.signo > 64 || signal.everything)
        return false;
    init_child_signal(child, signal.signo);
    return true;
}

static bool on_resize(struct init_child *child, const struct init_frame *frame)
{
    struct init_size size;
    memcpy(&size, frame->payload, sizeof size);
    init_child_resize(child, &size);
    return true;
}

/* A frame for one process. A process that was forgotten meanwhile is no error of the agent. */
static bool on_process_frame(struct init_streams *s, const struct init_frame *frame, uint64_t now_ms)
{
    struct init_child *child = init_table_find(&s->table, frame->stream);
    if (frame->stream <= INIT_MAIN)
        return false;
    if (!child)
        return true;
    switch (frame->type) {
    case INIT_STDIN:
        return on_stdin(child, frame);
    case INIT_SIGNAL:
        return on_signal(child, frame);
    case INIT_RESIZE:
        return on_resize(child, frame);
    default:
        child->told.flags |= child->pid ? INIT_PROCESS_KILLED : 0;
        child->awaits_reader = child->holds = false;
        init_tree_kill_start(&child->kill, now_ms);
        return true;
    }
}

static bool on_bounds(struct init_streams *s, const struct init_frame *frame)
{
    uint64_t bytes;
    memcpy(&bytes, frame->payload, sizeof bytes);
    count_attached(s);
    init_table_bound(&s->table, bytes);
    return true;
}

bool init_streams_serves(const struct init_frame *frame)
{
    switch (frame->type) {
    case INIT_SIGNAL:
        return frame->stream != INIT_MAIN;
    case INIT_SPAWN:
    case INIT_STDIN:
    case INIT_RESIZE:
    case INIT_KILL:
    case INIT_ATTACH:
    case INIT_DETACH:
    case INIT_CREDIT:
    case INIT_BOUNDS:
        return true;
    default:
        return false;
    }
}

bool init_streams_frame(struct init_streams *s, const struct init_frame *frame, int refused, uint64_t now_ms)
{
    switch (frame->type) {
    case INIT_SPAWN:
        return on_spawn(s, frame, refused, now_ms);
    case INIT_ATTACH:
        return on_attach(s, frame);
    case INIT_DETACH:
        return on_detach(s, frame);
    case INIT_CREDIT:
        return on_credit(s, frame);
    case INIT_BOUNDS:
        return on_bounds(s, frame);
    default:
        return on_process_frame(s, frame, now_ms);
    }
}

/* A new link: the agent does not know the processes, or their state, yet. */
void init_streams_linked(struct init_streams *s)
{
    s->listing = true;
    for (size_t i = 0; i < s->table.count; i++) {
        struct init_child *child = s->table.child[i];
        child->dirty = true;
        child->in_given = init_child_window(child) - (uint32_t)(child->in_len - child->in_at);
    }
}

void init_streams_unlinked(struct init_streams *s)
{
    memset(s->attachment, 0, sizeof s->attachment);
    s->listing = false;
    count_attached(s);
}

/* --- output and time --- */

/*
 * How much of the ring may hold what its fastest reader has not had. Of a process that holds, the other half
 * is what that reader had last: it may have been lost on the way to a client, which comes back for it.
 */
static size_t room_ahead(const struct init_child *child)
{
    return child->holds ? child->ring.room / 2 : child->ring.room;
}

/* How many bytes may be read of it now. */
static size_t room_of(struct init_streams *s, struct init_child *child, int out)
{
    if (child->is_over || (!child->attached && !child->awaits_reader && !child->holds))
        return INIT_DATA_MAX;
    uint64_t unread = child->ring.end - child->pace; /* of a helper that waits it is 0 */
    if (unread >= room_ahead(child))
        init_table_grow(&s->table, child,
                        init_child_pending(child, out) + (child->holds ? child->ring.room : 0));
    return unread < room_ahead(child) ? (size_t)(room_ahead(child) - unread) : 0;
}

static void add_poll(struct init_streams *s, struct pollfd *fds, const struct init_child *child,
                     uint32_t what, int fd, short events)
{
    s->polls[s->polled].number = child->number;
    s->polls[s->polled].what = what;
    fds[s->polled++] = (struct pollfd){.fd = fd, .events = events};
}

static void poll_child(struct init_streams *s, struct pollfd *fds, struct init_child *child)
{
    for (int i = 0; i < INIT_CHILD_OUTS; i++) {
        if (child->out_fd[i] >= 0 && room_of(s, child, i))
            add_poll(s, fds, child, (uint32_t)i, child->out_fd[i], POLLIN);
    }
    if (child->in)
        add_poll(s, fds, child, INPUT, child->in_fd, POLLOUT);
    if (child->error_fd >= 0)
        add_poll(s, fds, child, PROGRAM, child->error_fd, POLLIN);
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
    return b && (!a || b < a) ? b : a;
}

/* Whether it has printed more than the agent knows of. What a helper prints is nobody's to know. */
static bool is_unreported(const struct init_child *child)
{
    return !child->dirty && child->told.state == INIT_RUNNING && !(child->told.flags & INIT_PROCESS_FILE) &&
           child->ring.end != child->told.end;
}

/* The next time at which it needs a tick; 0: none. */
static uint64_t due_ms(const struct init_child *child, uint64_t now_ms)
{
    uint64_t due = child->kill.active ? child->kill.next_at_ms : 0;
    if (is_unreported(child))
        due = earlier(due, child->report_ms);
    if (child->is_over)
        return due;
    if (child->pid)
        return child->kill.active ? due : earlier(due, child->deadline_ms);
    return now_ms < child->linger_ms ? earlier(due, child->linger_ms) : due;
}

size_t init_streams_poll(struct init_streams *s, struct pollfd *fds, uint64_t now_ms, int *wait_ms)
{
    uint64_t due = 0;
    s->polled = 0;
    count_attached(s);
    for (size_t i = 0; i < s->table.count; i++) {
        poll_child(s, fds, s->table.child[i]);
        due = earlier(due, due_ms(s->table.child[i], now_ms));
    }
    *wait_ms = !due ? -1 : due <= now_ms ? 0 : due - now_ms < 60000 ? (int)(due - now_ms) : 60000;
    return s->polled;
}

static void read_out(struct init_streams *s, struct init_child *child, int out)
{
    if (!child->is_over)
        init_table_grow(&s->table, child, init_child_pending(child, out));
    size_t room = room_of(s, child, out);
    if (room)
        init_child_read_out(child, out, room);
}

static void tell_credit(struct init_streams *s, struct init_child *child)
{
    uint32_t more = init_child_credit(child);
    if (more && init_link_room(s->link, INIT_LINK_REPLY_ROOM) > sizeof more &&
        init_link_send(s->link, INIT_CREDIT, child->number, &more, sizeof more))
        child->in_given += more;
}

void init_streams_move(struct init_streams *s, const struct pollfd *fds)
{
    for (size_t i = 0; i < s->polled; i++) {
        struct init_child *child = fds[i].revents ? init_table_find(&s->table, s->polls[i].number) : NULL;
        if (!child)
            continue;
        if (s->polls[i].what == INPUT)
            init_child_move_in(child);
        else if (s->polls[i].what == PROGRAM)
            init_child_read_error(child);
        else
            read_out(s, child, (int)s->polls[i].what);
    }
}

void init_streams_reaped(struct init_streams *s, pid_t pid, int status, uint64_t now_ms)
{
    struct init_child *child = init_table_find_pid(&s->table, pid);
    if (child)
        init_child_reaped(child, status, now_ms);
}

/* Whether each output is closed, or what was in it at the end was read and the linger time is over. */
static bool is_taken(const struct init_child *child, uint64_t now_ms)
{
    for (int i = 0; i < INIT_CHILD_OUTS; i++) {
        if (child->out_fd[i] >= 0 && (child->due[i] || now_ms < child->linger_ms))
            return false;
    }
    return true;
}

static void tick_child(struct init_streams *s, struct init_child *child, uint64_t now_ms)
{
    bool is_late = child->deadline_ms && now_ms >= child->deadline_ms;
    if (is_late)
        child->awaits_reader = child->holds = false;
    if (is_late && child->pid && !child->kill.active) {
        child->told.flags |= INIT_PROCESS_TIMED_OUT | INIT_PROCESS_KILLED;
        init_tree_kill_start(&child->kill, now_ms);
    }
    if (is_unreported(child) && now_ms >= child->report_ms) {
        child->dirty = true;
        child->report_ms = now_ms + INIT_REPORT_MS;
    }
    init_tree_kill_pass(&child->kill, child->number, child->pid, now_ms);
    bool waits = child->kill.active && now_ms - child->kill.began_at_ms < KILL_WAIT_MS;
    if (child->is_over || child->pid || waits || !is_taken(child, now_ms))
        return;
    init_child_over(child);
    init_table_over(&s->table, child);
}

void init_streams_tick(struct init_streams *s, uint64_t now_ms)
{
    for (size_t i = 0; i < s->table.count; i++)
        tick_child(s, s->table.child[i], now_ms);
    init_table_trim(&s->table);
}

/* --- sending --- */

/* Sends its state. False: the link has no room now. */
static bool tell(struct init_streams *s, struct init_child *child)
{
    uint8_t payload[sizeof(struct init_process) + INIT_NOTE_MAX];
    child->told.oldest = child->ring.oldest;
    child->told.end = child->ring.end;
    child->told.stdin_credit = child->in_given;
    size_t len = init_process_pack(payload, sizeof payload, &child->told, child->note);
    if (init_link_room(s->link, INIT_LINK_REPLY_ROOM) < len ||
        !init_link_send(s->link, INIT_PROCESS, child->number, payload, len))
        return false;
    child->dirty = false;
    return true;
}

static bool tell_all(struct init_streams *s)
{
    for (size_t i = 0; i < s->table.count; i++) {
        if (s->table.child[i]->dirty && !tell(s, s->table.child[i]))
            return false;
    }
    if (s->listing)
        s->listing = !init_link_send(s->link, INIT_LISTED, 0, NULL, 0);
    return !s->listing;
}

/* Whether the attachment gets nothing more, and why. */
static bool has_ended(const struct init_attachment *a, const struct init_child *child,
                      enum init_detach_reason *reason)
{
    *reason = child && a->position >= child->ring.oldest ? INIT_DETACH_ENDED : INIT_DETACH_BEHIND;
    return *reason == INIT_DETACH_BEHIND || (child->is_over && a->position == child->ring.end);
}

/* Sends one frame of one attachment, or its end. True if something was sent. */
static bool serve(struct init_streams *s, struct init_attachment *a)
{
    uint8_t bytes[INIT_DATA_SENT];
    bool is_stderr;
    enum init_detach_reason reason;
    struct init_child *child = init_table_find(&s->table, a->process);
    size_t cap = init_link_room(s->link, INIT_LINK_RESERVE / 2);
    if (has_ended(a, child, &reason)) {
        detach(s, a, reason);
        return !a->number;
    }
    if (cap > sizeof bytes)
        cap = sizeof bytes;
    if (cap > a->credit)
        cap = (size_t)a->credit;
    size_t len = init_ring_get(&child->ring, a->position, bytes, cap, &is_stderr);
    if (!len || !init_link_send(s->link, is_stderr ? INIT_STDERR : INIT_STDOUT, a->number, bytes, len))
        return false;
    a->position += len;
    a->credit -= len;
    if (a->position > child->pace)
        child->pace = a->position;
    return true;
}

/* In turn, so that an attachment with much to read does not delay the others. */
static bool serve_round(struct init_streams *s)
{
    bool said = false;
    size_t first = s->first_served;
    for (size_t i = 0; i < INIT_ATTACHMENTS_MAX; i++) {
        size_t at = (first + i) % INIT_ATTACHMENTS_MAX;
        if (!s->attachment[at].number || !serve(s, &s->attachment[at]))
            continue;
        said = true;
        s->first_served = at + 1;
    }
    return said;
}

bool init_streams_send(struct init_streams *s)
{
    size_t before = s->link->out_len;
    if (s->link->fd < 0 || !tell_all(s))
        return s->link->out_len > before;
    for (size_t i = 0; i < s->table.count; i++)
        tell_credit(s, s->table.child[i]);
    while (serve_round(s))
        ;
    return s->link->out_len > before;
}
