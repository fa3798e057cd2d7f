#include "cli/exec.h"

#include "cli/exec_capture.h"
#include "cli/exec_request.h"
#include "cli/interrupt.h"
#include "cli/print.h"
#include "cli/raw_mode.h"
#include "cli/session.h"
#include "cli/tty_option.h"

#include "common/base/mem.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define GRACE_S 300 /* as long as a session tries to come back */

struct exec {
    struct cli *cli;
    const char *id;
    const char *query;
    json_int_t pid;
    bool has_tty;
    bool sends; /* standard input */
    int escape;
    struct exec_capture *capture; /* NULL: its output goes to the standard files */
};

/* --- what may be asked for --- */

/* A terminal may be needed by others, and is read only on request. */
static bool sends_input(const struct cli *cli)
{
    struct stat st;
    if (cli_option(cli, "interactive"))
        return true;
    return !cli_option(cli, "tty") && !fstat(STDIN_FILENO, &st) && !isatty(STDIN_FILENO);
}

int exec_check(struct cli *cli)
{
    int escape;
    if (!cli_option(cli, "tty"))
        return CLI_DONE;
    if (cli_wants_json(cli))
        return cli_usage(cli, "what a terminal shows is no JSON: leave out -t");
    if (cli_option(cli, "interactive") && !raw_mode_can())
        return tty_option_refuse("without -t, corral exec and run take input from a file or a pipe");
    return tty_option_escape(cli, &escape);
}

/* --- requests about its process --- */

static char *process_path(const struct exec *e, const char *more)
{
    char *path = NULL;
    if (asprintf(&path, "/sandbox/%s/processes/%lld%s%s", e->id, (long long)e->pid, more, e->query) < 0)
        abort();
    return path;
}

/* Only the start resumes the sandbox: who pauses it later means the command, too. */
static char *start_path(const struct exec *e)
{
    char *path = NULL;
    const char *resumes = !cli_option(e->cli, "auto-resume") ? ""
                          : e->query[0]                      ? "&auto_resume=true"
                                                             : "?auto_resume=true";
    if (asprintf(&path, "/sandbox/%s/processes%s%s", e->id, e->query, resumes) < 0)
        abort();
    return path;
}

static int start(struct exec *e, int argc, char **argv)
{
    CLEANUP(mem_free_ptr) char *path = start_path(e);
    struct cli_answer answer;
    uint16_t rows, columns;
    json_t *body = exec_request(e->cli, argc, argv);
    if (e->has_tty) {
        raw_mode_size(&rows, &columns);
        exec_request_terminal(body, rows, columns);
    } else {
        exec_request_held(body, GRACE_S, e->sends);
    }
    cli_interruptible(e->cli, !e->has_tty); /* one that is held and that nobody knows of ends by itself */
    int rc = cli_call(e->cli, "POST", path, body, &answer);
    e->pid = rc ? 0 : json_integer_value(json_object_get(answer.json, "pid"));
    cli_answer_fini(&answer);
    if (!rc && e->pid <= 0) {
        fprintf(stderr, "corral: the answer does not tell of the process\n");
        return CLI_FAILED;
    }
    return rc;
}

/* A second signal ends this, too. */
static void kill_process(const struct exec *e)
{
    struct cli_answer answer;
    CLEANUP(mem_free_ptr) char *path = process_path(e, "");
    interrupt_forget();
    cli_interruptible(e->cli, true);
    if (cli_call(e->cli, "DELETE", path, NULL, &answer))
        fprintf(stderr, "corral: process %lld was not killed, and goes on%s\n", (long long)e->pid,
                e->has_tty ? "" : " for some minutes");
    cli_answer_fini(&answer);
}

/* CLI_DONE: *process is the caller's. */
static int show_process(const struct exec *e, json_t **process)
{
    struct cli_answer answer;
    CLEANUP(mem_free_ptr) char *path = process_path(e, "");
    cli_interruptible(e->cli, true);
    int rc = cli_call(e->cli, "GET", path, NULL, &answer);
    *process = rc ? NULL : json_incref(answer.json);
    cli_answer_fini(&answer);
    return rc;
}

