#include "cli/progress.h"

#include "cli/steady.h"

#include <stdio.h>
#include <unistd.h>

#define EVERY_MS 100
#define BAR      24

static void print_size(char out[static 32], double bytes)
{
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
    size_t unit = 0;
    for (; bytes >= 1024 && unit + 1 < ARRAY_LEN(units); unit++)
        bytes /= 1024;
    snprintf(out, 32, unit ? "%.1f %s" : "%.0f %s", bytes, units[unit]);
}

static void print_line(const struct progress *p, uint64_t now)
{
    char done[32], rate[32], bar[BAR + 16] = "";
    uint64_t ms = now - p->began_ms;
    print_size(done, (double)p->done);
    print_size(rate, ms ? (double)p->done * 1000 / (double)ms : 0);
    if (p->whole > 0) {
        double part = (double)p->done / (double)p->whole;
        int full = part < 1 ? (int)(part * BAR) : BAR;
        snprintf(bar, sizeof bar, "[%.*s%*s] %3.0f%% ", full, "########################", BAR - full, "",
                 part < 1 ? part * 100 : 100);
    }
    fprintf(stderr, "\r%s%s, %s/s\033[K", bar, done, rate);
    fflush(stderr);
}

void progress_begin(struct progress *p, const struct cli *cli, int64_t whole)
{
    *p = (struct progress){.whole = whole, .began_ms = steady_ms()};
    p->shown = isatty(STDERR_FILENO) && !cli_is_quiet(cli);
}

void progress_add(struct progress *p, uint64_t bytes)
{
    p->done += bytes;
    if (!p->shown)
        return;
    uint64_t now = steady_ms();
    if (now - p->told_ms < EVERY_MS)
        return;
    p->told_ms = now;
    print_line(p, now);
}

void progress_end(struct progress *p)
{
    if (p->shown && p->told_ms)
        fputs("\r\033[K", stderr);
    p->shown = false;
}
