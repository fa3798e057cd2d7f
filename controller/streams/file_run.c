#include "controller/streams/file_run.h"

#include "common/base/mem.h"

#include <stdlib.h>

#define PATIENCE_MS 60000

struct file_run {
    struct hub_stream *stream;
    enum stream_file_verb verb;
    enum stream_file_range range; /* that was asked for */
    bool told;                    /* the result has come */
    struct stream_file_result result;
    uint64_t left; /* bytes to come, if result.has_length */
    bool input_ends, input_ended;
    struct timer patience; /* past its timeout, which its init keeps */
    const struct file_run_ops *ops;
    void *arg;
};

static void run_free(struct file_run *run)
{
    timer_stop(&run->patience);
    free(run);
}

static void end(struct file_run *run, int code, const char *text)
{
    const struct file_run_ops *ops = run->ops;
    void *arg = run->arg;
    run_free(run);
    ops->on_end(arg, code, text);
}

/* The node says what it may not. */
static void give_up(struct file_run *run)
{
    hub_stream_end(run->stream);
    end(run, ERR_PROTOCOL, "its node said what does not belong there");
}

static bool has_output(const struct file_run *run)
{
    return run->verb == STREAM_FILE_READ || run->verb == STREAM_FILE_PACK || run->verb == STREAM_FILE_WATCH;
}

static bool has_input(const struct file_run *run)
{
    return run->verb == STREAM_FILE_WRITE || run->verb == STREAM_FILE_UNPACK;
}

static void on_output(void *arg, enum stream_channel channel, const uint8_t *bytes, size_t len)
{
    struct file_run *run = arg;
    if (channel != STREAM_STDOUT || !run->told || !has_output(run) || run->result.out_of_range ||
        (run->result.has_length && len > run->left)) {
        give_up(run);
        return;
    }
    run->left -= run->result.has_length ? len : 0;
    run->ops->on_bytes(run->arg, bytes, len);
}

/* Of a read: all of the file, or the part that was asked for, which is not empty unless the file is. */
static bool fits_range(const struct file_run *run, const struct stream_file_result *r)
{
    if (r->type == FILE_TYPE_DIRECTORY)
        return !r->has_length;
    if (!r->has_size || !r->has_length)
        return !r->has_size && !r->has_length && !r->offset;
    return r->size <= INT64_MAX && (r->length == r->size || (run->range != STREAM_RANGE_ALL && r->length));
}

static bool may_tell(const struct file_run *run, const struct stream_message *message)
{
    const struct stream_file_result *r = &message->file;
    if (message->kind != STREAM_FILE_TOLD || run->told)
        return false;
    if (r->out_of_range)
        return run->verb == STREAM_FILE_READ && run->range != STREAM_RANGE_ALL && r->has_size &&
               r->size <= INT64_MAX;
    if (has_input(run) && !run->input_ended)
        return false; /* of what was not there yet */
    if (run->verb == STREAM_FILE_REMOVE || run->verb == STREAM_FILE_MOVE)
        return true;
    if (run->verb == STREAM_FILE_READ && !fits_range(run, r))
        return false;
    if ((run->verb == STREAM_FILE_PACK || run->verb == STREAM_FILE_WATCH) &&
        (r->has_size || r->has_length || r->offset))
        return false;
    return r->type == FILE_TYPE_FILE || r->type == FILE_TYPE_DIRECTORY;
}

static void on_message(void *arg, const struct stream_message *message)
{
    struct file_run *run = arg;
    if (!may_tell(run, message)) {
        give_up(run);
        return;
    }
    run->told = true;
    run->result = message->file;
    run->left = message->file.has_length ? message->file.length : 0;
    run->ops->on_result(run->arg, &run->result);
}

static void say_end(struct file_run *run)
{
    const struct stream_message message = {.kind = STREAM_INPUT_END};
    if (run->input_ends && !run->input_ended)
        run->input_ended = hub_say(run->stream, &message);
}

static void on_room(void *arg)
{
    struct file_run *run = arg;
    if (run->input_ends)
        say_end(run);
    else if (run->ops->on_room)
        run->ops->on_room(run->arg);
}

static void on_closed(void *arg, int code, const char *text)
{
    struct file_run *run = arg;
    bool whole = run->told && !run->result.out_of_range && (!run->result.has_length || !run->left);
    if (!code && !whole)
        end(run, ERR_PROTOCOL, "its node told no end of it");
    else
        end(run, code, text);
}

/* The init, a tenant's, should have ended it long ago. */
static void on_no_end(void *arg)
{
    struct file_run *run = arg;
    hub_stream_end(run->stream);
    end(run, ERR_NODE_TIMEOUT, "the operation took longer than it may");
}

int file_run_start(struct file_run **out, struct loop *loop, struct stream_hub *hub, const char *node,
                   const struct caller *caller, struct stream_open *open, const struct file_run_ops *ops,
                   void *arg, struct err *e)
{
    static const struct hub_stream_ops stream_ops = {
        .on_output = on_output, .on_message = on_message, .on_room = on_room, .on_closed = on_closed};
    struct file_run *run = mem_zalloc(sizeof *run);
    *run = (struct file_run){.verb = open->file.verb, .range = open->file.range, .ops = ops, .arg = arg};
    open->op = STREAM_FILE;
    int rc = hub_stream_open(hub, node, caller, open, &stream_ops, run, &run->stream, e);
    if (rc) {
        run_free(run);
        return rc;
    }
    if (has_output(run) && run->verb != STREAM_FILE_WATCH)
        hub_widen(run->stream);
    timer_start(&run->patience, loop, open->file.timeout_ms + PATIENCE_MS, on_no_end, run);
    *out = run;
    return 0;
}

void file_run_took(struct file_run *run, size_t len)
{
    hub_took(run->stream, len);
}

size_t file_run_room(const struct file_run *run)
{
    return hub_room(run->stream);
}

void file_run_write(struct file_run *run, const void *bytes, size_t len)
{
    if (len)
        hub_write(run->stream, bytes, len);
}

void file_run_end_input(struct file_run *run)
{
    run->input_ends = true;
    say_end(run);
}

bool file_run_hold(struct file_run *run, size_t more)
{
    return hub_hold(run->stream, more);
}

void file_run_cancel(struct file_run *run)
{
    hub_stream_end(run->stream);
    run_free(run);
}
