#include "agent/init/init_process.h"

#include <string.h>

/* The head of a SPAWN; the note follows, then the strings. */
struct spawn_head {
    uint8_t token[INIT_TOKEN_BYTES];
    uint64_t timeout_ms;
    uint32_t flags;
    uint16_t rows, columns;
    uint32_t note_len, argc, envc, zero;
};

static bool spawn_valid(const struct spawn_head *head)
{
    return !(head->flags & ~(uint32_t)INIT_PROCESS_ASKED) && head->note_len <= INIT_NOTE_MAX && !head->zero;
}

size_t init_spawn_pack(uint8_t *out, size_t cap, const struct init_spawn *spawn)
{
    struct spawn_head head = {.timeout_ms = spawn->timeout_ms,
                              .flags = spawn->flags,
                              .rows = spawn->rows,
                              .columns = spawn->columns,
                              .note_len = spawn->note_len,
                              .argc = spawn->start.argc,
                              .envc = spawn->start.envc};
    size_t at = sizeof head + spawn->note_len;
    if (!spawn_valid(&head) || cap < at)
        return 0;
    size_t len = init_strings_pack(out + at, cap - at, &spawn->start);
    memcpy(head.token, spawn->token, sizeof head.token);
    memcpy(out, &head, sizeof head);
    if (spawn->note_len)
        memcpy(out + sizeof head, spawn->note, spawn->note_len);
    return len ? at + len : 0;
}

bool init_spawn_get(const uint8_t *payload, size_t len, struct init_spawn *out)
{
    struct spawn_head head;
    if (len < sizeof head)
        return false;
    memcpy(&head, payload, sizeof head);
    if (!spawn_valid(&head) || len - sizeof head < head.note_len)
        return false;
    memcpy(out->token, head.token, sizeof head.token);
    out->timeout_ms = head.timeout_ms;
    out->flags = head.flags;
    out->rows = head.rows;
    out->columns = head.columns;
    out->note_len = head.note_len;
    out->note = payload + sizeof head;
    out->start.argc = head.argc;
    out->start.envc = head.envc;
    size_t at = sizeof head + head.note_len;
    return init_strings_get(payload + at, len - at, &out->start);
}

static bool process_valid(const struct init_process *p)
{
    if (p->state > INIT_REFUSED || p->flags & ~INIT_PROCESS_FLAGS || p->oldest > p->end ||
        p->end - p->oldest > INIT_RING_MAX || p->note_len > INIT_NOTE_MAX ||
        p->stdin_credit > INIT_STDIN_WINDOW_MAX)
        return false;
    return p->state < INIT_ENDED || init_exit_valid(&p->exit);
}

size_t init_process_pack(uint8_t *out, size_t cap, const struct init_process *process, const uint8_t *note)
{
    size_t len = sizeof *process + process->note_len;
    if (!process_valid(process) || cap < len)
        return 0;
    memcpy(out, process, sizeof *process);
    if (process->note_len)
        memcpy(out + sizeof *process, note, process->note_len);
    return len;
}

bool init_process_get(const uint8_t *payload, size_t len, struct init_process *out, const uint8_t **note)
{
    if (len < sizeof *out)
        return false;
    memcpy(out, payload, sizeof *out);
    *note = payload + sizeof *out;
    return process_valid(out) && len == sizeof *out + out->note_len;
}

_Static_assert(sizeof(struct spawn_head) == 48, "the least of a SPAWN is told in init_proto.h");
_Static_assert(sizeof(struct init_process) == 88, "the least of a PROCESS likewise");
