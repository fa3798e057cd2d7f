/*
 * What an error of PostgreSQL means: its SQLSTATE
 * (https://www.postgresql.org/docs/15/errcodes-appendix.html), or the beginning of one, with what a client is
 * told and what becomes of the request and of its session. One table; pure.
 */
#ifndef CORRAL_CONTROLLER_DB_SQLSTATE_H
#define CORRAL_CONTROLLER_DB_SQLSTATE_H

enum db_action {
    DB_TELL,  /* it is the statement's own affair: its caller is told */
    DB_AGAIN, /* it was rolled back, or never began, for certain: sent once more before its caller is told */
    DB_RENEW, /* the session is of no use any more: made again. Its caller is told */
    DB_OVER,  /* both: the server ended the session before it carried the request out */
    DB_READ_ONLY, /* the session takes no writes: made again, and none are sent until one goes well */
    DB_FULL       /* the server has no room for writes: none are sent until one goes well */
};

struct db_sqlstate {
    const char *state;
    int code; /* an error of common/base/err.h */
    enum db_action action;
    const char *sentence; /* for a client: shows no SQL */
};

/* The first row that state begins with; never NULL. */
const struct db_sqlstate *db_sqlstate_find(const char *state);

#endif
