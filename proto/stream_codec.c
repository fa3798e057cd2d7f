#include "proto/stream_codec.h"

#include "common/base/mem.h"
#include "proto/pb.h"
#include "proto/stream.pb-c.h"
#include "proto/stream_file_codec.h"

#include <stdlib.h>
#include <string.h>

/* --- words: any bytes but NUL --- */

static ProtobufCBinaryData *words_to(struct pb_arena *arena, const struct string_list *list, size_t *count)
{
    ProtobufCBinaryData *out = pb_alloc(arena, list->count ? list->count : 1, sizeof *out);
    for (size_t i = 0; i < list->count; i++)
        out[i] = (ProtobufCBinaryData){strlen(list->item[i]), (uint8_t *)list->item[i]};
    *count = list->count;
    return out;
}

static bool words_from(struct string_list *out, const ProtobufCBinaryData *item, size_t count)
{
    if (count > STREAM_LIST_MAX)
        return false;
    for (size_t i = 0; i < count; i++) {
        if (item[i].len && memchr(item[i].data, 0, item[i].len))
            return false;
        char *text = mem_dup(item[i].len ? item[i].data : (const uint8_t *)"", item[i].len);
        string_list_add(out, text);
        free(text);
    }
    return true;
}

static size_t words_size(const struct string_list *list)
{
    size_t size = 0;
    for (size_t i = 0; i < list->count; i++)
        size += strlen(list->item[i]) + 1;
    return size;
}

/* --- what opens a stream --- */

static const char *breach(const struct stream_open *open)
{
    const struct stream_start *start = &open->start;
    if (open->op == STREAM_IMAGE)
        return open->image.ref[0] ? NULL : "ref";
    if (!open->sandbox.text[0])
        return "sandbox";
    if (open->op == STREAM_LOGS)
        return open->logs.since_ms > STREAM_SINCE_MAX ? "since" : NULL;
    if (open->op == STREAM_LOGS_DROP)
        return NULL;
    if (open->op == STREAM_PORT)
        return !open->port.port || open->port.wait_ms > STREAM_PORT_WAIT_MAX ? "port" : NULL;
    if (open->op == STREAM_SIGNAL && (open->signo < 1 || open->signo > 64))
        return "signo";
    if (open->op == STREAM_FILE)
        return stream_file_valid(&open->file) ? NULL : "file";
    if (open->op != STREAM_START)
        return open->pid < 0 || (open->op != STREAM_LIST && !open->pid) ? "pid" : NULL;
    if (!start->command.count || !start->command.item[0][0] || start->command.count > STREAM_LIST_MAX)
        return "command";
    if (start->env.count > STREAM_LIST_MAX)
        return "env";
    if (start->cwd && strlen(start->cwd) > STREAM_CWD_MAX)
        return "cwd";
    if (words_size(&start->command) + words_size(&start->env) > STREAM_WORDS_MAX)
        return "command and env";
    if (start->timeout_ms > STREAM_TIMEOUT_MAX)
        return "timeout_ms";
    if (start->grace_ms > STREAM_GRACE_MAX)
        return "grace_ms";
    return start->tty && (!start->rows || !start->columns) ? "tty" : NULL;
}

static void start_to(struct pb_arena *arena, const struct stream_start *start, Corral__ProcessStart *pb)
{
    pb->token = (ProtobufCBinaryData){sizeof start->token, (uint8_t *)(uintptr_t)start->token};
    pb->command = words_to(arena, &start->command, &pb->n_command);
    pb->env = words_to(arena, &start->env, &pb->n_env);
    if (start->cwd)
        pb->cwd = (ProtobufCBinaryData){strlen(start->cwd), (uint8_t *)start->cwd};
    pb->timeout_ms = start->timeout_ms;
    pb->has_stdin = start->has_stdin;
    pb->tty = start->tty;
    pb->rows = start->rows;
    pb->columns = start->columns;
    pb->tag = (char *)(uintptr_t)start->tag;
    pb->exec = start->exec;
    pb->attach = start->attach;
    pb->grace_ms = start->grace_ms;
    pb->hold = start->hold;
}

