/*
 * The meaning of an error of PostgreSQL: its SQLSTATE
 * (https://www.postgresql.org/docs/15/errcodes-appendix.html), or a prefix of one, with the answer for a
 * client and the action for the request and its session. One table; pure.
 */
#ifndef CORRAL_CONTROLLER_DB_DB_SQLSTATE_H
#define CORRAL_CONTROLLER_DB_DB_SQLSTATE_H

enum db_action {
    DB_TELL,  /* concerns only the statement: its caller is told */
    DB_AGAIN, /* the request was certainly rolled back or never began: sent again before its caller is told */
    DB_RENEW, /* the session is unusable: reconnect. The caller is told */
    DB_OVER,  /* both: the server ended the session before it carried out the request */
    DB_READ_ONLY, /* the session is read-only: reconnect, and send no writes until one succeeds */
    DB_FULL       /* the server's disk is full: send no writes until one succeeds */
};

struct db_sqlstate {
    const char *state;
    int code; /* an error of common/base/err.h */
    enum db_action action;
    const char *sentence; /* for a client: shows no SQL */
};

/* The first row whose text is a prefix of state; never NULL. */
const struct db_sqlstate *db_sqlstate_find(const char *state);

#endif
