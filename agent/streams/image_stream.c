#include "agent/streams/image_stream.h"

#include "agent/agent_state.h"
#include "agent/node/image_analysis.h"

#include "common/base/mem.h"

#include <stdlib.h>

struct image_stream {
    struct image_streams *all;
    struct image_stream *next;
    struct mux_stream *mux;
    struct image_caller *caller; /* NULL: the report is here */
    uint8_t *bytes;
    size_t at, len;
};

struct image_streams {
    struct agent *agent;
    struct image_stream *first;
};

static void forget(struct image_stream *s)
{
    struct image_stream **slot = &s->all->first;
    while (*slot != s)
        slot = &(*slot)->next;
    *slot = s->next;
    if (s->caller)
        image_analysis_leave(s->caller);
    free(s->bytes);
    free(s);
}

static void finish(struct image_stream *s, int code, const char *text)
{
    mux_close(s->mux, -code, text);
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

/* May end the stream. */
static void pump(struct image_stream *s)
{
    while (s->at < s->len) {
        size_t room = mux_room(s->mux), some = s->len - s->at < room ? s->len - s->at : room;
        if (!some || mux_is_full(s->mux))
            return;
        if (some > MUX_DATA_MAX)
            some = MUX_DATA_MAX;
        mux_write(s->mux, STREAM_STDOUT, s->bytes + s->at, some);
        s->at += some;
    }
    finish(s, 0, "");
}

static void on_room(void *arg)
{
    struct image_stream *s = arg;
    if (!s->caller)
        pump(s);
}

static void on_report(void *arg, int code, const struct err *e, const uint8_t *bytes, size_t len)
{
    struct image_stream *s = arg;
    s->caller = NULL;
    if (code) {
        finish(s, code, e->text);
        return;
    }
    s->bytes = mem_dup(bytes, len);
    s->len = len;
    pump(s);
}

void image_stream_begin(struct image_streams *all, struct mux_stream *mux, const struct stream_open *open)
{
    static const struct mux_stream_ops ops = {.on_data = on_data, .on_room = on_room, .on_closed = on_closed};
    struct image_stream *s = mem_zalloc(sizeof *s);
    *s = (struct image_stream){.all = all, .next = all->first, .mux = mux};
    all->first = s;
    s->caller =
        image_analysis_ask(all->agent->image_analysis, open->image.ref, open->image.flattens, on_report, s);
    mux_serve(mux, &ops, s);
}

struct image_streams *image_streams_new(struct agent *agent)
{
    struct image_streams *all = mem_zalloc(sizeof *all);
    all->agent = agent;
    return all;
}

void image_streams_free(struct image_streams *all)
{
    image_streams_cut(all);
    free(all);
}

void image_streams_go_on(struct image_streams *all)
{
    struct image_stream *s, *next;
    for (s = all->first; s; s = next) {
        next = s->next;
        on_room(s);
    }
}

void image_streams_cut(struct image_streams *all)
{
    while (all && all->first)
        forget(all->first);
}
