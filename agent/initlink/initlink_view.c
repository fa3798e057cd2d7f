#include "agent/initlink/initlink_view.h"

#include "common/base/mem.h"

#include <stdlib.h>
#include <string.h>

void initlink_view_init(struct initlink_view *view)
{
    memset(view, 0, sizeof *view);
    view->next_process = INIT_MAIN + 1;
    view->next_attachment = 1;
}

static void free_process(struct initlink_process *process)
{
    free(process->note);
    free(process);
}

void initlink_view_fini(struct initlink_view *view)
{
    for (size_t i = 0; i < view->processes; i++)
        free_process(view->process[i]);
    initlink_view_init(view);
}

static size_t place_of(const struct initlink_view *view, uint32_t number)
{
    size_t i = 0;
    while (i < view->processes && view->process[i]->number != number)
        i++;
    return i;
}

struct initlink_process *initlink_view_process(const struct initlink_view *view, uint32_t number)
{
    size_t at = place_of(view, number);
    return at < view->processes ? view->process[at] : NULL;
}

struct initlink_attachment *initlink_view_attachment(struct initlink_view *view, uint32_t number)
{
    for (size_t i = 0; i < view->attachments; i++) {
        if (view->attachment[i].number == number)
            return &view->attachment[i];
    }
    return NULL;
}

static void remove_at(struct initlink_view *view, size_t at)
{
    free_process(view->process[at]);
    view->process[at] = view->process[--view->processes];
}

void initlink_view_forget_process(struct initlink_view *view, uint32_t number)
{
    size_t at = place_of(view, number);
    if (at < view->processes)
        remove_at(view, at);
}

void initlink_view_forget_attachment(struct initlink_view *view, uint32_t number)
{
    struct initlink_attachment *a = initlink_view_attachment(view, number);
    if (a)
        *a = view->attachment[--view->attachments];
}

void initlink_view_linked(struct initlink_view *view, uint32_t next_process)
{
    view->listed = false;
    if (next_process > view->next_process)
        view->next_process = next_process;
    for (size_t i = 0; i < view->processes; i++) {
        view->process[i]->listed = false;
        view->process[i]->credit = 0;
    }
}

void initlink_view_unlinked(struct initlink_view *view)
{
    view->attachments = 0;
    view->listed = false;
}

/* --- outgoing frames --- */

static struct initlink_process *add_process(struct initlink_view *view, uint32_t number)
{
    if (view->processes == INITLINK_PROCESSES_MAX)
        return NULL;
    struct initlink_process *process = mem_zalloc(sizeof *process);
    process->number = number;
    view->process[view->processes++] = process;
    return process;
}

bool initlink_view_spawn(struct initlink_view *view, uint32_t number)
{
    if (number <= INIT_MAIN || number == UINT32_MAX)
        return false;
    struct initlink_process *process = initlink_view_process(view, number);
    if (process)
        return true;
    if (!(process = add_process(view, number)))
        return false;
    process->listed = true;
    process->credit = INIT_STDIN_WINDOW;
    if (number >= view->next_process)
        view->next_process = number + 1;
    return true;
}

uint32_t initlink_view_attach(struct initlink_view *view, uint32_t process, uint64_t from, uint32_t credit)
{
    if (view->attachments == INIT_ATTACHMENTS_MAX || credit > INIT_CREDIT_MAX || process <= INIT_MAIN)
        return 0;
    uint32_t number = view->next_attachment++;
    while (!number || initlink_view_attachment(view, number))
        number = view->next_attachment++;
    view->attachment[view->attachments++] =
        (struct initlink_attachment){.number = number, .process = process, .from = from, .credit = credit};
    return number;
}

bool initlink_view_credit(struct initlink_view *view, uint32_t attachment, uint32_t more)
{
    struct initlink_attachment *a = initlink_view_attachment(view, attachment);
    if (!a || a->credit + more > INIT_CREDIT_MAX)
        return false;
    a->credit += more;
    return true;
}

/* --- incoming frames --- */

/* Whether a state may follow another: a process neither restarts nor becomes another one. */
static bool may_follow(const struct init_process *before, const struct init_process *now)
{
    return now->state >= before->state && now->end >= before->end &&
           !memcmp(before->token, now->token, sizeof now->token);
}

/* As the init does: of more than INIT_ENDED_MAX ended ones, forgets the one that ended first. */
static void trim(struct initlink_view *view)
{
    size_t oldest = view->processes, ended = 0;
    for (size_t i = 0; i < view->processes; i++) {
        uint64_t order = view->process[i]->end_order;
        ended += order > 0;
        if (order && (oldest == view->processes || order < view->process[oldest]->end_order))
            oldest = i;
    }
    if (ended > INIT_ENDED_MAX)
        remove_at(view, oldest);
}

static void take_note(struct initlink_process *process, const uint8_t *note)
{
    free(process->note);
    process->note = process->told.note_len ? mem_dup(note, process->told.note_len) : NULL;
}

