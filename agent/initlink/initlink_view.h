/*
 * The agent's view of one init's processes and of its own attachments to them, built from checked frames in
 * both directions. The init is untrusted, so the view is bounded, and a false report can only be wrong about
 * the init's own sandbox. No I/O; private to initlink, with its own fuzz test.
 *
 * Memory: INITLINK_PROCESSES_MAX processes with a note each, INIT_ATTACHMENTS_MAX attachments, allocated as
 * needed. Of ended processes, those that ended first are dropped first.
 */
#ifndef CORRAL_AGENT_INITLINK_INITLINK_VIEW_H
#define CORRAL_AGENT_INITLINK_INITLINK_VIEW_H

#include "agent/init/init_process.h"

/* More than an init holds: further ones may be waiting to be refused, or have ended while no agent was
 * connected. */
#define INITLINK_PROCESSES_MAX (2 * INIT_RUNNING_MAX + INIT_ENDED_MAX)

struct initlink_process {
    uint32_t number;
    bool known;           /* the init has reported it; else its SPAWN is under way */
    bool listed;          /* reported on this link, so its credit is valid */
    uint32_t credit;      /* bytes of input that may be sent now */
    uint64_t input_given; /* bytes of input that the init has had, if the link stands */
    uint64_t end_order;
    struct init_process told;
    uint8_t *note; /* of told.note_len bytes */
};

struct initlink_attachment {
    uint32_t number, process;
    bool open;     /* the init has answered */
    uint64_t from; /* as requested */
    uint64_t position, credit;
};

struct initlink_view {
    struct initlink_process *process[INITLINK_PROCESSES_MAX];
    struct initlink_attachment attachment[INIT_ATTACHMENTS_MAX];
    size_t processes, attachments;
    uint32_t next_process, next_attachment;
    uint64_t ends;
    bool listed; /* all were reported since the last HELLO */
};

enum initlink_update_kind {
    INITLINK_NOTHING,
    INITLINK_PROCESS_TOLD, /* process: its state now; one that is REFUSED is forgotten */
    INITLINK_LISTED,
    INITLINK_OUTPUT, /* attachment, bytes; its position is the one after them */
    INITLINK_ATTACHED,
    INITLINK_DETACHED,
    INITLINK_CREDIT /* process: it accepts more input */
};

/* What a frame has changed. Pointers are valid until the next call. */
struct initlink_update {
    enum initlink_update_kind kind;
    struct initlink_process process;
    struct initlink_attachment attachment; /* its state, or its last one */
    struct init_attached attached;
    enum init_detach_reason reason;
    bool is_stderr;
    const uint8_t *bytes;
    size_t len;
};

void initlink_view_init(struct initlink_view *view);
void initlink_view_fini(struct initlink_view *view);

/* A link is connected, with an init whose lowest free number is next_process; or the link is lost, and all
 * attachments with it. */
void initlink_view_linked(struct initlink_view *view, uint32_t next_process);
void initlink_view_unlinked(struct initlink_view *view);

/* Whether this module handles frames of this type. */
bool initlink_view_serves(enum init_type type);

/* Handles a frame from the init. False: it breaks a rule, or reports something impossible. */
bool initlink_view_frame(struct initlink_view *view, const struct init_frame *frame,
                         struct initlink_update *out);

/* Borrowed until the next frame; NULL: none. */
struct initlink_process *initlink_view_process(const struct initlink_view *view, uint32_t number);
struct initlink_attachment *initlink_view_attachment(struct initlink_view *view, uint32_t number);

/* Call before sending a SPAWN: whether there is room for one more. A repeated one changes nothing. */
bool initlink_view_spawn(struct initlink_view *view, uint32_t number);

/* Call before sending an ATTACH. Returns its number; 0: too many, or too much credit. */
uint32_t initlink_view_attach(struct initlink_view *view, uint32_t process, uint64_t from, uint32_t credit);

/* Call before sending a CREDIT. False: no such attachment, or too much credit. */
bool initlink_view_credit(struct initlink_view *view, uint32_t attachment, uint32_t more);

/* The frame was not sent after all. */
void initlink_view_forget_process(struct initlink_view *view, uint32_t number);
void initlink_view_forget_attachment(struct initlink_view *view, uint32_t number);

#endif
