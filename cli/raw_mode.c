#include "cli/raw_mode.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#define USUAL_ROWS    24
#define USUAL_COLUMNS 80

static struct termios before;
static volatile sig_atomic_t saved, on;

bool raw_mode_can(void)
{
    return isatty(STDIN_FILENO);
}

bool raw_mode_is_on(void)
{
    return on;
}

/* In the background the terminal belongs to others, and its modes to them. */
static bool is_ours(void)
{
    pid_t front = tcgetpgrp(STDIN_FILENO);
    return front <= 0 || front == getpgrp();
}

void raw_mode_end(void)
{
    if (on && is_ours())
        (void)tcsetattr(STDIN_FILENO, TCSANOW, &before); /* not later: the terminal may take no output */
    on = 0;
}

/* A bug aborts; the user's terminal shall not suffer from it. */
static void on_abort(int signo)
{
    raw_mode_end();
    (void)signal(signo, SIG_DFL);
    (void)raise(signo);
}

void raw_mode_begin(void)
{
    struct termios raw;
    if (!saved) {
        if (tcgetattr(STDIN_FILENO, &before))
            return;
        saved = 1;
        (void)atexit(raw_mode_end);
        (void)signal(SIGABRT, on_abort);
    }
    raw = before;
    cfmakeraw(&raw);
    on = 1; /* first: a signal between the two must restore */
    (void)tcsetattr(STDIN_FILENO, TCSANOW, &raw);
}

void raw_mode_size(uint16_t *rows, uint16_t *columns)
{
    struct winsize size = {0};
    if (ioctl(STDIN_FILENO, TIOCGWINSZ, &size) || !size.ws_row || !size.ws_col)
        (void)ioctl(STDOUT_FILENO, TIOCGWINSZ, &size);
    *rows = size.ws_row && size.ws_col ? size.ws_row : USUAL_ROWS;
    *columns = size.ws_row && size.ws_col ? size.ws_col : USUAL_COLUMNS;
}
