#include "common/base/awake.h"

#include <stdbool.h>

uint64_t awake_read(struct awake *awake, uint64_t now)
{
    uint64_t passed = now - awake->seen_ms;
    bool first = !awake->seen_ms;
    awake->awake_ms += first || passed <= AWAKE_STEP_MS ? passed : AWAKE_STEP_MS;
    awake->seen_ms = now;
    return awake->awake_ms;
}