static void logs_to(const struct stream_logs *logs, Corral__LogsRead *pb)
{
    pb->has_tail = logs->has_tail;
    pb->tail = logs->tail;
    pb->since_ms = logs->since_ms;
    pb->follow = logs->follow;
    pb->no_stdout = logs->no_stdout;
    pb->no_stderr = logs->no_stderr;
}

static void logs_from(const Corral__LogsRead *pb, struct stream_logs *logs)
{
    *logs = (struct stream_logs){.has_tail = pb->has_tail,
                                 .tail = pb->tail,
                                 .since_ms = pb->since_ms,
                                 .follow = pb->follow,
                                 .no_stdout = pb->no_stdout,
                                 .no_stderr = pb->no_stderr};
}

static void attach_to(const struct stream_open *open, Corral__ProcessAttach *pb)
{
    pb->pid = open->pid;
    pb->from = open->from;
    pb->from_oldest = open->from_oldest;
}

static void port_to(const struct stream_port *port, Corral__PortConnect *pb)
{
    pb->port = port->port;
    pb->wait_ms = port->wait_ms;
    pb->probe = port->probe;
}

static bool port_from(const Corral__PortConnect *pb, struct stream_port *port)
{
    *port = (struct stream_port){.port = (uint16_t)pb->port, .wait_ms = pb->wait_ms, .probe = pb->probe};
    return pb->port <= UINT16_MAX;
}

static void resize_to(const struct stream_open *open, Corral__ProcessResize *pb)
{
    pb->pid = open->pid;
    pb->rows = open->rows;
    pb->columns = open->columns;
}

static void names_to(const struct stream_open *open, Corral__StreamOpen *pb)
{
    pb->sandbox_id = (char *)(uintptr_t)open->sandbox.text;
    pb->traceparent = (char *)(uintptr_t)open->trace.text;
}

static int image_pack(const struct stream_open *open, uint8_t **out, size_t *len, struct err *e)
{
    Corral__StreamOpen pb = CORRAL__STREAM_OPEN__INIT;
    Corral__ImageRead image = CORRAL__IMAGE_READ__INIT;
    names_to(open, &pb);
    image.ref = (char *)(uintptr_t)open->image.ref;
    image.flattens = open->image.flattens;
    pb.image = &image;
    pb.op_case = CORRAL__STREAM_OPEN__OP_IMAGE;
    return pb_pack(&pb.base, STREAM_OPEN_MAX, out, len, e);
}

