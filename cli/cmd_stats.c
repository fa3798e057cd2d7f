/* Resource use of sandboxes, once or again and again. */
#include "cli/interrupt.h"
#include "cli/lookup.h"
#include "cli/print.h"
#include "cli/term.h"
#include "cli/verbs.h"

#include "common/base/mem.h"
#include "common/base/units.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

static const struct opt stats_options[] = {
    {"watch", 0, OPT_FLAG, NULL, NULL,
     "Show it again and again, in place on a terminal (q or Ctrl-C ends it), else in more lines."},
    {"interval", 0, OPT_SECONDS, "TIME", NULL, "How often with --watch; default: 2s."},
    {"count", 'n', OPT_NUMBER, "N", NULL, "How many times with --watch; default: until it is ended."},
    {NULL, 0, OPT_FLAG, NULL, NULL, NULL},
};

static const struct column columns[] = {
    {"ID", "sandbox_id", AS_TEXT, 0},
    {"HEALTH", "health.status", AS_STATE, 3},
    {"MEMORY", "memory.used_bytes", AS_BYTES, 1},
    {"OF", "memory.limit_bytes", AS_BYTES, 5},
    {"HELD", "memory.percent", AS_PERCENT, 0},
    {"CPU", "cpu.percent", AS_PERCENT, 0},
    {"DISK", "disk.used_bytes", AS_BYTES, 2},
    {"OF", "disk.limit_bytes", AS_BYTES, 6},
    {"FULL", "disk.percent", AS_PERCENT, 1},
    {"PIDS", "pids.current", AS_TEXT, 1},
    {"RECEIVED", "network.rx_bytes", AS_BYTES, 7},
    {"SENT", "network.tx_bytes", AS_BYTES, 8},
    {"UP", "health.uptime_seconds", AS_SECONDS, 4},
};

/* Of lines that are added one sample after the other. */
static const struct column timed_columns[] = {
    {"TIME", "sampled_at", AS_TEXT, 0},           {"ID", "sandbox_id", AS_TEXT, 0},
    {"MEMORY", "memory.used_bytes", AS_BYTES, 0}, {"HELD", "memory.percent", AS_PERCENT, 0},
    {"CPU", "cpu.percent", AS_PERCENT, 0},        {"DISK", "disk.used_bytes", AS_BYTES, 0},
    {"FULL", "disk.percent", AS_PERCENT, 0},      {"PIDS", "pids.current", AS_TEXT, 0},
};

/* --- one sample --- */

/* Appends the current use of a sandbox to all. */
static int add_stats(struct cli *cli, const char *id, json_t *all)
{
    struct cli_answer answer;
    CLEANUP(mem_free_ptr) char *path = cli_path("/sandbox/%s/stats", id);
    int rc = cli_call(cli, "GET", path, NULL, &answer);
    if (!rc)
        json_array_append(all, answer.json);
    cli_answer_fini(&answer);
    return rc;
}

/*
 * The path that lists only the caller's own sandboxes, for an administrator, too, who by default sees all.
 * The caller's.
 */
static int own_sandboxes(struct cli *cli, char **path)
{
    struct cli_answer answer;
    int rc = cli_call(cli, "GET", "/sandbox/quota/usage", NULL, &answer);
    if (rc)
        return rc;
    const char *id = json_string_value(json_object_get(json_object_get(answer.json, "user"), "id"));
    *path = cli_path("/sandbox?user=%s", id ? id : "");
    cli_answer_fini(&answer);
    return CLI_DONE;
}

/* Appends the use of each own sandbox that runs or is paused; the others have no current figures. */
static int add_own_stats(struct cli *cli, json_t *all)
{
    size_t i;
    CLEANUP(mem_free_ptr) char *path = NULL;
    int first = own_sandboxes(cli, &path);
    if (first)
        return first;
    json_t *item, *own = json_array();
    first = cli_all_pages(cli, path, 0, own);
    json_array_foreach(own, i, item)
    {
        const char *state = json_string_value(json_object_get(item, "state"));
        const char *id = json_string_value(json_object_get(item, "id"));
        if (!id || !state || (strcmp(state, "running") && strcmp(state, "paused")))
            continue;
        int rc = add_stats(cli, id, all);
        if (!first)
            first = rc;
    }
    json_decref(own);
    return first;
}

/* Appends a sample of each sandbox that is named, or of all own ones. Returns the code of the first failure.
 */
static int sample(struct cli *cli, int argc, char **argv, json_t *all)
{
    int first = argc ? CLI_DONE : add_own_stats(cli, all);
    for (int i = 0; i < argc; i++) {
        CLEANUP(mem_free_ptr) char *id = NULL;
        int rc = lookup_sandbox(cli, argv[i], &id);
        if (!rc)
            rc = add_stats(cli, id, all);
        if (!first)
            first = rc;
    }
    return first;
}