static bool on_process(struct initlink_view *view, const struct init_frame *frame,
                       struct initlink_update *out)
{
    struct init_process told;
    const uint8_t *note;
    if (frame->stream <= INIT_MAIN || frame->stream >= view->next_process ||
        !init_process_get(frame->payload, frame->len, &told, &note))
        return false;
    struct initlink_process *process = initlink_view_process(view, frame->stream);
    /* The init refused a SPAWN that was repeated too late. */
    if (told.state == INIT_REFUSED && (!process || process->known))
        return process != NULL; /* else it refuses what nobody asked for */
    if (told.state == INIT_REFUSED) {
        *out = (struct initlink_update){.kind = INITLINK_PROCESS_TOLD,
                                        .process = {.number = frame->stream, .told = told}};
        out->process.told.note_len = 0;
        initlink_view_forget_process(view, frame->stream);
        return true;
    }
    if (process && process->known && !may_follow(&process->told, &told))
        return false;
    if (!process && view->listed)
        return true; /* it was already forgotten here */
    if (!process && !(process = add_process(view, frame->stream)))
        return false;
    if (!process->listed) {
        process->credit = told.stdin_credit;
        process->input_given = told.stdin_taken;
    }
    if (told.state == INIT_ENDED && !process->end_order)
        process->end_order = ++view->ends;
    process->listed = process->known = true;
    process->told = told;
    take_note(process, note);
    *out = (struct initlink_update){.kind = INITLINK_PROCESS_TOLD, .process = *process};
    if (told.state == INIT_ENDED && told.flags & INIT_PROCESS_FILE) {
        out->process.note = NULL; /* a helper's is empty */
        out->process.told.note_len = 0;
        initlink_view_forget_process(view, frame->stream);
    }
    trim(view);
    return true;
}

/* Processes that were not reported since the HELLO are gone. */
static bool on_listed(struct initlink_view *view, const struct init_frame *frame, struct initlink_update *out)
{
    if (view->listed || frame->stream)
        return false;
    view->listed = true;
    for (size_t i = view->processes; i-- > 0;) {
        if (!view->process[i]->listed)
            remove_at(view, i);
    }
    out->kind = INITLINK_LISTED;
    return true;
}

static bool on_output(struct initlink_view *view, const struct init_frame *frame, struct initlink_update *out)
{
    struct initlink_attachment *a = initlink_view_attachment(view, frame->stream);
    if (!a || !a->open || !frame->len || frame->len > INIT_DATA_MAX || frame->len > a->credit ||
        a->position > INIT_FROM_END - 1 - frame->len)
        return false;
    a->position += frame->len;
    a->credit -= frame->len;
    *out = (struct initlink_update){.kind = INITLINK_OUTPUT,
                                    .attachment = *a,
                                    .is_stderr = frame->type == INIT_STDERR,
                                    .bytes = frame->payload,
                                    .len = frame->len};
    return true;
}

static bool attached_valid(const struct initlink_attachment *a, const struct init_attached *attached)
{
    if (attached->status > INIT_ATTACH_FULL)
        return false;
    return attached->status != INIT_ATTACH_DONE || a->from >= INIT_FROM_END || attached->from == a->from;
}

static bool on_attached(struct initlink_view *view, const struct init_frame *frame,
                        struct initlink_update *out)
{
    struct initlink_attachment *a = initlink_view_attachment(view, frame->stream);
    struct init_attached attached;
    memcpy(&attached, frame->payload, sizeof attached);
    if (!a || a->open || !attached_valid(a, &attached))
        return false;
    a->open = true;
    a->position = attached.from;
    *out = (struct initlink_update){.kind = INITLINK_ATTACHED, .attachment = *a, .attached = attached};
    if (attached.status != INIT_ATTACH_DONE)
        initlink_view_forget_attachment(view, frame->stream);
    return true;
}

static bool on_detached(struct initlink_view *view, const struct init_frame *frame,
                        struct initlink_update *out)
{
    struct initlink_attachment *a = initlink_view_attachment(view, frame->stream);
    struct init_detached detached;
    memcpy(&detached, frame->payload, sizeof detached);
    if (!a || !a->open || detached.reason > INIT_DETACH_BEHIND || detached.position != a->position)
        return false;
    *out = (struct initlink_update){
        .kind = INITLINK_DETACHED, .attachment = *a, .reason = (enum init_detach_reason)detached.reason};
    initlink_view_forget_attachment(view, frame->stream);
    return true;
}

static bool on_credit(struct initlink_view *view, const struct init_frame *frame, struct initlink_update *out)
{
    uint32_t more;
    memcpy(&more, frame->payload, sizeof more);
    struct initlink_process *process = initlink_view_process(view, frame->stream);
    if (!process)
        return frame->stream > INIT_MAIN && frame->stream < view->next_process;
    if (!process->listed)
        return true; /* the PROCESS frame that is to come sets its credit */
    if (more > INIT_STDIN_WINDOW_MAX - process->credit)
        return false;
    process->credit += more;
    *out = (struct initlink_update){.kind = INITLINK_CREDIT, .process = *process};
    return true;
}

bool initlink_view_serves(enum init_type type)
{
    return type == INIT_PROCESS || type == INIT_LISTED || type == INIT_STDOUT || type == INIT_STDERR ||
           type == INIT_ATTACHED || type == INIT_DETACHED || type == INIT_CREDIT;
}

bool initlink_view_frame(struct initlink_view *view, const struct init_frame *frame,
                         struct initlink_update *out)
{
    *out = (struct initlink_update){.kind = INITLINK_NOTHING};
    switch (frame->type) {
    case INIT_PROCESS:
        return on_process(view, frame, out);
    case INIT_LISTED:
        return on_listed(view, frame, out);
    case INIT_STDOUT:
    case INIT_STDERR:
        return on_output(view, frame, out);
    case INIT_ATTACHED:
        return on_attached(view, frame, out);
    case INIT_DETACHED:
        return on_detached(view, frame, out);
    case INIT_CREDIT:
        return on_credit(view, frame, out);
    default:
        return false;
    }
}