int stream_open_pack(const struct stream_open *open, uint8_t **out, size_t *len, struct err *e)
{
    struct pb_arena arena = {0};
    Corral__StreamOpen pb = CORRAL__STREAM_OPEN__INIT;
    Corral__ProcessStart start = CORRAL__PROCESS_START__INIT;
    Corral__ProcessAttach attach = CORRAL__PROCESS_ATTACH__INIT;
    Corral__ProcessList list = CORRAL__PROCESS_LIST__INIT;
    Corral__ProcessSignal signal = CORRAL__PROCESS_SIGNAL__INIT;
    Corral__ProcessResize resize = CORRAL__PROCESS_RESIZE__INIT;
    Corral__ProcessInput input = CORRAL__PROCESS_INPUT__INIT;
    Corral__ProcessKill kill = CORRAL__PROCESS_KILL__INIT;
    Corral__FileOperation file = CORRAL__FILE_OPERATION__INIT;
    Corral__LogsRead logs = CORRAL__LOGS_READ__INIT;
    Corral__LogsDrop logs_drop = CORRAL__LOGS_DROP__INIT;
    Corral__PortConnect port = CORRAL__PORT_CONNECT__INIT;
    const char *field = breach(open);
    if (field)
        return err_set(e, ERR_INVALID, "%s: missing or too large", field);
    if (open->op == STREAM_IMAGE)
        return image_pack(open, out, len, e);
    names_to(open, &pb);
    switch (open->op) {
    case STREAM_START:
        start_to(&arena, &open->start, &start);
        pb.start = &start;
        pb.op_case = CORRAL__STREAM_OPEN__OP_START;
        break;
    case STREAM_ATTACH:
        attach_to(open, &attach);
        pb.attach = &attach;
        pb.op_case = CORRAL__STREAM_OPEN__OP_ATTACH;
        break;
    case STREAM_LIST:
        list.pid = open->pid;
        pb.list = &list;
        pb.op_case = CORRAL__STREAM_OPEN__OP_LIST;
        break;
    case STREAM_SIGNAL:
        signal.pid = open->pid;
        signal.signo = open->signo;
        pb.signal = &signal;
        pb.op_case = CORRAL__STREAM_OPEN__OP_SIGNAL;
        break;
    case STREAM_RESIZE:
        resize_to(open, &resize);
        pb.resize = &resize;
        pb.op_case = CORRAL__STREAM_OPEN__OP_RESIZE;
        break;
    case STREAM_INPUT:
        input.pid = open->pid;
        input.eof = open->eof;
        pb.input = &input;
        pb.op_case = CORRAL__STREAM_OPEN__OP_INPUT;
        break;
    case STREAM_FILE:
        stream_file_to(&open->file, &file);
        pb.file = &file;
        pb.op_case = CORRAL__STREAM_OPEN__OP_FILE;
        break;
    case STREAM_LOGS:
        logs_to(&open->logs, &logs);
        pb.logs = &logs;
        pb.op_case = CORRAL__STREAM_OPEN__OP_LOGS;
        break;
    case STREAM_LOGS_DROP:
        pb.logs_drop = &logs_drop;
        pb.op_case = CORRAL__STREAM_OPEN__OP_LOGS_DROP;
        break;
    case STREAM_PORT:
        port_to(&open->port, &port);
        pb.port = &port;
        pb.op_case = CORRAL__STREAM_OPEN__OP_PORT;
        break;
    default:
        kill.pid = open->pid;
        pb.kill = &kill;
        pb.op_case = CORRAL__STREAM_OPEN__OP_KILL;
        break;
    }
    int rc = pb_pack(&pb.base, STREAM_OPEN_MAX, out, len, e);
    pb_arena_fini(&arena);
    return rc;
}

static bool start_from(const Corral__ProcessStart *pb, struct stream_start *start)
{
    if (pb->token.len != sizeof start->token || pb->rows > UINT16_MAX || pb->columns > UINT16_MAX ||
        pb->cwd.len > STREAM_CWD_MAX || (pb->cwd.len && memchr(pb->cwd.data, 0, pb->cwd.len)))
        return false;
    memcpy(start->token, pb->token.data, sizeof start->token);
    start->cwd = pb->cwd.len ? mem_dup(pb->cwd.data, pb->cwd.len) : NULL;
    start->timeout_ms = pb->timeout_ms;
    start->has_stdin = pb->has_stdin;
    start->tty = pb->tty;
    start->rows = (uint16_t)pb->rows;
    start->columns = (uint16_t)pb->columns;
    start->exec = pb->exec;
    start->attach = pb->attach;
    start->grace_ms = pb->grace_ms;
    start->hold = pb->hold;
    return pb_text(start->tag, sizeof start->tag, pb->tag) &&
           words_from(&start->command, pb->command, pb->n_command) &&
           words_from(&start->env, pb->env, pb->n_env);
}

