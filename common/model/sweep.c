#include "common/model/sweep.h"

#include "common/base/json_text.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const names[SWEEP_KIND_COUNT] = {
#define SWEEP(name, text) [SWEEP_##name] = text,
#include "common/model/sweep.def"
#undef SWEEP
};

const char *sweep_kind_name(enum sweep_kind kind)
{
    if (kind >= SWEEP_KIND_COUNT)
        abort();
    return names[kind];
}

void sweep_counts_add(struct sweep_counts *to, const struct sweep_counts *more)
{
    for (int i = 0; i < SWEEP_KIND_COUNT; i++) {
        to->found[i] += more->found[i];
        to->removed[i] += more->removed[i];
    }
}

static bool any(const uint64_t counts[static SWEEP_KIND_COUNT])
{
    for (int i = 0; i < SWEEP_KIND_COUNT; i++) {
        if (counts[i])
            return true;
    }
    return false;
}

bool sweep_found_any(const struct sweep_counts *counts)
{
    return any(counts->found);
}

bool sweep_removed_any(const struct sweep_counts *counts)
{
    return any(counts->removed);
}

/* 8 kinds of at most 22 and 20 characters: all fit. */
void sweep_json(const uint64_t counts[static SWEEP_KIND_COUNT], char out[static SWEEP_TEXT_MAX])
{
    struct json_text json = {.text = text_in(out, SWEEP_TEXT_MAX)};
    json_text_object(&json, NULL);
    for (int i = 0; i < SWEEP_KIND_COUNT; i++)
        json_text_num(&json, names[i], counts[i]);
    json_text_end(&json);
}

void sweep_text(const struct sweep_counts *counts, char out[static SWEEP_TEXT_MAX])
{
    size_t n = 0;
    snprintf(out, SWEEP_TEXT_MAX, "nothing");
    for (int i = 0; i < SWEEP_KIND_COUNT; i++) {
        if (!counts->found[i] && !counts->removed[i])
            continue;
        n += (size_t)snprintf(out + n, SWEEP_TEXT_MAX - n, "%s%s=%" PRIu64 "/%" PRIu64, n ? " " : "",
                              names[i], counts->found[i], counts->removed[i]);
        if (n >= SWEEP_TEXT_MAX)
            return;
    }
}