static int show_once(struct cli *cli, int argc, char **argv)
{
    json_t *all = json_array();
    int rc = sample(cli, argc, argv, all);
    bool any = json_array_size(all) || (!argc && !rc);
    if (cli_wants_json(cli) && any)
        print_json(argc == 1 ? json_array_get(all, 0) : all);
    else if (any)
        print_table(all, columns, ARRAY_LEN(columns), true, 0);
    json_decref(all);
    return rc;
}

/* --- again and again --- */

#define CLEAR       "\033[H\033[2J"
#define HIDE_CURSOR "\033[?25l"
#define SHOW_CURSOR "\033[?25h"

static struct termios before;

/* Keys come at once and are not shown. Whether standard input is a terminal. */
static bool begin_keys(void)
{
    if (!isatty(STDIN_FILENO) || tcgetattr(STDIN_FILENO, &before))
        return false;
    struct termios quiet = before;
    quiet.c_lflag &= ~(tcflag_t)(ECHO | ICANON);
    return !tcsetattr(STDIN_FILENO, TCSANOW, &quiet);
}

/* Waits for the next turn. False where the user wants no more. */
static bool pause_for(uint64_t ms, bool keys)
{
    struct pollfd fds[] = {{.fd = interrupt_fd(), .events = POLLIN},
                           {.fd = keys ? STDIN_FILENO : -1, .events = POLLIN}};
    char key = 0;
    if (poll(fds, ARRAY_LEN(fds), (int)ms) > 0 && fds[1].revents && read(STDIN_FILENO, &key, 1) == 1 &&
        (key == 'q' || key == 'Q'))
        return false;
    return !interrupt_signal();
}

static void show_screen(const json_t *all, uint64_t interval_s)
{
    time_t now = time(NULL);
    struct tm local;
    char clock[16];
    int height = term_height();
    strftime(clock, sizeof clock, "%H:%M:%S", localtime_r(&now, &local));
    printf(CLEAR "%s  %zu sandboxes, every %" PRIu64 " s; q ends it\n\n", clock, json_array_size(all),
           interval_s);
    print_table(all, columns, ARRAY_LEN(columns), true, height > 6 ? (size_t)height - 4 : 2);
}

static void show_again(const struct cli *cli, const json_t *all, bool screen, uint64_t interval_s, bool first)
{
    size_t i;
    json_t *one;
    if (cli_wants_json(cli)) {
        json_array_foreach(all, i, one) print_json_line(one);
    } else if (screen) {
        show_screen(all, interval_s);
    } else {
        print_table(all, timed_columns, ARRAY_LEN(timed_columns), first, 0);
    }
    fflush(stdout);
}

static int turns(struct cli *cli, int argc, char **argv, bool screen, bool keys)
{
    const char *interval = cli_option(cli, "interval"), *count = cli_option(cli, "count");
    uint64_t seconds = 2, times = count ? strtoull(count, NULL, 10) : UINT64_MAX;
    if (interval && (!units_parse_seconds(interval, &seconds) || !seconds || seconds > 86400))
        return cli_usage(cli, "--interval is from 1s to 1d");
    for (uint64_t i = 0; i < times; i++) {
        json_t *all = json_array();
        int rc = sample(cli, argc, argv, all);
        bool any = json_array_size(all) || !argc;
        if (any && rc < CLI_SIGNALLED)
            show_again(cli, all, screen, seconds, i == 0);
        json_decref(all);
        if (rc >= CLI_SIGNALLED)
            return CLI_DONE;
        if (rc == CLI_UNREACHABLE || !any) /* all of them have ended, or it makes no sense to go on */
            return rc;
        if (ferror(stdout) || (i + 1 < times && !pause_for(seconds * 1000, keys)))
            break;
    }
    return CLI_DONE;
}

static int watch(struct cli *cli, int argc, char **argv)
{
    bool screen = term_is_there() && !cli_wants_json(cli), keys = screen && begin_keys();
    interrupt_hold();
    cli_interruptible(cli, true);
    if (screen)
        fputs(HIDE_CURSOR, stdout);
    int rc = turns(cli, argc, argv, screen, keys);
    if (screen)
        fputs(SHOW_CURSOR, stdout);
    if (keys)
        (void)tcsetattr(STDIN_FILENO, TCSANOW, &before);
    return rc;
}

static int stats(struct cli *cli, int argc, char **argv)
{
    if (cli_option(cli, "watch"))
        return watch(cli, argc, argv);
    if (cli_option(cli, "interval") || cli_option(cli, "count"))
        return cli_usage(cli, "--interval and --count come with --watch");
    return show_once(cli, argc, argv);
}

const struct command cmd_stats = {
    .name = "stats",
    .args = "[SANDBOX]...",
    .help = "Shows what sandboxes use now; without an argument, all your own. HELD is memory that the kernel "
            "cannot reclaim, in percent of the limit.",
    .options = stats_options,
    .most = -1,
    .run = stats,
};
