#include "agent/streams/list_stream.h"

#include "agent/streams/process_told.h"
#include "proto/stream_codec.h"

/* The one with the lowest number above this one, which is the next that was started. */
static const struct initlink_process *next_process(struct initlink *init, uint32_t number)
{
    const struct initlink_process *all[INITLINK_PROCESSES_MAX], *next = NULL;
    size_t count = initlink_processes(init, all, INITLINK_PROCESSES_MAX);
    for (size_t i = 0; i < count; i++) {
        if (all[i]->known && !(all[i]->told.flags & INIT_PROCESS_FILE) && all[i]->number > number &&
            (!next || all[i]->number < next->number))
            next = all[i];
    }
    return next;
}

void list_stream_more(struct process_stream *s)
{
    const struct initlink_process *process;
    while (mux_room(s->mux) >= STREAM_MESSAGE_MAX) {
        process = next_process(s->runtime->init, s->listed);
        if (!process) {
            process_core_finish(s, 0, "");
            return;
        }
        struct stream_process told = process_told(process);
        s->listed = process->number;
        process_core_say_process(s, &told);
        stream_process_fini(&told);
    }
}

const struct initlink_process *list_stream_find_pid(struct initlink *init, int32_t pid)
{
    const struct initlink_process *all[INITLINK_PROCESSES_MAX], *best = NULL;
    size_t count = initlink_processes(init, all, INITLINK_PROCESSES_MAX);
    for (size_t i = 0; i < count; i++) {
        if (all[i]->told.pid != pid || all[i]->told.flags & INIT_PROCESS_FILE)
            continue;
        if (all[i]->told.state == INIT_RUNNING)
            return all[i];
        if (!best || all[i]->end_order > best->end_order)
            best = all[i];
    }
    return best;
}
