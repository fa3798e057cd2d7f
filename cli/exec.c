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

static char *process_path(const struct exec *x, const char *more)
{
    char *path = NULL;
    if (asprintf(&path, "/sandbox/%s/processes/%lld%s%s", x->id, (long long)x->pid, more, x->query) < 0)
        abort();
    return path;
}

static int start(struct exec *x, int argc, char **argv)
{
    CLEANUP(mem_free_ptr) char *path = NULL;
    struct cli_answer answer;
    uint16_t rows, columns;
    json_t *body = exec_request(x->cli, argc, argv);
    if (x->has_tty) {
        raw_mode_size(&rows, &columns);
        exec_request_terminal(body, rows, columns);
    } else {
        exec_request_held(body, GRACE_S, x->sends);
    }
    if (asprintf(&path, "/sandbox/%s/processes%s", x->id, x->query) < 0)
        abort();
    int rc = cli_call(x->cli, "POST", path, body, &answer);
    x->pid = rc ? 0 : json_integer_value(json_object_get(answer.json, "pid"));
    cli_answer_fini(&answer);
    if (!rc && x->pid <= 0) {
        fprintf(stderr, "corral: the answer does not tell of the process\n");
        return CLI_FAILED;
    }
    return rc;
}

/* A second signal ends this, too. */
static void kill_process(const struct exec *x)
{
    struct cli_answer answer;
    CLEANUP(mem_free_ptr) char *path = process_path(x, "");
    interrupt_forget();
    cli_interruptible(x->cli, true);
    if (cli_call(x->cli, "DELETE", path, NULL, &answer))
        fprintf(stderr, "corral: process %lld was not killed, and goes on%s\n", (long long)x->pid,
                x->has_tty ? "" : " for some minutes");
    cli_answer_fini(&answer);
}

/* CLI_DONE: *process is the caller's. */
static int show_process(const struct exec *x, json_t **process)
{
    struct cli_answer answer;
    CLEANUP(mem_free_ptr) char *path = process_path(x, "");
    cli_interruptible(x->cli, true);
    int rc = cli_call(x->cli, "GET", path, NULL, &answer);
    *process = rc ? NULL : json_incref(answer.json);
    cli_answer_fini(&answer);
    return rc;
}

/* --- its end --- */

/* A process that its time limit killed ends by a signal, as others do. */
static void say_timeout(const struct exec *x)
{
    json_t *process;
    const char *timeout = cli_option(x->cli, "timeout");
    if (timeout && !show_process(x, &process)) {
        if (json_is_true(json_object_get(process, "timed_out")))
            fprintf(stderr, "corral: the command was killed after %s (--timeout)\n", timeout);
        json_decref(process);
    }
}

static int print_captured(const struct exec *x, int code)
{
    json_t *process;
    if (show_process(x, &process))
        return CLI_FAILED;
    json_t *object = exec_capture_json(x->capture, process);
    print_json(object);
    json_decref(object);
    json_decref(process);
    return code;
}

static int on_ended(const struct exec *x, int code)
{
    if (x->capture)
        return print_captured(x, code);
    if (code == CLI_SIGNALLED + SIGKILL)
        say_timeout(x);
    return code;
}

/* Where the connection failed, a terminal may be attached to again; else nobody comes for the output. */
static int on_failed(const struct exec *x, const struct session_result *session)
{
    if (x->has_tty)
        fprintf(stderr, "corral: process %lld may go on (corral ps)\n", (long long)x->pid);
    else if (session->code == CLI_UNREACHABLE)
        fprintf(stderr, "corral: process %lld may go on for some minutes (corral ps)\n", (long long)x->pid);
    else
        kill_process(x);
    return CLI_FAILED;
}

static int take_end(const struct exec *x, const struct session_result *session, struct exec_result *result)
{
    switch (session->end) {
    case SESSION_ENDED:
        return on_ended(x, session->code);
    case SESSION_LEFT:
        fprintf(stderr, "corral: process %lld goes on; corral shell --pid %lld %s attaches to it\n",
                (long long)x->pid, (long long)x->pid, x->id);
        result->left = true;
        return session->code;
    case SESSION_SIGNALLED:
        kill_process(x);
        result->signo = session->code - CLI_SIGNALLED;
        return session->code;
    case SESSION_GONE:
        return CLI_FAILED;
    default:
        return on_failed(x, session);
    }
}

/* --- the whole --- */

static void capture(void *arg, bool is_stderr, const uint8_t *bytes, size_t len)
{
    exec_capture_add(arg, is_stderr, bytes, len);
}

static int attach(const struct exec *x, struct exec_result *result)
{
    CLEANUP(mem_free_ptr) char *path = process_path(x, "/attach");
    const struct session_spec spec = {.sandbox = x->id,
                                      .path = path,
                                      .has_tty = x->has_tty,
                                      .interactive = x->has_tty && x->sends,
                                      .is_exact = !x->has_tty,
                                      .sends = !x->has_tty && x->sends,
                                      .escape = x->escape,
                                      .take = x->capture ? capture : NULL,
                                      .take_arg = x->capture};
    struct session_result session = session_run(x->cli, &spec);
    return take_end(x, &session, result);
}

int exec_run(struct cli *cli, const char *id, int argc, char **argv, struct exec_result *result)
{
    struct exec_capture kept;
    struct exec x = {.cli = cli,
                     .id = id,
                     .query = cli_option(cli, "admin-access") ? "?admin_access=true" : "",
                     .has_tty = cli_option(cli, "tty"),
                     .sends = sends_input(cli),
                     .escape = -1};
    *result = (struct exec_result){0};
    if (x.has_tty && tty_option_escape(cli, &x.escape))
        return CLI_FAILED;
    interrupt_hold_terminal(); /* a signal from now on finds a process that can be killed */
    int rc = start(&x, argc, argv);
    if (rc) {
        result->refused = rc == CLI_REFUSED;
        return rc >= CLI_SIGNALLED ? rc : CLI_FAILED;
    }
    exec_capture_init(&kept);
    x.capture = cli_wants_json(cli) ? &kept : NULL;
    rc = attach(&x, result);
    exec_capture_fini(&kept);
    return rc;
}
