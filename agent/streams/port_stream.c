#include "agent/streams/port_stream.h"

#include "common/base/mem.h"
#include "common/io/pki.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void port_stream_begin(struct process_stream *s, const struct stream_port *port)
{
    struct initlink *init = s->runtime->init;
    char number[8], wait_ms[16];
    struct err e;
    if (!(initlink_features(init) & INIT_FEATURE_PORTS)) {
        (void)err_set(&e, ERR_INIT_TOO_OLD, "the sandbox was started by an init that cannot do this yet");
        process_core_fail(s, &e);
        return;
    }
    struct init_spawn *spawn = mem_zalloc(sizeof *spawn);
    snprintf(number, sizeof number, "%u", port->port);
    snprintf(wait_ms, sizeof wait_ms, "%u", port->wait_ms);
    pki_random(spawn->token, sizeof spawn->token);
    spawn->flags = INIT_PROCESS_FILE | INIT_PROCESS_EXEC | INIT_PROCESS_STDIN;
    spawn->start.cwd = "";
    spawn->start.argc = 3;
    spawn->start.argv[0] = INIT_PORT_HELPER;
    spawn->start.argv[1] = number;
    spawn->start.argv[2] = wait_ms;
    s->attaches = s->exec = true;
    s->probes = port->probe;
    process_core_spawn(s, spawn);
    free(spawn);
}

static int explain(uint32_t error, struct err *e)
{
    if (error == ECONNREFUSED)
        return err_set(e, ERR_PORT_REFUSED, "nothing listens on this port of the sandbox");
    if (error == ETIMEDOUT)
        return err_set(e, ERR_PORT_REFUSED, "what listens on this port of the sandbox accepts no connection");
    return err_set(e, ERR_PORT_REFUSED, "the sandbox's kernel refused the connection: %s",
                   error < 4096 ? strerror((int)error) : "an error that there is not");
}

/* The helper has said how the connection stands: freed where it does not, or where that is all that is asked.
 */
static bool take_result(struct process_stream *s)
{
    const struct stream_message message = {.kind = STREAM_PORT_STANDS};
    struct init_port_result result;
    struct err e;
    memcpy(&result, s->port_head, sizeof result);
    if (result.error) {
        (void)explain(result.error, &e);
        process_core_fail(s, &e);
        return false;
    }
    if (s->probes) {
        process_core_leave_init(s);
        process_core_finish(s, 0, "");
        return false;
    }
    process_core_say(s, &message); /* its room in the window is that of a process's final report */
    return true;
}

void port_stream_output(struct process_stream *s, const struct initlink_update *update)
{
    const uint8_t *bytes = update->bytes;
    size_t left = sizeof s->port_head - s->port_head_len;
    size_t head = left < update->len ? left : update->len;
    struct err e;
    if (update->is_stderr) {
        (void)err_set(&e, ERR_PROTOCOL, "the sandbox's helper said what it may not");
        process_core_fail(s, &e);
        return;
    }
    memcpy(s->port_head + s->port_head_len, bytes, head);
    s->port_head_len += head;
    if (head && s->port_head_len == sizeof s->port_head && !take_result(s))
        return;
    if (update->len == head)
        return;
    guard_streamed(&s->runtime->guard);
    mux_write(s->mux, STREAM_STDOUT, bytes + head, update->len - head);
}

void port_stream_end(struct process_stream *s)
{
    if (s->end.has_exit_code && !s->end.exit_code && s->port_head_len == sizeof s->port_head)
        process_core_finish(s, 0, "");
    else
        process_core_finish(s, ERR_IO, "the connection to the port broke");
}
