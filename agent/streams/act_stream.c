#include "agent/streams/act_stream.h"

bool act_stream_is(const struct process_stream *s)
{
    return s->op >= STREAM_SIGNAL && s->op <= STREAM_KILL;
}

int act_stream_check(const struct init_process *told, enum stream_op op, struct err *e)
{
    if (told->state == INIT_ENDED && op > STREAM_LIST && op != STREAM_KILL)
        return err_set(e, ERR_WRONG_STATE, "the process has ended");
    if (op == STREAM_RESIZE && !(told->flags & INIT_PROCESS_TTY))
        return err_set(e, ERR_WRONG_STATE, "the process has no terminal");
    if (op == STREAM_INPUT && !(told->flags & INIT_PROCESS_STDIN))
        return err_set(e, ERR_WRONG_STATE, "the process was started without input");
    return 0;
}

void act_stream_begin(struct process_stream *s, const struct stream_open *open, bool has_ended)
{
    struct initlink *init = s->runtime->init;
    struct err e;
    int rc = 0;
    if (open->op == STREAM_SIGNAL)
        rc = initlink_signal_process(init, s->number, open->signo, &e);
    else if (open->op == STREAM_RESIZE)
        rc = initlink_resize(init, s->number, open->rows, open->columns, &e);
    else if (open->op == STREAM_KILL && !has_ended)
        rc = initlink_kill_process(init, s->number, &e);
    if (rc)
        process_core_fail(s, &e);
    else if (open->op != STREAM_INPUT && (open->op != STREAM_KILL || has_ended))
        process_core_finish(s, 0, "");
}

void act_stream_ended(struct process_stream *s)
{
    struct err e;
    if (s->op == STREAM_KILL) {
        process_core_finish(s, 0, "");
    } else {
        (void)err_set(&e, ERR_WRONG_STATE, "the process has ended before it took all of its input");
        process_core_fail(s, &e);
    }
}

void act_stream_relinked(struct process_stream *s, const struct initlink_process *process)
{
    struct err e;
    int rc = 0;
    if (s->op == STREAM_INPUT)
        rc = err_set(&e, ERR_NODE_TIMEOUT,
                     "a part of the input may have been lost on its way to the sandbox's init");
    else if (process && process->told.state != INIT_ENDED)
        rc = initlink_kill_process(s->runtime->init, s->number, &e);
    else
        act_stream_ended(s);
    if (rc)
        process_core_fail(s, &e);
}
