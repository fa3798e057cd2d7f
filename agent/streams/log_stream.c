#include "agent/streams/log_stream.h"

#include "agent/agent_state.h"
#include "agent/core/turns.h"
#include "agent/node/logs.h"
#include "agent/sandbox/runtime.h"

#include "common/base/mem.h"
#include "proto/node_codec.h"
#include "proto/stream_codec.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define AGAIN_MS   200  /* after following ended */
#define RETRY_MS   1000 /* while Docker is away */
#define LONG_READS 6    /* that take long do not hold up others (core/turns.h) */
#define MS_NS      1000000u

struct log_stream {
    struct log_streams *all;
    struct log_stream *next, **self; /* self NULL: forgotten, and freed when the disk's thread answers */
    struct mux_stream *mux;
    struct sandbox_id id;
    char user[LOG_USER_MAX + 1];
    bool drops; /* STREAM_LOGS_DROP */
    bool follow;
    struct log_filter filter; /* of the first pass */
    struct log_place place;
    struct log_tape tape; /* what is read and not sent */
    struct turn turn;
    struct docker_log *log; /* what is read from Docker now; NULL: nothing */
    bool on_disk;           /* a disk's thread is asked */
    bool following, paused;
    bool said;   /* the first pass is over */
    bool passed; /* no pass is under way */
    bool last;   /* the sandbox had ended when the pass began */
    struct timer again;
};

struct log_streams {
    struct agent *agent;
    struct log_stream *first;
    struct turns turns;
};

static void begin_pass(void *arg);
static void next_turns(struct log_streams *all);

/* --- its end --- */

/* Frees it; where a disk's thread is asked, when that answers: until then it keeps its turn, too, so that
 * streams that come and go do not fill the threads' queue. */
static void forget(struct log_stream *s)
{
    struct log_streams *all = s->all;
    if (s->next)
        s->next->self = s->self;
    *s->self = s->next;
    s->self = NULL;
    s->mux = NULL;
    timer_stop(&s->again);
    if (s->log)
        docker_log_cancel(s->log);
    log_tape_fini(&s->tape);
    if (s->on_disk)
        return;
    turn_end(&all->turns, &s->turn);
    free(s);
    next_turns(all);
}

static void finish(struct log_stream *s, int code, const char *text)
{
    mux_close(s->mux, code ? -code : 0, text);
    forget(s);
}

static void on_closed(void *arg, int code, const char *text)
{
    forget(arg);
}

/* The controller has nothing to say on it. */
static void on_data(void *arg, unsigned channel, const uint8_t *bytes, size_t len)
{
    finish(arg, ERR_PROTOCOL, "the controller said what does not belong on a stream");
}

/* --- sending --- */

static void follow_it(struct log_stream *s);

/* Writes what the window takes. True: nothing is left. */
static bool pump(struct log_stream *s)
{
    size_t left;
    while ((left = s->tape.to - s->tape.from) > 0) {
        size_t room = mux_room(s->mux), some = left < room ? left : room;
        if (!some || mux_is_full(s->mux))
            return false;
        if (some > MUX_DATA_MAX)
            some = MUX_DATA_MAX;
        mux_write(s->mux, STREAM_STDOUT, s->tape.bytes + s->tape.from, some);
        s->tape.from += some;
    }
    if (s->tape.room > MUX_WINDOW)
        log_tape_fini(&s->tape);
    else
        s->tape.from = s->tape.to = s->tape.text = s->tape.cost = 0;
    return true;
}

/* What comes after a record or a pass, or when there is room. May end the stream. */
static void go_on(struct log_stream *s)
{
    bool all = pump(s);
    if (s->following && s->paused == all) {
        s->paused = !all;
        docker_log_pause(s->log, s->paused);
    }
    if (!all || !s->passed || s->following || timer_armed(&s->again))
        return;
    if (s->last)
        finish(s, 0, "");
    else
        follow_it(s);
}

static void on_room(void *arg)
{
    struct log_stream *s = arg;
    if (s->said)
        go_on(s);
}

/* --- a pass --- */

static bool tapes_have_room(const struct log_stream *s)
{
    size_t of_user = 0, all = 0;
    for (const struct log_stream *other = s->all->first; other; other = other->next) {
        all += other->tape.room;
        of_user += strcmp(other->user, s->user) == 0 ? other->tape.room : 0;
    }
    return of_user <= TAPES_OF_USER && all <= TAPES_MOST;
}

