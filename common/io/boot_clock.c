#include "common/io/boot_clock.h"

#include <stdio.h>
#include <string.h>

/* Copies the rest of the first line that begins with begin; out is untouched if there is none. */
static void line_of(const char *path, const char *begin, char *out, size_t size)
{
    char line[BOOT_CLOCK_ID_MAX];
    FILE *f = fopen(path, "re");
    while (f && fgets(line, sizeof line, f)) {
        if (strncmp(line, begin, strlen(begin)))
            continue;
        line[strcspn(line, "\n")] = 0;
        snprintf(out, size, "%s", line + strlen(begin));
        break;
    }
    if (f)
        fclose(f);
}

void boot_clock_id(char out[static BOOT_CLOCK_ID_MAX])
{
    char boot[40] = "", offset[40] = "";
    long long seconds = 0, ns = 0;
    line_of("/proc/sys/kernel/random/boot_id", "", boot, sizeof boot);
    line_of("/proc/self/timens_offsets", "boottime", offset, sizeof offset); /* none before Linux 5.6 */
    sscanf(offset, "%lld %lld", &seconds, &ns);
    if (boot[0] && (seconds || ns))
        snprintf(out, BOOT_CLOCK_ID_MAX, "%s%+lld.%09lld", boot, seconds, ns);
    else
        snprintf(out, BOOT_CLOCK_ID_MAX, "%s", boot);
}