/* --- its end --- */

/* A process that its time limit killed ends by a signal, as others do. */
static void say_timeout(const struct exec *e)
{
    json_t *process;
    const char *timeout = cli_option(e->cli, "timeout");
    if (timeout && !show_process(e, &process)) {
        if (json_is_true(json_object_get(process, "timed_out")))
            fprintf(stderr, "corral: the command was killed after %s (--timeout)\n", timeout);
        json_decref(process);
    }
}

static int print_captured(const struct exec *e, int code)
{
    json_t *process;
    if (show_process(e, &process))
        return CLI_FAILED;
    json_t *object = exec_capture_json(e->capture, process);
    print_json(object);
    json_decref(object);
    json_decref(process);
    return code;
}

static int on_ended(const struct exec *e, int code)
{
    if (e->capture)
        return print_captured(e, code);
    if (code == CLI_SIGNALLED + SIGKILL)
        say_timeout(e);
    return code;
}

/* Where the connection failed, a terminal may be attached to again; else nobody comes for the output. */
static int on_failed(const struct exec *e, const struct session_result *session)
{
    if (e->has_tty)
        fprintf(stderr, "corral: process %lld may go on (corral ps)\n", (long long)e->pid);
    else if (session->code == CLI_UNREACHABLE)
        fprintf(stderr, "corral: process %lld may go on for some minutes (corral ps)\n", (long long)e->pid);
    else
        kill_process(e);
    return CLI_FAILED;
}

static int take_end(const struct exec *e, const struct session_result *session, struct exec_result *result)
{
    switch (session->end) {
    case SESSION_ENDED:
        return on_ended(e, session->code);
    case SESSION_LEFT:
        fprintf(stderr, "corral: process %lld goes on; corral shell --pid %lld %s attaches to it\n",
                (long long)e->pid, (long long)e->pid, e->id);
        result->left = true;
        return session->code;
    case SESSION_SIGNALLED:
        kill_process(e);
        result->signo = session->code - CLI_SIGNALLED;
        return session->code;
    case SESSION_GONE:
        return CLI_FAILED;
    default:
        return on_failed(e, session);
    }
}

/* --- the whole --- */

static void capture(void *arg, bool is_stderr, const uint8_t *bytes, size_t len)
{
    exec_capture_add(arg, is_stderr, bytes, len);
}

static int attach(const struct exec *e, struct exec_result *result)
{
    CLEANUP(mem_free_ptr) char *path = process_path(e, "/attach");
    const struct session_spec spec = {.sandbox = e->id,
                                      .path = path,
                                      .has_tty = e->has_tty,
                                      .interactive = e->has_tty && e->sends,
                                      .is_exact = !e->has_tty,
                                      .sends = !e->has_tty && e->sends,
                                      .escape = e->escape,
                                      .take = e->capture ? capture : NULL,
                                      .take_arg = e->capture};
    struct session_result session = session_run(e->cli, &spec);
    return take_end(e, &session, result);
}

int exec_run(struct cli *cli, const char *id, int argc, char **argv, struct exec_result *result)
{
    struct exec_capture kept;
    struct exec e = {.cli = cli,
                     .id = id,
                     .query = cli_option(cli, "admin-access") ? "?admin_access=true" : "",
                     .has_tty = cli_option(cli, "tty"),
                     .sends = sends_input(cli),
                     .escape = -1};
    *result = (struct exec_result){0};
    if (e.has_tty && tty_option_escape(cli, &e.escape))
        return CLI_FAILED;
    interrupt_hold_terminal(); /* a signal from now on finds a process that can be killed */
    int rc = start(&e, argc, argv);
    if (rc) {
        result->refused = rc == CLI_REFUSED;
        result->signo = rc >= CLI_SIGNALLED ? rc - CLI_SIGNALLED : 0;
        return rc >= CLI_SIGNALLED ? rc : CLI_FAILED;
    }
    exec_capture_init(&kept);
    e.capture = cli_wants_json(cli) ? &kept : NULL;
    rc = attach(&e, result);
    exec_capture_fini(&kept);
    return rc;
}
