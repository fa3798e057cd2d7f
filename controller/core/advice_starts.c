/* Which images are worth a warm pool, a pull beforehand, or a diet. */
#include "controller/core/advice_int.h"

#define COLD_LEAST  20.0
#define COLD_MS     300.0
#define PULLS_LEAST 3.0
#define PULLS_MS    30000.0
#define LARGE_MS    20000.0
#define KEEPS       0.75 /* of what opens */

void advice_image_warm(struct advice_pass *pass)
{
    const struct advice_figures *f = pass->figures;
    for (size_t i = 0; i < f->image_start_count; i++) {
        const struct advice_starts *s = &f->image_starts[i];
        struct advice_made made;
        double cold = s->count - s->warm, seconds = cold * s->whole_ms / 1000;
        if (cold < KEEPS * COLD_LEAST || cold < 0.4 * s->count || s->whole_ms < KEEPS * COLD_MS)
            continue;
        advice_begin(&made, "image", s->name, seconds,
                     cold >= COLD_LEAST && cold > 0.5 * s->count && s->whole_ms >= COLD_MS);
        advice_say(&made,
                   "%.0f of %.0f sandboxes of image %s were started cold within a day, in %.0f ms in the "
                   "median. Keep containers of it ready: raise "
                   "warm_max, or let its sandboxes ask for the same disk.",
                   cold, s->count, s->name, s->whole_ms);
        advice_num(&made.evidence, "cold", cold);
        advice_num(&made.evidence, "warm", s->warm);
        advice_num(&made.evidence, "cold_ms", s->whole_ms);
        advice_num(&made.effect, "seconds_a_day", seconds);
        advice_put(pass, &made);
    }
}

void advice_image_pull(struct advice_pass *pass)
{
    const struct advice_figures *f = pass->figures;
    for (size_t i = 0; i < f->image_start_count; i++) {
        const struct advice_starts *s = &f->image_starts[i];
        struct advice_made made;
        if (s->pulls < PULLS_LEAST || s->pull_sum_ms < KEEPS * PULLS_MS)
            continue;
        advice_begin(&made, "image", s->name, s->pull_sum_ms, s->pull_sum_ms >= PULLS_MS);
        made.finding.severity = s->pull_sum_ms >= 20 * PULLS_MS ? ADVICE_WARNING : ADVICE_INFO;
        advice_say(&made,
                   "%.0f of %.0f starts from image %s waited for its pull within a day, for %.0f s in all. "
                   "Pull it to all nodes beforehand, and keep it "
                   "there.",
                   s->pulls, s->count, s->name, s->pull_sum_ms / 1000);
        advice_num(&made.evidence, "starts", s->count);
        advice_num(&made.evidence, "pulls", s->pulls);
        advice_num(&made.evidence, "pull_ms", s->pull_ms);
        advice_num(&made.evidence, "pull_sum_ms", s->pull_sum_ms);
        advice_num(&made.effect, "seconds_a_day", s->pull_sum_ms / 1000);
        advice_put(pass, &made);
    }
}

void advice_image_large(struct advice_pass *pass)
{
    const struct advice_figures *f = pass->figures;
    for (size_t i = 0; i < f->image_start_count; i++) {
        const struct advice_starts *s = &f->image_starts[i];
        struct advice_made made;
        if (s->pulls < PULLS_LEAST || s->pull_ms < KEEPS * LARGE_MS)
            continue;
        advice_begin(&made, "image", s->name, s->pull_ms, s->pull_ms >= LARGE_MS);
        advice_say(&made,
                   "the pull of image %s takes %.0f s, in the median of %.0f pulls of a day. Make it smaller "
                   "(its analysis says where its bytes are), or "
                   "mirror it near the nodes.",
                   s->name, s->pull_ms / 1000, s->pulls);
        advice_num(&made.evidence, "pulls", s->pulls);
        advice_num(&made.evidence, "pull_ms", s->pull_ms);
        advice_num(&made.effect, "start_ms_less", s->pull_ms / 2);
        advice_put(pass, &made);
    }
}
