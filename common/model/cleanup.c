#include "common/model/cleanup.h"

#include "common/base/json_text.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const names[CLEANUP_KIND_COUNT] = {
#define CLEANUP_KIND(name, text) [CLEANUP_##name] = text,
#include "common/model/cleanup.def"
#undef CLEANUP_KIND
};

const char *cleanup_kind_name(enum cleanup_kind kind)
{
    if (kind >= CLEANUP_KIND_COUNT)
        abort();
    return names[kind];
}

void cleanup_counts_add(struct cleanup_counts *to, const struct cleanup_counts *more)
{
    for (int i = 0; i < CLEANUP_KIND_COUNT; i++) {
        to->found[i] += more->found[i];
        to->removed[i] += more->removed[i];
    }
}

static bool any(const uint64_t counts[static CLEANUP_KIND_COUNT])
{
    for (int i = 0; i < CLEANUP_KIND_COUNT; i++) {
        if (counts[i])
            return true;
    }
    return false;
}

bool cleanup_found_any(const struct cleanup_counts *counts)
{
    return any(counts->found);
}

bool cleanup_removed_any(const struct cleanup_counts *counts)
{
    return any(counts->removed);
}

/* 8 names of at most 22 characters, each with a number of at most 20 digits: all fit. */
void cleanup_json(const uint64_t counts[static CLEANUP_KIND_COUNT], char out[static CLEANUP_TEXT_MAX])
{
    struct json_text json = {.text = text_in(out, CLEANUP_TEXT_MAX)};
    json_text_object(&json, NULL);
    for (int i = 0; i < CLEANUP_KIND_COUNT; i++)
        json_text_num(&json, names[i], counts[i]);
    json_text_end(&json);
}

void cleanup_text(const struct cleanup_counts *counts, char out[static CLEANUP_TEXT_MAX])
{
    size_t n = 0;
    snprintf(out, CLEANUP_TEXT_MAX, "nothing");
    for (int i = 0; i < CLEANUP_KIND_COUNT; i++) {
        if (!counts->found[i] && !counts->removed[i])
            continue;
        n += (size_t)snprintf(out + n, CLEANUP_TEXT_MAX - n, "%s%s=%" PRIu64 "/%" PRIu64, n ? " " : "",
                              names[i], counts->found[i], counts->removed[i]);
        if (n >= CLEANUP_TEXT_MAX)
            return;
    }
}
