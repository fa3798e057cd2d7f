#include "agent/node/images.h"

#include "agent/agent_state.h"
#include "agent/disk/image_file.h"

#include "common/io/log.h"
#include "common/base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- the list of pulled images --- */

static void images_path(const struct agent *agent, char out[static 300])
{
    snprintf(out, 300, "%s/images", agent->conf->state_dir);
}

void agent_images_load(struct agent *agent)
{
    char path[300];
    struct err e;
    images_path(agent, path);
    if (image_file_load(path, &agent->images, &e))
        log_error("agent", "the list of pulled images cannot be read, so these images stay: %s", e.text);
}

struct images_saving {
    char path[300], *text;
};

static int save_images_work(void *arg, struct err *e)
{
    const struct images_saving *saving = arg;
    return image_file_save(saving->path, saving->text, e);
}

static void on_images_saved(void *arg, int code, const struct err *e)
{
    struct images_saving *saving = arg;
    if (code && code != ERR_CANCELLED)
        log_error("agent", "the list of pulled images cannot be written: %s", e->text);
    free(saving->text);
    free(saving);
}

static void save_images(struct agent *agent)
{
    struct images_saving *saving = mem_zalloc(sizeof *saving);
    images_path(agent, saving->path);
    saving->text = image_memory_format(&agent->images);
    worker_do(agent->worker, NULL, save_images_work, on_images_saved, saving);
}

void agent_image_pulled(struct agent *agent, const char *ref, const char *id)
{
    image_memory_pulled(&agent->images, wall_now_ms(), ref, id);
    save_images(agent);
}

void agent_image_used(struct agent *agent, const char *ref)
{
    if (image_memory_used(&agent->images, wall_now_ms(), ref))
        save_images(agent);
}

void agent_image_forget(struct agent *agent, const char *ref)
{
    image_memory_forget(&agent->images, ref);
    save_images(agent);
}

/* --- pulls --- */

struct docker_pull_bounds agent_pull_bounds(const struct agent *agent, const char *user)
{
    const struct agent_conf *conf = agent->conf;
    return (struct docker_pull_bounds){.user = user,
                                       .whole_ms = conf->pull_seconds * 1000,
                                       .silence_ms = conf->pull_silent_seconds * 1000,
                                       .image_bytes = conf->image_max_bytes,
                                       .free_bytes = conf->image_free_bytes,
                                       .root = agent->docker_facts.root_dir};
}

/* If Docker's disk cannot be seen, pulls are not bounded by it; doctor says so. */
static bool has_room(const struct agent *agent, char why[static NODE_DETAIL_MAX + 1])
{
    uint64_t bytes;
    return docker_free_bytes(agent->docker_facts.root_dir, &bytes, NULL) ||
           image_has_room(bytes, agent->conf->image_free_bytes, why);
}

bool agent_may_pull(const struct agent *agent, const struct image_ref *ref,
                    char why[static NODE_DETAIL_MAX + 1])
{
    if (image_ref_allowed(ref, agent->conf->registries))
        return has_room(agent, why);
    snprintf(why, NODE_DETAIL_MAX + 1,
             "its node pulls no images from its registry: %.60s is not one of %.100s", ref->registry,
             agent->conf->registries);
    return false;
}

bool agent_may_keep(const struct agent *agent, const struct docker_image *image,
                    char why[static NODE_DETAIL_MAX + 1])
{
    return image_size_fits(image->size_bytes, agent->conf->image_max_bytes, why) && has_room(agent, why);
}

struct refused {
    struct agent *agent;
    char *ref;
};

static void on_refused_removed(void *arg, int code, const struct err *e)
{
    struct refused *refused = arg;
    if (code && code != ERR_CANCELLED)
        log_warn("agent", "image=%s cannot be removed now; a cleanup will do it: %s", refused->ref, e->text);
    if (!code)
        agent_image_forget(refused->agent, refused->ref);
    free(refused->ref);
    free(refused);
}

void agent_image_refuse(struct agent *agent, const char *ref, const char *id)
{
    struct refused *refused = mem_zalloc(sizeof *refused);
    *refused = (struct refused){agent, mem_strdup(ref)};
    agent_image_pulled(agent, ref, id);
    docker_image_remove(agent->docker, ref, on_refused_removed, refused);
}
