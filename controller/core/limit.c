#include "controller/core/limit.h"

#include <inttypes.h>
#include <stdlib.h>

static const char *const kind_names[] = {
#define LIMIT(KIND, name, ...)      [LIMIT_##KIND] = #name,
#define LIMIT_TIME(KIND, name, ...) [LIMIT_##KIND] = #name,
#include "common/model/limit.def"
};

const char *limit_kind_name(enum limit_kind kind)
{
    if (kind >= LIMIT_KIND_COUNT)
        abort();
    return kind_names[kind];
}

struct limit_set limit_maxima(const struct limit_set *tier, const struct limit_set *overrides,
                              const struct limit_set *fallback)
{
    struct limit_set out;
    for (int i = 0; i < LIMIT_KIND_COUNT; i++)
        out.value[i] = overrides->value[i] ? overrides->value[i]
                       : tier->value[i]    ? tier->value[i]
                                           : fallback->value[i];
    return out;
}

static uint64_t default_within(uint64_t desired, uint64_t maximum)
{
    if (!desired || (maximum && desired > maximum))
        return maximum;
    return desired;
}

int limit_resolve(const struct limit_set *asked, const struct limit_set *defaults,
                  const struct limit_set *maxima, struct limit_set *out, enum limit_kind *field,
                  struct err *e)
{
    struct limit_set resolved;
    for (int i = 0; i < LIMIT_KIND_COUNT; i++) {
        uint64_t desired = asked->value[i], maximum = maxima->value[i];
        if (desired && maximum && desired > maximum) {
            *field = (enum limit_kind)i;
            return err_set(e, ERR_ABOVE_TIER_LIMIT,
                           "%s: %" PRIu64 " is above the %" PRIu64 " that your tier allows", kind_names[i],
                           desired, maximum);
        }
        resolved.value[i] = desired ? desired : default_within(defaults->value[i], maximum);
    }
    *out = resolved;
    return 0;
}
