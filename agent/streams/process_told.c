#include "agent/streams/process_told.h"

#include "proto/stream_codec.h"

struct stream_process process_told(const struct initlink_process *process)
{
    const struct init_process *told = &process->told;
    struct stream_process p = {.pid = told->pid,
                               .tty = told->flags & INIT_PROCESS_TTY,
                               .rows = told->rows,
                               .columns = told->columns,
                               .running = told->state != INIT_ENDED,
                               .timed_out = told->flags & INIT_PROCESS_TIMED_OUT,
                               .exec = told->flags & INIT_PROCESS_EXEC,
                               .started_at_ms = told->started_at_ms,
                               .ended_at_ms = told->ended_at_ms,
                               .output_oldest = told->oldest,
                               .output_bytes = told->end};
    if (told->state == INIT_ENDED && told->exit.kind == INIT_EXIT_SIGNAL) {
        p.signo = told->exit.value;
    } else if (told->state == INIT_ENDED) {
        p.has_exit_code = true;
        p.exit_code = init_exit_status(&told->exit);
    }
    stream_note_unpack(process->note, told->note_len, &p);
    return p;
}
