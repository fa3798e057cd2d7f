#include "cli/input.h"

#include "cli/interrupt.h"

#include "common/base/mem.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MOMENT_MS 200
#define AT_ONCE   65536

/* Waits until standard input can be read. 0: not within so many ms; negative: a signal came. */
static int readable(int ms)
{
    struct pollfd fds[] = {{.fd = STDIN_FILENO, .events = POLLIN}, {.fd = interrupt_fd(), .events = POLLIN}};
    int n = poll(fds, ARRAY_LEN(fds), ms);
    if (interrupt_signal() || (n < 0 && errno != EINTR))
        return -1;
    return n > 0 && fds[0].revents;
}

/* Whether to read at all. */
static bool is_given(const struct cli *cli)
{
    struct stat st;
    if (cli_option(cli, "interactive"))
        return true;
    if (fstat(STDIN_FILENO, &st))
        return false;
    if (S_ISREG(st.st_mode))
        return true;
    if (!S_ISFIFO(st.st_mode) && !S_ISSOCK(st.st_mode))
        return false;
    if (readable(MOMENT_MS))
        return true;
    if (isatty(STDERR_FILENO) && !cli_is_quiet(cli))
        fprintf(stderr,
                "corral: standard input is a pipe with nothing in it, and is not sent; -i waits for it\n");
    return false;
}

static int read_all(struct input *input)
{
    for (;;) {
        if (input->len > INPUT_MAX) {
            fprintf(stderr, "corral: standard input is longer than %u bytes, the most that a command takes\n",
                    INPUT_MAX);
            return CLI_FAILED;
        }
        int ready = readable(-1);
        if (interrupt_signal())
            return CLI_SIGNALLED + interrupt_signal();
        if (!ready)
            continue; /* woken by something else */
        input->bytes = mem_grow(input->bytes, input->len + AT_ONCE + 1, 1);
        ssize_t n = read(STDIN_FILENO, input->bytes + input->len, AT_ONCE);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            perror("corral: cannot read standard input");
        if (n <= 0) {
            input->bytes[input->len] = 0;
            return n ? CLI_FAILED : CLI_DONE;
        }
        input->len += (size_t)n;
    }
}

int input_read(struct cli *cli, struct input *input)
{
    *input = (struct input){0};
    int rc = is_given(cli) ? read_all(input) : CLI_DONE;
    if (rc)
        input_fini(input);
    return rc;
}

void input_fini(struct input *input)
{
    free(input->bytes);
    *input = (struct input){0};
}
