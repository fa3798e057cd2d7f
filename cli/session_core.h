/* The state of a session, and what its files share; private to session.c and session_input.c. */
#ifndef CORRAL_CLI_SESSION_CORE_H
#define CORRAL_CLI_SESSION_CORE_H

#include "cli/escape.h"
#include "cli/outflow.h"
#include "cli/sent_input.h"
#include "cli/session.h"
#include "cli/ws_client.h"

struct session {
    struct cli *cli;
    const struct session_spec *spec;
    struct session_result result;
    struct outflow out, err;

    struct ws_client *ws; /* NULL: lost, or not there yet */
    uint64_t position;    /* of the next byte of output */
    uint64_t heard_ms;
    bool size_due;

    uint64_t give_up_ms, again_ms; /* while the connection is lost */
    uint32_t pause_ms;
    bool from_oldest;

    bool told_lost; /* the user, that it is */

    int in_fd; /* negative: is not read, or has ended */
    bool in_is_own;
    bool input_ended, told_end; /* it has; the server knows on this connection */
    struct escape escape;
    uint8_t input[SESSION_INPUT_ROOM];
    size_t input_len;
    struct sent_input sent; /* of an exact one */
};

/* A line of our own among the output. Where the terminal takes nothing, it is not said. */
void PRINTF_LIKE(1, 2) session_say(const char *format, ...);

bool session_is_live(const struct session *s);

/* Ends it so, if it is live. */
void session_end_as(struct session *s, enum session_end how, int code);

/* Sets raw mode, if keys are what is sent. */
void session_begin_raw(const struct session *s);

/* Stops this program until it is continued, with the terminal as it was before. */
void session_stop(struct session *s);

#endif