static bool open_from(const Corral__StreamOpen *pb, struct stream_open *open)
{
    bool of_image = pb->op_case == CORRAL__STREAM_OPEN__OP_IMAGE;
    if (!of_image && (!pb->sandbox_id || !sandbox_id_parse(pb->sandbox_id, &open->sandbox)))
        return false;
    (void)trace_parse(pb->traceparent, &open->trace); /* a bad one is none */
    switch (pb->op_case) {
    case CORRAL__STREAM_OPEN__OP_START:
        open->op = STREAM_START;
        return start_from(pb->start, &open->start);
    case CORRAL__STREAM_OPEN__OP_ATTACH:
        open->op = STREAM_ATTACH;
        open->pid = pb->attach->pid;
        open->from = pb->attach->from;
        open->from_oldest = pb->attach->from_oldest;
        return true;
    case CORRAL__STREAM_OPEN__OP_LIST:
        open->op = STREAM_LIST;
        open->pid = pb->list->pid;
        return true;
    case CORRAL__STREAM_OPEN__OP_SIGNAL:
        open->op = STREAM_SIGNAL;
        open->pid = pb->signal->pid;
        open->signo = pb->signal->signo;
        return true;
    case CORRAL__STREAM_OPEN__OP_RESIZE:
        open->op = STREAM_RESIZE;
        open->pid = pb->resize->pid;
        open->rows = (uint16_t)pb->resize->rows;
        open->columns = (uint16_t)pb->resize->columns;
        return pb->resize->rows <= UINT16_MAX && pb->resize->columns <= UINT16_MAX;
    case CORRAL__STREAM_OPEN__OP_INPUT:
        open->op = STREAM_INPUT;
        open->pid = pb->input->pid;
        open->eof = pb->input->eof;
        return true;
    case CORRAL__STREAM_OPEN__OP_KILL:
        open->op = STREAM_KILL;
        open->pid = pb->kill->pid;
        return true;
    case CORRAL__STREAM_OPEN__OP_FILE:
        open->op = STREAM_FILE;
        return stream_file_from(pb->file, &open->file);
    case CORRAL__STREAM_OPEN__OP_LOGS:
        open->op = STREAM_LOGS;
        logs_from(pb->logs, &open->logs);
        return true;
    case CORRAL__STREAM_OPEN__OP_LOGS_DROP:
        open->op = STREAM_LOGS_DROP;
        return true;
    case CORRAL__STREAM_OPEN__OP_PORT:
        open->op = STREAM_PORT;
        return port_from(pb->port, &open->port);
    case CORRAL__STREAM_OPEN__OP_IMAGE:
        open->op = STREAM_IMAGE;
        open->image.flattens = pb->image->flattens;
        return pb_text(open->image.ref, sizeof open->image.ref, pb->image->ref);
    default:
        return false;
    }
}

/* Of a controller that is newer than this agent. */
static bool is_unknown(const Corral__StreamOpen *pb)
{
    return pb->op_case == CORRAL__STREAM_OPEN__OP__NOT_SET ||
           (pb->op_case == CORRAL__STREAM_OPEN__OP_FILE && pb->file->verb >= STREAM_FILE_VERBS);
}

int stream_open_unpack(const uint8_t *bytes, size_t len, struct stream_open *open, struct err *e)
{
    ProtobufCMessage *pb = pb_unpack(&corral__stream_open__descriptor, bytes, len, STREAM_OPEN_MAX);
    memset(open, 0, sizeof *open);
    bool ok = pb && open_from((const Corral__StreamOpen *)pb, open) && !breach(open);
    bool unknown = pb && is_unknown((const Corral__StreamOpen *)pb);
    if (pb)
        protobuf_c_message_free_unpacked(pb, NULL);
    if (ok)
        return 0;
    stream_start_fini(&open->start);
    if (unknown)
        return err_set(e, ERR_NOT_IMPLEMENTED,
                       "the agent of the sandbox's node is of an earlier version, which cannot do this yet");
    return err_set(e, ERR_PROTOCOL, "what opens a stream does not parse, or breaks a bound");
}

/* --- messages --- */

#define COMMAND_MAX 900 /* bytes of a command that is told: it fits a note with a tag */

/* Words as far as they fit, the last one cut. */
static ProtobufCBinaryData *command_to(struct pb_arena *arena, const struct string_list *list, size_t *count)
{
    ProtobufCBinaryData *out = words_to(arena, list, count);
    size_t left = COMMAND_MAX;
    for (size_t i = 0; i < list->count; i++) {
        size_t cost = out[i].len + 4;
        if (cost > left) {
            out[i].len = left > 4 ? left - 4 : 0;
            *count = i + (out[i].len > 0);
            break;
        }
        left -= cost;
    }
    return out;
}

