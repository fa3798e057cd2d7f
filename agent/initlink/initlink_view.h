/*
 * What the agent believes of one init's processes and of its own attachments to them: made of the frames that
 * came and went, each checked first. The init is untrusted, so what it tells is bounded and can only be wrong
 * about its own sandbox. No I/O; part of initlink, and fuzzed by itself.
 *
 * Memory: INITLINK_PROCESSES_MAX processes with a note each, INIT_ATTACHMENTS_MAX attachments; less where
 * there are less. Of processes that ended the ones that ended longest ago go first.
 */
#ifndef CORRAL_AGENT_INITLINK_VIEW_H
#define CORRAL_AGENT_INITLINK_VIEW_H

#include "agent/init/init_process.h"

/* More may be under way, to be refused, and have ended before an agent came again. */
#define INITLINK_PROCESSES_MAX (2 * INIT_RUNNING_MAX + INIT_ENDED_MAX)

struct initlink_process {
    uint32_t number;
    bool known;      /* the init has told of it; else its SPAWN is under way */
    bool listed;     /* on this link: its credit counts */
    uint32_t credit; /* bytes of input that it may be sent now */
    uint64_t end_order;
    struct init_process told;
    uint8_t *note; /* of told.note_len bytes */
};

struct initlink_attachment {
    uint32_t number, process;
    bool open;     /* the init has answered */
    uint64_t from; /* as asked */
    uint64_t position, credit;
};

struct initlink_view {
    struct initlink_process *process[INITLINK_PROCESSES_MAX];
    struct initlink_attachment attachment[INIT_ATTACHMENTS_MAX];
    size_t processes, attachments;
    uint32_t next_process, next_attachment;
    uint64_t ends;
    bool listed; /* since the last HELLO all were told */
};

enum initlink_update_kind {
    INITLINK_NOTHING,
    INITLINK_PROCESS_TOLD, /* process: how it stands now; one that is REFUSED is not known any more */
    INITLINK_LISTED,
    INITLINK_OUTPUT, /* attachment, bytes; its position is that after them */
    INITLINK_ATTACHED,
    INITLINK_DETACHED,
    INITLINK_CREDIT /* process: it may be sent more input */
};

/* What a frame has changed. What it points to is valid until the next call. */
struct initlink_update {
    enum initlink_update_kind kind;
    struct initlink_process process;
    struct initlink_attachment attachment; /* as it is, or was */
    struct init_attached attached;
    enum init_detach_reason reason;
    bool is_stderr;
    const uint8_t *bytes;
    size_t len;
};

void initlink_view_init(struct initlink_view *view);
void initlink_view_fini(struct initlink_view *view);

/* A link is there, with an init whose least free number is this; or it is lost, and with it all attachments.
 */
void initlink_view_linked(struct initlink_view *view, uint32_t next_process);
void initlink_view_unlinked(struct initlink_view *view);

/* Whether these frames are served here. */
bool initlink_view_serves(enum init_type type);

/* Takes a frame of the init's. False: it breaks a rule, or tells what cannot be. */
bool initlink_view_frame(struct initlink_view *view, const struct init_frame *frame,
                         struct initlink_update *out);

/* Borrowed until the next frame; NULL: none. */
struct initlink_process *initlink_view_process(const struct initlink_view *view, uint32_t number);
struct initlink_attachment *initlink_view_attachment(struct initlink_view *view, uint32_t number);

/* A SPAWN is about to go out: whether there is room for one more. A repeated one changes nothing. */
bool initlink_view_spawn(struct initlink_view *view, uint32_t number);

/* An ATTACH is about to go out. Returns its number; 0: there are too many, or the credit is too large. */
uint32_t initlink_view_attach(struct initlink_view *view, uint32_t process, uint64_t from, uint32_t credit);

/* A CREDIT is about to go out. False: there is no such attachment, or it has too much. */
bool initlink_view_credit(struct initlink_view *view, uint32_t attachment, uint32_t more);

/* It was not sent after all. */
void initlink_view_forget_process(struct initlink_view *view, uint32_t number);
void initlink_view_forget_attachment(struct initlink_view *view, uint32_t number);

#endif
