/*
 * What every session asks of the server when it begins. A session of a node that is gone, or of a process
 * that stands still, holds its locks until the server notices: by the kernel's word for TCP some ten seconds
 * after the last byte, which by PostgreSQL's own settings takes two hours; and by idle_ms where a session
 * that is well is never idle for so long. The same bounds as the client has (keepalives of libpq). What a
 * server, a database or a user has set for all and ours cannot do with is set as ours need it.
 */
#ifndef CORRAL_CONTROLLER_DB_SESSION_H
#define CORRAL_CONTROLLER_DB_SESSION_H

/* Where tables are, then functions (sql/README.md). What is created without a schema's name goes into the
 * first. */
#define DB_SEARCH_PATH "public,corral"

/* With two numbers: statement_timeout, idle_session_timeout (0: none), both in milliseconds. */
#define DB_SESSION_OPTIONS                                                                                   \
    "-c timezone=UTC -c tcp_keepalives_idle=5 -c tcp_keepalives_interval=2 -c tcp_keepalives_count=3"        \
    " -c tcp_user_timeout=10000 -c statement_timeout=%u -c idle_session_timeout=%u"                          \
    " -c lock_timeout=0 -c default_transaction_isolation=read\\ committed -c search_path=" DB_SEARCH_PATH
#define DB_SESSION_OPTIONS_MAX 340 /* bytes, with its numbers */

#endif