static bool say_state(struct log_stream *s)
{
    struct stream_message message = {.kind = STREAM_LOG, .truncated = s->tape.truncated};
    uint8_t bytes[STREAM_MESSAGE_MAX];
    size_t len = stream_message_pack(&message, bytes);
    if (len > mux_room(s->mux))
        return false;
    mux_write(s->mux, STREAM_MESSAGE, bytes, len);
    return true;
}

/* All that there is now is on the tape. */
static void pass_is_over(struct log_stream *s)
{
    log_tape_filter(&s->tape, &s->filter);
    s->filter.tail = UINT64_MAX;
    if (!s->said && !say_state(s)) {
        finish(s, ERR_PROTOCOL, "the controller gave no room on a stream");
        return;
    }
    s->said = true;
    s->passed = true;
    if (!tapes_have_room(s))
        finish(s, ERR_TOO_MANY_STREAMS, "too many logs are read at once; ask again");
    else
        go_on(s);
}

/* tape NULL: it is not there any more. */
static void take_from_disk(struct log_stream *s, const struct log_tape *tape)
{
    struct log_record record;
    if (tape)
        s->tape.truncated |= tape->truncated;
    for (size_t at = tape ? tape->from : 0; tape && at < tape->to; at += LOG_RECORD_HEAD + record.len) {
        log_record_read(tape->bytes + at, tape->to - at, &record);
        if (log_place_pass(&s->place, &record))
            log_tape_add(&s->tape, &record);
    }
    s->last = true;
    pass_is_over(s);
}

static void on_disk_read(void *arg, int code, const struct err *e, const struct log_entry *entry,
                         struct log_tape *tape)
{
    struct log_stream *s = arg;
    struct log_streams *all = s->all;
    s->on_disk = false;
    turn_end(&all->turns, &s->turn);
    if (!s->self)
        free(s);
    else if (code && !s->said)
        finish(s, code, code == ERR_LOGS_GONE ? e->text : "its logs cannot be read");
    else
        take_from_disk(s, code ? NULL : tape);
    if (code != ERR_CANCELLED)
        next_turns(all);
}

static void read_from_disk(struct log_stream *s)
{
    s->on_disk = true;
    agent_logs_read(s->all->agent, &s->id, on_disk_read, s);
}

static void on_record(void *arg, const struct log_record *record)
{
    struct log_stream *s = arg;
    if (log_place_pass(&s->place, record))
        log_tape_add(&s->tape, record);
}

static void on_docker_read(void *arg, int code, const struct err *e)
{
    struct log_stream *s = arg;
    struct log_streams *all = s->all;
    s->log = NULL;
    if (code == ERR_NOT_FOUND) {
        read_from_disk(s); /* its container is removed: by now it is there, or it is not kept */
        return;
    }
    turn_end(&all->turns, &s->turn);
    if (!code)
        pass_is_over(s);
    else if (s->said && !s->last)
        timer_start(&s->again, all->agent->loop, RETRY_MS, begin_pass, s);
    else
        finish(s, ERR_NODE_TIMEOUT, "Docker on its node does not answer");
    next_turns(all);
}

static void read_from_docker(struct log_stream *s)
{
    struct docker_log_ask ask = {.container = s->id.text,
                                 .since_ns = log_place_since_ns(&s->place),
                                 .tail = LOG_RECORDS_ENOUGH,
                                 .timeout_ms = READ_MS};
    s->log = docker_log_read(s->all->agent->docker, &ask, on_record, on_docker_read, s);
}

static void next_turns(struct log_streams *all)
{
    struct turn *turn;
    while ((turn = turns_next(&all->turns, loop_now_ms()))) {
        struct log_stream *s = CONTAINER_OF(turn, struct log_stream, turn);
        if (agent_runtime_find(all->agent, &s->id))
            read_from_docker(s);
        else
            read_from_disk(s);
    }
}

/* Whether its command may still write. */
static bool lives(const struct log_stream *s)
{
    const struct agent *agent = s->all->agent;
    const struct runtime *runtime = agent_runtime_find(s->all->agent, &s->id);
    const struct sandbox_record *record = reconciler_find(agent->reconciler, &s->id);
    return runtime && !runtime->removing && record && record->phase < PHASE_REMOVING;
}

