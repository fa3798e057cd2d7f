/*
 * The settings of every session. The session of a crashed machine or a stopped process holds its locks until
 * the server notices: with these TCP settings about ten seconds after the last byte (with PostgreSQL's
 * defaults, two hours); and after idle_ms for sessions that are never idle that long while healthy. The
 * client has the same bounds (libpq's keepalives). Settings that a server, database or user has changed and
 * that this program depends on are set to the values it needs.
 */
#ifndef CORRAL_CONTROLLER_DB_DB_SESSION_H
#define CORRAL_CONTROLLER_DB_DB_SESSION_H

/*
 * The schema of the tables, then that of the functions (sql/README.md). Objects created without a schema go
 * into the first.
 */
#define DB_SEARCH_PATH "public,corral"

/* With two numbers: statement_timeout, idle_session_timeout (0: none), both in milliseconds. */
#define DB_SESSION_OPTIONS                                                                                   \
    "-c timezone=UTC -c tcp_keepalives_idle=5 -c tcp_keepalives_interval=2 -c tcp_keepalives_count=3"        \
    " -c tcp_user_timeout=10000 -c statement_timeout=%u -c idle_session_timeout=%u"                          \
    " -c lock_timeout=0 -c default_transaction_isolation=read\\ committed -c search_path=" DB_SEARCH_PATH
#define DB_SESSION_OPTIONS_MAX 340 /* bytes, with its numbers */

#endif
