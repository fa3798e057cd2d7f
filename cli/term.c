#include "cli/term.h"

#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define USUAL_WIDTH  80
#define USUAL_HEIGHT 24

bool term_is_there(void)
{
    return isatty(STDOUT_FILENO);
}

/* A terminal that does not know its size says 0; then the variable of the shell, then the usual size counts.
 */
static int size_or(int size, const char *variable, int usual)
{
    const char *value = getenv(variable);
    int given = value ? atoi(value) : 0;
    return size > 0 ? size : given > 0 ? given : usual;
}

int term_width(void)
{
    struct winsize size = {0};
    if (!term_is_there())
        return 0;
    (void)ioctl(STDOUT_FILENO, TIOCGWINSZ, &size);
    return size_or(size.ws_col, "COLUMNS", USUAL_WIDTH);
}

int term_height(void)
{
    struct winsize size = {0};
    if (!term_is_there())
        return 0;
    (void)ioctl(STDOUT_FILENO, TIOCGWINSZ, &size);
    return size_or(size.ws_row, "LINES", USUAL_HEIGHT);
}

bool term_has_colours(void)
{
    const char *no = getenv("NO_COLOR"), *kind = getenv("TERM");
    return term_is_there() && !(no && no[0]) && kind && kind[0] && strcmp(kind, "dumb") != 0;
}