static void begin_pass(void *arg)
{
    struct log_stream *s = arg;
    s->passed = false;
    s->last = !s->follow || !lives(s);
    log_place_again(&s->place);
    turn_ask(&s->all->turns, &s->turn, s->user);
    next_turns(s->all);
}

/* --- following --- */

static void on_followed(void *arg, const struct log_record *record)
{
    struct log_stream *s = arg;
    bool asked = s->filter.streams >> record->stream & 1 && record->at_ns >= s->filter.since_ns;
    if (!log_place_pass(&s->place, record) || !asked)
        return;
    log_tape_add(&s->tape, record);
    go_on(s);
}

static void on_follow_end(void *arg, int code, const struct err *e)
{
    struct log_stream *s = arg;
    s->log = NULL;
    s->following = s->paused = false;
    timer_start(&s->again, s->all->agent->loop, code ? RETRY_MS : AGAIN_MS, begin_pass, s);
}

static void follow_it(struct log_stream *s)
{
    struct docker_log_ask ask = {
        .container = s->id.text, .follow = true, .since_ns = log_place_since_ns(&s->place)};
    log_place_again(&s->place);
    s->following = true;
    s->log = docker_log_read(s->all->agent->docker, &ask, on_followed, on_follow_end, s);
}

/* --- the beginning --- */

static void on_dropped(void *arg, int code, const struct err *e)
{
    struct log_stream *s = arg;
    s->on_disk = false;
    if (!s->self)
        free(s);
    else
        finish(s, code ? ERR_IO : 0, code ? "the logs cannot be removed" : "");
}

static void begin_drop(struct log_stream *s)
{
    struct runtime *runtime = agent_runtime_find(s->all->agent, &s->id);
    if (runtime)
        runtime->log_dropped = true;
    s->on_disk = true;
    agent_logs_drop(s->all->agent, &s->id, on_dropped, s);
}

static void find_user(struct log_stream *s, const struct sandbox_record *record)
{
    struct sandbox_spec spec = {.user = NULL};
    struct err e;
    if (record && !sandbox_spec_unpack(record->spec, record->spec_len, &spec, &e) && spec.user)
        snprintf(s->user, sizeof s->user, "%s", spec.user);
    else
        snprintf(s->user, sizeof s->user, "%s", agent_logs_user(s->all->agent, &s->id));
    sandbox_spec_fini(&spec);
}

void log_stream_begin(struct log_streams *all, struct mux_stream *mux, const struct stream_open *open)
{
    static const struct mux_stream_ops ops = {.on_data = on_data, .on_room = on_room, .on_closed = on_closed};
    const struct stream_logs *logs = &open->logs;
    const struct sandbox_record *record = reconciler_find(all->agent->reconciler, &open->sandbox);
    struct log_stream *s = mem_zalloc(sizeof *s);
    *s = (struct log_stream){.all = all,
                             .next = all->first,
                             .self = &all->first,
                             .mux = mux,
                             .id = open->sandbox,
                             .drops = open->op == STREAM_LOGS_DROP,
                             .follow = logs->follow};
    if (s->next)
        s->next->self = &s->next;
    all->first = s;
    s->filter = (struct log_filter){.since_ns = logs->since_ms * MS_NS,
                                    .tail = logs->has_tail ? logs->tail : UINT64_MAX,
                                    .streams = (logs->no_stdout ? 0u : 1u << LOG_STDOUT) |
                                               (logs->no_stderr ? 0u : 1u << LOG_STDERR)};
    mux_serve(mux, &ops, s);
    find_user(s, record);
    if (s->drops)
        begin_drop(s);
    else if (record && !record->ran && record->phase <= PHASE_STARTING)
        finish(s, ERR_WRONG_STATE, "the sandbox has not started yet");
    else
        begin_pass(s);
}

/* --- all of them --- */

struct log_streams *log_streams_new(struct agent *agent)
{
    struct log_streams *all = mem_zalloc(sizeof *all);
    all->agent = agent;
    turns_init(&all->turns, &(struct turns_bounds){.places = READS_AT_ONCE, .long_most = LONG_READS});
    return all;
}

void log_streams_free(struct log_streams *all)
{
    if (!all)
        return;
    log_streams_cut(all);
    free(all);
}

void log_streams_go_on(struct log_streams *all)
{
    struct log_stream *s, *next;
    for (s = all->first; s; s = next) {
        next = s->next;
        on_room(s);
    }
}

void log_streams_cut(struct log_streams *all)
{
    while (all && all->first)
        forget(all->first);
}
