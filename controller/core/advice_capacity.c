/* When what there is will be reserved. */
#include "controller/core/advice_int.h"

#include <math.h>
#include <stdio.h>

#define OPENS_DAYS    30.0
#define KEEPS_DAYS    40.0
#define WARNING_DAYS  14.0
#define CRITICAL_DAYS 7.0
#define FULL          0.98 /* of a resource that is reserved as a whole */
#define FULL_KEEPS    0.90
#define FULL_DAYS     7 /* of so many days the half or more was full */
#define AHEAD_DAYS    30.0

/* The share of the last days on which so much was reserved. */
static double days_full(const struct advice_area *area, enum advice_resource r, double share)
{
    size_t looked = area->days < FULL_DAYS ? area->days : FULL_DAYS, full = 0;
    for (size_t i = area->days - looked; i < area->days; i++)
        full += area->peak[r][i].value >= share * area->capacity[r];
    return looked ? (double)full / (double)looked : 0;
}

static enum advice_severity severity_of(double days)
{
    return days <= CRITICAL_DAYS ? ADVICE_CRITICAL : days <= WARNING_DAYS ? ADVICE_WARNING : ADVICE_INFO;
}

static void name_area(const struct advice_area *area, char *out, size_t size)
{
    if (area->name[0])
        snprintf(out, size, "region %s", area->name);
    else
        snprintf(out, size, "the system");
}

static void put_evidence(struct json_text *json, const struct advice_area *area, enum advice_resource r,
                         const struct trend *t, const struct trend_until *until)
{
    advice_num(json, "days", until->days);
    advice_num(json, "days_least", until->least);
    advice_num(json, "days_most", until->most);
    advice_num(json, "capacity", area->capacity[r]);
    advice_num(json, "reserved", area->peak[r][area->days - 1].value);
    advice_num(json, "growth_a_day", t->slope);
    advice_num(json, "growth_a_day_least", t->slope_low);
    advice_num(json, "growth_a_day_most", t->slope_high);
    json_text_num(json, "points", t->points);
    json_text_bool(json, "weekly", t->weekly);
    json_text_bool(json, "stepped", t->stepped);
}

/* share: so much of it was reserved on most of the last days; 0: it is the trend that says something. */
static void say_short(struct advice_made *made, const struct trend *t, enum advice_resource r,
                      const struct trend_until *until, double share)
{
    char growth[ADVICE_AMOUNT_MAX];
    advice_amount(r, t->slope, growth);
    if (share > 0) {
        advice_say(made, "was reserved to %.0f %% or more on most of the last %d days", 100 * share,
                   FULL_DAYS);
        return;
    }
    if (until->days < 1)
        advice_say(made, "is reserved in full on a busy day");
    else if (isfinite(until->most))
        advice_say(made, "will be reserved in full in %.0f days (%.0f to %.0f)", until->days, until->least,
                   until->most);
    else
        advice_say(made, "will be reserved in full in %.0f days (%.0f at the least)", until->days,
                   until->least);
    advice_say(made, ", by the trend of %zu days: it grows by %s a day", t->points, growth);
}

static void put_short(struct advice_pass *pass, const struct advice_area *area, enum advice_resource r,
                      const struct trend *t, double share, bool opens)
{
    struct trend_until until = share > 0 ? (struct trend_until){0} : trend_until(t, area->capacity[r]);
    struct advice_made made;
    char where[ADVICE_NAME_MAX + 16], more[ADVICE_AMOUNT_MAX];
    double need = trend_at(t, t->last) + t->slope_high * AHEAD_DAYS + t->spread - area->capacity[r];
    need = need > 0 ? need : 0;
    name_area(area, where, sizeof where);
    advice_begin(&made, area->name[0] ? "region" : "system", area->name, 1 / (1 + until.days), opens);
    made.finding.severity = severity_of(until.days);
    advice_amount(r, need, more);
    advice_say(&made, "%s of %s ", advice_resource_word(r), where);
    say_short(&made, t, r, &until, share);
    advice_say(&made, ". Add nodes, or lower what is reserved: %s more last for %.0f days.", more,
               AHEAD_DAYS);
    put_evidence(&made.evidence, area, r, t, &until);
    advice_num(&made.effect, "add", need);
    advice_num(&made.effect, "lasts_days", AHEAD_DAYS);
    advice_put(pass, &made);
}

/* Growth counts where all of its interval is growth. */
static void look_at(struct advice_pass *pass, const struct advice_area *area, enum advice_resource r)
{
    struct trend t = trend_of(area->peak[r], area->days);
    double days = t.known && t.slope_low > 0 ? trend_until(&t, area->capacity[r]).days : INFINITY;
    if (area->capacity[r] <= 0)
        return;
    if (days_full(area, r, FULL) >= 0.5)
        put_short(pass, area, r, &t, FULL, true);
    else if (days <= KEEPS_DAYS)
        put_short(pass, area, r, &t, 0, days <= OPENS_DAYS);
    else if (days_full(area, r, FULL_KEEPS) >= 0.5)
        put_short(pass, area, r, &t, FULL_KEEPS, false);
}

/* Regions, and the system where it is not the same as its only region. */
static void find_short(struct advice_pass *pass, enum advice_resource r)
{
    const struct advice_figures *f = pass->figures;
    if (!f->area_count)
        advice_unknown(pass);
    for (size_t i = 0; i < f->area_count; i++) {
        bool whole = !f->areas[i].name[0];
        if (f->areas[i].days >= TREND_LEAST && (!whole || f->area_count != 2))
            look_at(pass, &f->areas[i], r);
    }
}

void advice_memory_short(struct advice_pass *pass)
{
    find_short(pass, ADVICE_MEMORY);
}

void advice_cpu_short(struct advice_pass *pass)
{
    find_short(pass, ADVICE_CPU);
}

void advice_storage_short(struct advice_pass *pass)
{
    find_short(pass, ADVICE_STORAGE);
}

void advice_sandboxes_short(struct advice_pass *pass)
{
    find_short(pass, ADVICE_SANDBOXES);
}

void advice_no_room(struct advice_pass *pass)
{
    const struct advice_queues *q = &pass->figures->queues;
    struct advice_made made;
    double asked = q->creates + q->no_capacity, share = asked > 0 ? q->no_capacity / asked : 0;
    if (!q->known)
        advice_unknown(pass);
    if (!q->known || q->no_capacity < 3 || share < 0.005)
        return;
    advice_begin(&made, "system", "", share, q->no_capacity >= 10 && share >= 0.01);
    made.finding.severity = share >= 0.1 ? ADVICE_CRITICAL : ADVICE_WARNING;
    advice_say(&made,
               "%.0f of %.0f creates of the last day (%.1f %%) were refused because no node had room. Add "
               "nodes, uncordon some, or "
               "lower what is reserved.",
               q->no_capacity, asked, 100 * share);
    advice_num(&made.evidence, "refused", q->no_capacity);
    advice_num(&made.evidence, "created", q->creates);
    advice_num(&made.effect, "creates_a_day", q->no_capacity);
    advice_put(pass, &made);
}
