#include "tests/fuzz/target.h"

#include "agent/cgroup/cgroup_parse.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    const char *text = (const char *)bytes;
    uint64_t number;
    uint32_t centi;
    (void)cgroup_parse_number(text, len, &number);
    (void)cgroup_parse_key(text, len, "oom_kill", &number);
    (void)cgroup_parse_key(text, len, "total_cache", &number);
    (void)cgroup_parse_io(text, len, false);
    (void)cgroup_parse_io(text, len, true);
    (void)cgroup_parse_net(text, len);
    struct cgroup_use use = cgroup_parse_use(text, len, true, 1000);
    if (use.unreclaimable > use.working_set || use.working_set > 1000)
        abort();
    if (cgroup_parse_pressure(text, len, &centi) && centi > 10000)
        abort();
    return 0;
}
