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

static uint64_t default_within(uint64_t wanted, uint64_t maximum)
{
    if (!wanted || (maximum && wanted > maximum))
        return maximum;
    return wanted;
}

int limit_resolve(const struct limit_set *asked, const struct limit_set *defaults,
                  const struct limit_set *maxima, struct limit_set *out, enum limit_kind *field,
                  struct err *e)
{
    struct limit_set resolved;
    for (int i = 0; i < LIMIT_KIND_COUNT; i++) {
        uint64_t want = asked->value[i], maximum = maxima->value[i];
        if (want && maximum && want > maximum) {
            *field = (enum limit_kind)i;
            return err_set(e, ERR_ABOVE_TIER_LIMIT,
                           "%s: %" PRIu64 " is above the %" PRIu64 " that your tier allows", kind_names[i],
                           want, maximum);
        }
        resolved.value[i] = want ? want : default_within(defaults->value[i], maximum);
    }
    *out = resolved;
    return 0;
}
