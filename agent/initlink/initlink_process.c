#include "agent/initlink/initlink_process.h"

#include "agent/initlink/initlink_queue.h"
#include "common/base/mem.h"

#include <stdlib.h>

#define RINGS_SHARE 16 /* the rings may take this fraction of a sandbox's memory */

static int can(const struct initlink *link, struct err *e)
{
    if (!initlink_ready(link))
        return err_set(e, ERR_IO, "the sandbox's init is not linked");
    if (!(initlink_features(link) & INIT_FEATURE_PROCESSES))
        return err_set(e, ERR_INIT_TOO_OLD, "the sandbox was started by an init that cannot do this yet");
    return 0;
}

static int say(struct initlink *link, enum init_type type, uint32_t stream, const void *payload, size_t len,
               struct err *e)
{
    int error = can(link, e);
    return error ? error : initlink_queue(link, type, stream, payload, len, e);
}

bool initlink_listed(struct initlink *link)
{
    return initlink_ready(link) && initlink_view_of(link)->listed;
}

uint32_t initlink_next_process(struct initlink *link)
{
    return initlink_view_of(link)->next_process;
}

const struct initlink_process *initlink_find_process(struct initlink *link, uint32_t number)
{
    return initlink_view_process(initlink_view_of(link), number);
}

size_t initlink_processes(struct initlink *link, const struct initlink_process **out, size_t max)
{
    const struct initlink_view *view = initlink_view_of(link);
    size_t count = 0;
    for (size_t i = 0; i < view->processes && count < max; i++) {
        if (view->process[i]->known)
            out[count++] = view->process[i];
    }
    return count;
}

int initlink_spawn(struct initlink *link, uint32_t number, const struct init_spawn *spawn, struct err *e)
{
    struct initlink_view *view = initlink_view_of(link);
    bool is_new = !initlink_view_process(view, number);
    int error = can(link, e);
    if (error)
        return error;
    if (!initlink_view_spawn(view, number))
        return err_set(e, ERR_WRONG_STATE, "the sandbox has too many processes");
    uint8_t *payload = mem_zalloc(INIT_START_MAX);
    size_t len = init_spawn_pack(payload, INIT_START_MAX, spawn);
    error = len ? initlink_queue(link, INIT_SPAWN, number, payload, len, e)
                : err_set(e, ERR_TOO_LARGE, "command and environment are limited to %d bytes and %d entries",
                          INIT_START_MAX, INIT_STRINGS_MAX);
    free(payload);
    if (error && is_new)
        initlink_view_forget_process(view, number);
    return error;
}

int initlink_attach(struct initlink *link, uint32_t process, uint64_t from, uint32_t credit,
                    uint32_t *attachment, struct err *e)
{
    struct init_attach attach = {.from = from, .process = process, .credit = credit};
    struct initlink_view *view = initlink_view_of(link);
    int error = can(link, e);
    if (error)
        return error;
    uint32_t number = initlink_view_attach(view, process, from, credit);
    if (!number)
        return err_set(e, ERR_WRONG_STATE, "the sandbox has too many streams");
    error = initlink_queue(link, INIT_ATTACH, number, &attach, sizeof attach, e);
    if (error)
        initlink_view_forget_attachment(view, number);
    else
        *attachment = number;
    return error;
}

int initlink_detach(struct initlink *link, uint32_t attachment, struct err *e)
{
    return say(link, INIT_DETACH, attachment, NULL, 0, e);
}

int initlink_credit(struct initlink *link, uint32_t attachment, uint32_t more, struct err *e)
{
    struct initlink_attachment *a = initlink_view_attachment(initlink_view_of(link), attachment);
    int error = can(link, e);
    if (error)
        return error;
    if (!initlink_view_credit(initlink_view_of(link), attachment, more))
        return err_set(e, ERR_INVALID, "the stream has ended, or has too much credit");
    error = initlink_queue(link, INIT_CREDIT, attachment, &more, sizeof more, e);
    if (error)
        a->credit -= more;
    return error;
}

int initlink_stdin(struct initlink *link, uint32_t process, const uint8_t *bytes, size_t len, size_t *sent,
                   struct err *e)
{
    struct initlink_process *known = initlink_view_process(initlink_view_of(link), process);
    int error = can(link, e);
    *sent = 0;
    if (error || !known)
        return error ? error : err_set(e, ERR_NOT_FOUND, "there is no such process");
    size_t piece = len < known->credit ? len : known->credit;
    if (piece > INITLINK_INPUT_MAX)
        piece = INITLINK_INPUT_MAX;
    if (!piece)
        return 0;
    error = initlink_queue(link, INIT_STDIN, process, bytes, piece, e);
    if (error)
        return error;
    known->credit -= (uint32_t)piece;
    known->input_given += piece;
    *sent = piece;
    return 0;
}

int initlink_stdin_end(struct initlink *link, uint32_t process, struct err *e)
{
    return say(link, INIT_STDIN, process, NULL, 0, e);
}

int initlink_resize(struct initlink *link, uint32_t process, uint16_t rows, uint16_t columns, struct err *e)
{
    struct init_size size = {.rows = rows, .columns = columns};
    return say(link, INIT_RESIZE, process, &size, sizeof size, e);
}

int initlink_signal_process(struct initlink *link, uint32_t process, int signo, struct err *e)
{
    struct init_signal signal = {.signo = signo};
    return say(link, INIT_SIGNAL, process, &signal, sizeof signal, e);
}

int initlink_kill_process(struct initlink *link, uint32_t process, struct err *e)
{
    return say(link, INIT_KILL, process, NULL, 0, e);
}

int initlink_bound_output(struct initlink *link, uint64_t memory_bytes, struct err *e)
{
    uint64_t bytes = memory_bytes / RINGS_SHARE;
    return say(link, INIT_BOUNDS, 0, &bytes, sizeof bytes, e);
}
