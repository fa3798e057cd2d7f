/*
 * What both daemons need around their loop: signals (SIGTERM and SIGINT stop the loop, SIGHUP reloads), a pid
 * file, and systemd's readiness protocol (sd_notify(3), one datagram, sent without libsystemd).
 */
#ifndef CORRAL_COMMON_IO_DAEMON_H
#define CORRAL_COMMON_IO_DAEMON_H

#include "common/base/err.h"
#include "common/io/loop.h"

struct daemon {
    struct loop *loop;
    const char *pid_file;
    loop_cb *on_reload;
    void *arg;
    struct signal_watch term, interrupt, hangup;
};

/* pid_file: NULL for none; borrowed. on_reload is called on the loop. ERR_IO: the file cannot be written. */
int daemon_start(struct daemon *daemon, struct loop *loop, const char *pid_file, loop_cb *on_reload,
                 void *arg, struct err *e) MUST_CHECK;

/* Stops the signals and removes the pid file. */
void daemon_stop(struct daemon *daemon);

/* Tells the service manager, if there is one: "READY=1", "RELOADING=1", "STOPPING=1". */
void daemon_notify(const char *state);

/* Raises the soft limit of open files to the hard limit. */
void daemon_raise_files(void);

/* How many files this process may have open. */
uint64_t daemon_files(void);

#endif