static void process_to(struct pb_arena *arena, const struct stream_process *p, Corral__Process *pb)
{
    pb->pid = p->pid;
    pb->tag = (char *)(uintptr_t)p->tag;
    pb->command = command_to(arena, &p->command, &pb->n_command);
    pb->tty = p->tty;
    pb->rows = p->rows;
    pb->columns = p->columns;
    pb->running = p->running;
    pb->has_exit_code = p->has_exit_code;
    pb->exit_code = p->exit_code;
    pb->signo = p->signo;
    pb->timed_out = p->timed_out;
    pb->exec = p->exec;
    pb->started_at_ms = p->started_at_ms;
    pb->ended_at_ms = p->ended_at_ms;
    pb->output_oldest = p->output_oldest;
    pb->output_bytes = p->output_bytes;
    pb->has_input_from = p->has_input_from;
    pb->input_from = p->input_from;
}

static bool process_from(const Corral__Process *pb, struct stream_process *p)
{
    if (pb->rows > UINT16_MAX || pb->columns > UINT16_MAX || pb->signo < 0 || pb->signo > 127 || pb->pid < 0)
        return false;
    p->pid = pb->pid;
    p->tty = pb->tty;
    p->rows = (uint16_t)pb->rows;
    p->columns = (uint16_t)pb->columns;
    p->running = pb->running;
    p->has_exit_code = pb->has_exit_code;
    p->exit_code = pb->exit_code;
    p->signo = pb->signo;
    p->timed_out = pb->timed_out;
    p->exec = pb->exec;
    p->started_at_ms = pb->started_at_ms;
    p->ended_at_ms = pb->ended_at_ms;
    p->output_oldest = pb->output_oldest;
    p->output_bytes = pb->output_bytes;
    p->has_input_from = pb->has_input_from;
    p->input_from = pb->input_from;
    return pb->n_command <= COMMAND_MAX && pb_text(p->tag, sizeof p->tag, pb->tag) &&
           words_from(&p->command, pb->command, pb->n_command);
}

size_t stream_message_pack(const struct stream_message *message, uint8_t *out)
{
    struct pb_arena arena = {0};
    Corral__StreamMessage pb = CORRAL__STREAM_MESSAGE__INIT;
    Corral__Process process = CORRAL__PROCESS__INIT;
    Corral__ProcessResize resize = CORRAL__PROCESS_RESIZE__INIT;
    Corral__ProcessSignal signal = CORRAL__PROCESS_SIGNAL__INIT;
    Corral__FileResult file = CORRAL__FILE_RESULT__INIT;
    Corral__LogState log = CORRAL__LOG_STATE__INIT;
    switch (message->kind) {
    case STREAM_PROCESS:
        process_to(&arena, &message->process, &process);
        pb.process = &process;
        pb.what_case = CORRAL__STREAM_MESSAGE__WHAT_PROCESS;
        break;
    case STREAM_INPUT_END:
        pb.input_end = true;
        pb.what_case = CORRAL__STREAM_MESSAGE__WHAT_INPUT_END;
        break;
    case STREAM_TO_SIZE:
        resize.rows = message->rows;
        resize.columns = message->columns;
        pb.resize = &resize;
        pb.what_case = CORRAL__STREAM_MESSAGE__WHAT_RESIZE;
        break;
    case STREAM_TO_SIGNAL:
        signal.signo = message->signo;
        pb.signal = &signal;
        pb.what_case = CORRAL__STREAM_MESSAGE__WHAT_SIGNAL;
        break;
    case STREAM_FILE_TOLD:
        stream_file_result_to(&message->file, &file);
        pb.file = &file;
        pb.what_case = CORRAL__STREAM_MESSAGE__WHAT_FILE;
        break;
    case STREAM_LOG:
        log.truncated = message->truncated;
        pb.log = &log;
        pb.what_case = CORRAL__STREAM_MESSAGE__WHAT_LOG;
        break;
    case STREAM_PORT_STANDS:
        pb.port_stands = true;
        pb.what_case = CORRAL__STREAM_MESSAGE__WHAT_PORT_STANDS;
        break;
    }
    size_t len = protobuf_c_message_get_packed_size(&pb.base);
    if (len <= STREAM_MESSAGE_MAX)
        protobuf_c_message_pack(&pb.base, out);
    pb_arena_fini(&arena);
    return len <= STREAM_MESSAGE_MAX ? len : 0;
}

