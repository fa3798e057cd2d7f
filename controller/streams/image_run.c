#include "controller/streams/image_run.h"

#include "common/base/mem.h"

#include <stdlib.h>
#include <string.h>

struct image_run {
    struct hub_stream *stream;
    bool flattens;
    int fault; /* its node said too much, or it may not be kept */
    uint8_t *bytes;
    size_t len, room;
    image_run_cb *cb;
    void *arg;
};

static void run_free(struct image_run *run)
{
    free(run->bytes);
    free(run);
}

static void on_output(void *arg, enum stream_channel channel, const uint8_t *bytes, size_t len)
{
    struct image_run *run = arg;
    hub_took(run->stream, len);
    if (run->fault)
        return;
    if (channel != STREAM_STDOUT || len > IMAGE_FLAT_MAX - run->len) {
        run->fault = ERR_PROTOCOL;
        return;
    }
    if (run->len + len > run->room) {
        size_t room = 2 * (run->len + len);
        if (!hub_hold(run->stream, room - run->room)) {
            run->fault = ERR_TOO_MANY_STREAMS;
            return;
        }
        run->room = room;
        run->bytes = mem_grow(run->bytes, room, 1);
    }
    memcpy(run->bytes + run->len, bytes, len);
    run->len += len;
}

static void tell_report(struct image_run *run)
{
    struct image_report report;
    struct err e;
    int rc = image_report_unpack(run->bytes, run->len, &report, &e);
    run->cb(run->arg, rc, rc ? e.text : "", rc ? NULL : &report, NULL);
    image_report_fini(&report);
}

static void tell_flat(struct image_run *run)
{
    struct image_flat flat;
    struct err e;
    int rc = image_flat_unpack(run->bytes, run->len, &flat, &e);
    run->cb(run->arg, rc, rc ? e.text : "", NULL, rc ? NULL : &flat);
    image_flat_fini(&flat);
}

static void on_closed(void *arg, int code, const char *text)
{
    struct image_run *run = arg;
    if (code)
        run->cb(run->arg, code, text, NULL, NULL);
    else if (run->fault)
        run->cb(run->arg, run->fault,
                run->fault == ERR_PROTOCOL ? "its node said what does not belong there"
                                           : "the streams of this key hold as much memory as they may",
                NULL, NULL);
    else if (run->flattens)
        tell_flat(run);
    else
        tell_report(run);
    run_free(run);
}

int image_run_start(struct image_run **out, struct stream_hub *hub, const char *node,
                    const struct caller *caller, const struct stream_image *image, image_run_cb *cb,
                    void *arg, struct err *e)
{
    static const struct hub_stream_ops ops = {.on_output = on_output, .on_closed = on_closed};
    const struct stream_open open = {.op = STREAM_IMAGE, .image = *image};
    struct image_run *run = mem_zalloc(sizeof *run);
    *run = (struct image_run){.flattens = image->flattens, .cb = cb, .arg = arg};
    int rc = hub_stream_open(hub, node, caller, &open, &ops, run, &run->stream, e);
    if (rc)
        run_free(run);
    else
        *out = run;
    return rc;
}

void image_run_cancel(struct image_run *run)
{
    hub_stream_end(run->stream);
    run_free(run);
}
