#include "agent/core/ending.h"

#include "common/base/defs.h"

#include <inttypes.h>
#include <stdio.h>

#define DOCKER_KILLED 137 /* 128 and SIGKILL, which no process inside can send to the sandbox's process 1 */

#define SENTENCE(end, ...) snprintf((end).detail, sizeof(end).detail, __VA_ARGS__)

struct sandbox_exit ending_of(enum sandbox_reason reason)
{
    return (struct sandbox_exit){.reason = reason};
}

struct sandbox_exit ending_unmade(enum sandbox_reason reason, const char *was)
{
    struct sandbox_exit end = ending_of(reason);
    const char *then = reason == REASON_EXPIRED   ? "its lifetime ended"
                       : reason == REASON_DELETED ? "its user deleted it"
                       : reason == REASON_ADMIN   ? "an administrator ended it"
                                                  : "it was ended";
    SENTENCE(end, "%s when %s", was, then);
    return end;
}

static struct sandbox_exit with_code(enum sandbox_reason reason, int code)
{
    return (struct sandbox_exit){.reason = reason, .has_exit_code = true, .exit_code = code};
}

struct sandbox_exit ending_exited(int code)
{
    struct sandbox_exit end = with_code(REASON_EXITED, code);
    SENTENCE(end, "its command exited with code %d", code);
    return end;
}

struct sandbox_exit ending_signal(int code, int signo, const char *name)
{
    struct sandbox_exit end = with_code(REASON_EXITED, code);
    SENTENCE(end, "its command was ended by signal %d (%s): exit code %d", signo, name, code);
    return end;
}

struct sandbox_exit ending_not_invoked(int code, const char *why)
{
    struct sandbox_exit end = with_code(REASON_EXITED, code);
    SENTENCE(end, "its command could not be invoked: %s: exit code %d", why, code);
    return end;
}

struct sandbox_exit ending_unwritten(void)
{
    struct sandbox_exit end = ending_of(REASON_START_FAILED);
    end.node_fault = true;
    SENTENCE(end, "its node could not write its record to disk");
    return end;
}

struct sandbox_exit ending_oom(const struct sample *last, uint64_t limit_bytes)
{
    struct sandbox_exit end = ending_of(REASON_OOM_KILLED);
    if (last && last->oom_kills)
        SENTENCE(end,
                 "the kernel killed %" PRIu64 " of its processes at its memory limit of %" PRIu64
                 " bytes; at most %" PRIu64 " bytes were in use",
                 last->oom_kills, limit_bytes, last->memory_peak_bytes);
    else
        SENTENCE(end, "the kernel killed one of its processes at its memory limit of %" PRIu64 " bytes",
                 limit_bytes);
    return end;
}

struct sandbox_exit ending_critical(const struct sample *last, uint32_t critical_centi)
{
    struct sandbox_exit end = ending_of(REASON_MEMORY_CRITICAL);
    uint64_t held = last->memory_unreclaimable_bytes, limit = last->memory_limit_bytes;
    double percent = limit ? 100.0 * (double)held / (double)limit : 0;
    SENTENCE(end,
             "it held %" PRIu64 " of %" PRIu64
             " bytes of memory that the kernel could not take back: %.1f %%, and %g %% is critical",
             held, limit, percent, (double)critical_centi / 100);
    return end;
}

struct sandbox_exit ending_idle(uint64_t seconds, uint32_t cpu_centi)
{
    struct sandbox_exit end = ending_of(REASON_IDLE);
    SENTENCE(end,
             "it did no work for %" PRIu64 " s: no bytes in or out, and less than %u %% of its CPU limit",
             seconds, cpu_centi / 100);
    return end;
}

struct sandbox_exit ending_booted(const char *booted_at)
{
    struct sandbox_exit end = ending_of(REASON_NODE_LOST);
    SENTENCE(end, "its node was booted at %s, and nothing that ran before is left", booted_at);
    return end;
}

static const char *const while_what[] = {
    [ENDING_SEEN] = "",
    [ENDING_AGENT_DOWN] = " while its node's agent was down",
    [ENDING_DOCKER_AWAY] = " while its node's Docker was down, or by its restart",
};

struct sandbox_exit ending_unknown(enum ending_when when)
{
    struct sandbox_exit end = ending_of(when == ENDING_DOCKER_AWAY ? REASON_NODE_LOST : REASON_EXITED);
    SENTENCE(end, "its processes ended%s; their exit code is not known", while_what[when]);
    return end;
}

struct sandbox_exit ending_container(enum ending_when when, int code)
{
    struct sandbox_exit end = with_code(when == ENDING_DOCKER_AWAY ? REASON_NODE_LOST : REASON_EXITED, code);
    SENTENCE(end, "its container ended with code %d%s%s", code, while_what[when],
             code == DOCKER_KILLED ? ": it was killed, and not by Corral" : "");
    return end;
}

struct sandbox_exit ending_taken_away(enum ending_when when)
{
    struct sandbox_exit end = ending_of(REASON_ORPHANED);
    SENTENCE(end, "its container was removed from its node's Docker, and not by Corral%s",
             when == ENDING_AGENT_DOWN    ? ", while its node's agent was down"
             : when == ENDING_DOCKER_AWAY ? ", while Docker was away"
                                          : "");
    return end;
}

struct sandbox_exit ending_started_again(void)
{
    struct sandbox_exit end = ending_of(REASON_ORPHANED);
    SENTENCE(end, "its container was ended and started again in its node's Docker, and not by Corral");
    return end;
}

struct sandbox_exit ending_member(const char *why)
{
    struct sandbox_exit end = ending_of(REASON_ORPHANED);
    SENTENCE(end, "this container of the warm pool cannot be used: %s", why);
    return end;
}
