/*
 * The image of sandboxes that name none. The controller says which it is; a node that does not have it pulls
 * it, or reports itself unhealthy, before a create fails.
 */
#include "agent/node/base_image.h"

#include "agent/agent_state.h"
#include "agent/node/images.h"

#include "common/io/log.h"
#include "common/base/plain_words.h"

#include <stdio.h>
#include <string.h>

#define CHECK_MS 10000
#define PULL_MS  60000 /* between pulls */

static void look(void *arg);

/* Notes why the image is missing ("": it is here). A message that differs only in the registry's addresses is
 * not a change, because each change costs a new session. */
static void say(struct agent *agent, const char *why)
{
    struct base_image *base = &agent->base;
    char was[NODE_DETAIL_MAX + 1], is[NODE_DETAIL_MAX + 1];
    plain_words(base->missing, was, sizeof was);
    plain_words(why, is, sizeof is);
    if (!strcmp(was, is))
        return;
    snprintf(base->missing, sizeof base->missing, "%s", why);
    if (why[0])
        log_error("agent", "image=%s sandboxes that name none cannot start here: %s", base->name, why);
    else
        log_info("agent", "image=%s is here", base->name);
    uplink_renew(agent->uplink);
}

static void look_later(struct agent *agent)
{
    agent->base.asking = false;
    timer_start(&agent->base.looking, agent->loop, CHECK_MS, look, agent);
}

static void on_pulled(void *arg, int code, const struct err *e)
{
    struct agent *agent = arg;
    if (code == ERR_CANCELLED)
        return;
    if (code == ERR_IMAGE_UNAVAILABLE && !agent->base.renamed)
        say(agent, e->text);
    look_later(agent);
}

static void pull(struct agent *agent, const struct image_ref *ref)
{
    struct base_image *base = &agent->base;
    char full[IMAGE_REF_FULL_MAX], why[NODE_DETAIL_MAX + 1];
    uint64_t now = loop_now_ms();
    if (!agent_may_pull(agent, ref, why))
        say(agent, why);
    else if (!base->pulled_ms || now - base->pulled_ms >= PULL_MS) {
        struct docker_pull_bounds bounds = agent_pull_bounds(agent, "");
        base->pulled_ms = now;
        image_ref_full(ref, full);
        docker_image_pull(agent->docker, full, &bounds, on_pulled, agent);
        return;
    }
    look_later(agent);
}

/* A pulled base image that no sandbox names for long is still in use: a cleanup must not remove it. */
static void note_use(struct agent *agent, const struct image_ref *ref)
{
    char full[IMAGE_REF_FULL_MAX];
    image_ref_full(ref, full);
    agent_image_used(agent, full);
}

/* If Docker itself is away, that is reported elsewhere. */
static void on_looked(void *arg, int code, const struct err *e, const struct docker_image *image)
{
    struct agent *agent = arg;
    struct image_ref ref;
    if (code == ERR_CANCELLED)
        return;
    if (agent->base.renamed) {
        look(agent);
        return;
    }
    bool known = image_ref_parse(agent->base.name, &ref);
    bool here = !code && known && image_has_name(&image->names, &ref);
    if (here) {
        say(agent, "");
        note_use(agent, &ref);
    }
    if (here || !known || (code && code != ERR_NOT_FOUND))
        look_later(agent);
    else
        pull(agent, &ref);
}

static void look(void *arg)
{
    struct agent *agent = arg;
    struct image_ref ref;
    char full[IMAGE_REF_FULL_MAX];
    agent->base.asking = true;
    agent->base.renamed = false;
    if (!agent->docker_ready || !image_ref_parse(agent->base.name, &ref)) {
        look_later(agent);
        return;
    }
    image_ref_full(&ref, full);
    docker_image_inspect(agent->docker, full, on_looked, agent);
}

void agent_base_is(struct agent *agent, const struct string_list *settings)
{
    static const char key[] = "base_image=";
    struct base_image *base = &agent->base;
    for (size_t i = 0; i < settings->count; i++) {
        const char *setting = settings->item[i];
        if (strncmp(setting, key, sizeof key - 1) || !strcmp(base->name, setting + sizeof key - 1))
            continue;
        snprintf(base->name, sizeof base->name, "%s", setting + sizeof key - 1);
        base->renamed = true;
        base->pulled_ms = 0; /* base->missing keeps its text until the new image was looked for */
        if (!base->asking)
            look(agent);
    }
}

void agent_base_stop(struct agent *agent)
{
    timer_stop(&agent->base.looking);
}