static bool message_from(const Corral__StreamMessage *pb, struct stream_message *m)
{
    switch (pb->what_case) {
    case CORRAL__STREAM_MESSAGE__WHAT_PROCESS:
        m->kind = STREAM_PROCESS;
        return process_from(pb->process, &m->process);
    case CORRAL__STREAM_MESSAGE__WHAT_INPUT_END:
        m->kind = STREAM_INPUT_END;
        return true;
    case CORRAL__STREAM_MESSAGE__WHAT_PORT_STANDS:
        m->kind = STREAM_PORT_STANDS;
        return true;
    case CORRAL__STREAM_MESSAGE__WHAT_RESIZE:
        m->kind = STREAM_TO_SIZE;
        m->rows = (uint16_t)pb->resize->rows;
        m->columns = (uint16_t)pb->resize->columns;
        return pb->resize->rows <= UINT16_MAX && pb->resize->columns <= UINT16_MAX;
    case CORRAL__STREAM_MESSAGE__WHAT_SIGNAL:
        m->kind = STREAM_TO_SIGNAL;
        m->signo = pb->signal->signo;
        return m->signo >= 1 && m->signo <= 64;
    case CORRAL__STREAM_MESSAGE__WHAT_FILE:
        m->kind = STREAM_FILE_TOLD;
        return stream_file_result_from(pb->file, &m->file);
    case CORRAL__STREAM_MESSAGE__WHAT_LOG:
        m->kind = STREAM_LOG;
        m->truncated = pb->log->truncated;
        return true;
    default:
        return false;
    }
}

int stream_message_unpack(const uint8_t *bytes, size_t len, struct stream_message *message, struct err *e)
{
    ProtobufCMessage *pb = pb_unpack(&corral__stream_message__descriptor, bytes, len, STREAM_MESSAGE_MAX);
    memset(message, 0, sizeof *message);
    bool ok = pb && message_from((const Corral__StreamMessage *)pb, message);
    if (pb)
        protobuf_c_message_free_unpacked(pb, NULL);
    if (ok)
        return 0;
    stream_process_fini(&message->process);
    return err_set(e, ERR_PROTOCOL, "a message on a stream does not parse, or breaks a bound");
}

/* --- notes --- */

size_t stream_note_pack(const struct stream_start *start, uint8_t *out)
{
    struct pb_arena arena = {0};
    Corral__ProcessNote pb = CORRAL__PROCESS_NOTE__INIT;
    pb.tag = (char *)(uintptr_t)start->tag;
    pb.command = command_to(&arena, &start->command, &pb.n_command);
    pb.grace_ms = start->grace_ms;
    size_t len = protobuf_c_message_pack(&pb.base, out); /* COMMAND_MAX and a tag: it fits */
    pb_arena_fini(&arena);
    return len;
}

void stream_note_unpack(const uint8_t *bytes, size_t len, struct stream_process *process)
{
    ProtobufCMessage *pb = pb_unpack(&corral__process_note__descriptor, bytes, len, STREAM_NOTE_MAX);
    const Corral__ProcessNote *note = (const Corral__ProcessNote *)pb;
    if (!pb)
        return;
    if (!pb_text(process->tag, sizeof process->tag, note->tag))
        process->tag[0] = 0;
    process->grace_ms = note->grace_ms < STREAM_GRACE_MAX ? note->grace_ms : STREAM_GRACE_MAX;
    (void)words_from(&process->command, note->command, note->n_command);
    protobuf_c_message_free_unpacked(pb, NULL);
}
