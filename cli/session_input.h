/* Input of a session: from standard input to the connection. Private to session.c. */
#ifndef CORRAL_CLI_SESSION_INPUT_H
#define CORRAL_CLI_SESSION_INPUT_H

#include "cli/session_core.h"

void session_input_open(struct session *s);
void session_input_close(struct session *s);

/* Whether there is room for more, and may be more. */
bool session_input_is_read(const struct session *s);

/* Reads what is there, if anything is; may end the session. */
void session_input_take(struct session *s);

/* Sends what the connection takes. */
void session_input_give(struct session *s);

#endif
