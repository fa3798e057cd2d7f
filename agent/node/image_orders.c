#include "agent/node/image_orders.h"

#include "agent/agent_state.h"
#include "agent/core/image_desired.h"
#include "agent/node/image_inventory.h"
#include "agent/node/images.h"
#include "agent/sandbox/runtime.h"

#include "common/base/mem.h"
#include "common/io/log.h"
#include "common/io/pki.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#define TICK_MS  1000  /* progress is told so often */
#define ALL_MS   60000 /* and all images, for their uses */
#define TOLD_MAX 64    /* orders in one report of progress */

/* A step under way. */
struct step_run {
    LIST_ENTRY(step_run) link;
    struct image_orders_run *run;
    struct image_step step;
    struct docker_call *call; /* NULL: it cannot be cancelled now */
    char before[80];          /* id that the name had before its pull; "": it was not here */
    char removing[IMAGE_NAME_MAX + 1];
    char digest[NODE_IMAGE_DIGEST_MAX + 1]; /* of that image; "": not known */
    struct registry_login *login;           /* a copy; NULL: none */
    bool pulling, pulled, cancelled;
};

struct image_orders_run {
    struct agent *agent;
    struct image_desired *desired;
    LIST_HEAD(, step_run) steps;
    struct timer tick;
    struct docker_stored *stored; /* while containers are asked for */
    size_t stored_count;
    uint64_t listed_ms;
    bool listing, again, due; /* due: all images are to be told */
    bool progress;            /* some changed */
};

static void on_tick(void *arg);

struct image_orders_run *image_orders_new(struct agent *agent)
{
    struct image_orders_run *run = mem_zalloc(sizeof *run);
    run->agent = agent;
    run->desired = image_desired_new();
    run->due = true;
    LIST_INIT(&run->steps);
    timer_start(&run->tick, agent->loop, TICK_MS, on_tick, run);
    return run;
}

void image_orders_stop(struct image_orders_run *run)
{
    if (run)
        timer_stop(&run->tick);
}

static void forget_stored(struct image_orders_run *run)
{
    docker_stored_free(run->stored, run->stored_count);
    run->stored = NULL;
    run->stored_count = 0;
}

void image_orders_free(struct image_orders_run *run)
{
    if (!run)
        return;
    timer_stop(&run->tick);
    forget_stored(run);
    image_desired_free(run->desired);
    free(run);
}

static void soon(struct image_orders_run *run)
{
    timer_start(&run->tick, run->agent->loop, 100, on_tick, run);
}

void image_orders_changed(struct image_orders_run *run)
{
    if (!run)
        return;
    run->due = true;
    run->again |= run->listing;
    soon(run);
}

/* --- names --- */

/* Whether the agent's name of an image is one of those that the order is about. */
static bool is_of(const char *entry, const char *ref, const char *name)
{
    return !strcmp(entry, ref) || !strcmp(entry, name);
}

bool image_orders_keeps(const struct image_orders_run *run, const char *ref)
{
    return run && image_desired_keeps(run->desired, ref);
}

/* --- steps --- */

static void wipe_login(struct step_run *s)
{
    if (s->login)
        explicit_bzero(s->login, sizeof *s->login);
    mem_free_ptr(&s->login);
}

static void step_end(struct step_run *s)
{
    wipe_login(s);
    LIST_REMOVE(s, link);
    free(s);
}

static uint32_t random_bits(void)
{
    uint32_t bits;
    pki_random(&bits, sizeof bits);
    return bits;
}

static void step_failed(struct step_run *s, const char *problem)
{
    struct image_orders_run *run = s->run;
    log_warn("agent", "image=%s an order is not carried out yet: %s", s->step.ref, problem);
    image_desired_failed(run->desired, loop_now_ms(), random_bits(), &s->step, problem);
    run->progress = true;
    step_end(s);
    soon(run);
}

/* True: the step goes on. */
static bool answered(struct step_run *s, int code)
{
    struct image_orders_run *run = s->run;
    s->call = NULL;
    if (code == ERR_CANCELLED || s->cancelled) {
        step_end(s);
        return false;
    }
    if (code == ERR_IO || code == ERR_NODE_TIMEOUT) {
        image_desired_again(run->desired, loop_now_ms(), &s->step);
        step_end(s);
        return false;
    }
    return true;
}

static void step_here(struct step_run *s, const struct docker_image *image)
{
    struct image_orders_run *run = s->run;
    struct node_image found = {.size_bytes = image->size_bytes};
    snprintf(found.id, sizeof found.id, "%.79s", image->id);
    image_digest_in(&image->names, s->step.name, found.digest);
    image_desired_here(run->desired, &s->step, &found);
    log_info("agent", "image=%s is here as ordered", s->step.ref);
    run->progress = true;
    step_end(s);
    image_orders_changed(run);
}

/* The name with a tag has moved: the image that it stood for has only its digest as a name, by which it is
 * collected later. */
static void note_moved(const struct step_run *s, const struct docker_image *image)
{
    struct agent *agent = s->run->agent;
    const struct image_entry *entry = image_memory_find(&agent->images, s->step.name);
    struct image_ref name;
    char full[IMAGE_REF_FULL_MAX];
    if (!s->digest[0] || !entry || strcmp(entry->id, s->before) || !strcmp(s->before, image->id) ||
        !image_ref_parse(s->step.name, &name))
        return;
    snprintf(name.digest, sizeof name.digest, "%s", s->digest);
    image_ref_full(&name, full);
    agent_image_pulled(agent, full, s->before);
}

/* The name with a tag is noted beside the one with the digest, under which Docker has it: the catalogue
 * calls it so. */
static void note_names(struct step_run *s, const struct docker_image *image)
{
    struct agent *agent = s->run->agent;
    bool ours = image_memory_find(&agent->images, s->step.name) || strcmp(s->before, image->id);
    if (!ours)
        return;
    note_moved(s, image);
    agent_image_pulled(agent, s->step.name, image->id);
    if (strcmp(s->step.name, s->step.ref))
        agent_image_pulled(agent, s->step.ref, image->id);
}

static void on_found(void *arg, int code, const struct err *e, const struct docker_image *image);

static void on_pulled(void *arg, int code, const struct err *e)
{
    struct step_run *s = arg;
    s->pulling = false;
    wipe_login(s);
    if (!answered(s, code))
        return;
    if (code) {
        step_failed(s, e->text);
        return;
    }
    s->pulled = true;
    s->call = docker_image_inspect(s->run->agent->docker, s->step.name, on_found, s);
}

static void pull(struct step_run *s)
{
    struct agent *agent = s->run->agent;
    struct image_ref ref;
    char why[NODE_DETAIL_MAX + 1] = "it has no name of an image";
    if (!image_ref_parse(s->step.name, &ref) || !agent_may_pull(agent, &ref, why)) {
        step_failed(s, why);
        return;
    }
    struct docker_pull_bounds bounds = agent_pull_bounds(agent, "");
    bounds.login = s->login;
    s->pulling = true;
    s->call = docker_image_pull(agent->docker, s->step.name, &bounds, on_pulled, s);
}

static void on_found(void *arg, int code, const struct err *e, const struct docker_image *image)
{
    struct step_run *s = arg;
    char why[NODE_DETAIL_MAX + 1];
    if (!answered(s, code))
        return;
    if (code && code != ERR_NOT_FOUND) {
        step_failed(s, e->text);
    } else if (!s->pulled) {
        snprintf(s->before, sizeof s->before, "%s", code ? "" : image->id);
        if (!code)
            image_digest_in(&image->names, s->step.ref, s->digest);
        if (!code && s->step.exact) {
            agent_image_used(s->run->agent, s->step.name);
            if (image_memory_find(&s->run->agent->images, s->step.name))
                note_names(s, image);
            step_here(s, image);
        } else {
            pull(s);
        }
    } else if (code) {
        step_failed(s, "the image is missing after its pull");
    } else if (strcmp(s->before, image->id) && !agent_may_keep(s->run->agent, image, why)) {
        agent_image_refuse(s->run->agent, s->step.name, image->id);
        step_failed(s, why);
    } else {
        note_names(s, image);
        step_here(s, image);
    }
}

/* --- removals: every name that Corral pulled, and nothing else --- */

static void remove_next(struct step_run *s, bool any);

static void on_removed(void *arg, int code, const struct err *e)
{
    struct step_run *s = arg;
    if (!answered(s, code))
        return;
    if (code) {
        step_failed(s, e->text);
        return;
    }
    agent_image_forget(s->run->agent, s->removing);
    remove_next(s, true);
}

/* The name may belong to another image by now, which is then not ours. */
static void on_seen(void *arg, int code, const struct err *e, const struct docker_image *image)
{
    struct step_run *s = arg;
    struct agent *agent = s->run->agent;
    if (!answered(s, code))
        return;
    const struct image_entry *entry = image_memory_find(&agent->images, s->removing);
    if (code && code != ERR_NOT_FOUND) {
        step_failed(s, e->text);
    } else if (code || !entry || strcmp(entry->id, image->id)) {
        agent_image_forget(agent, s->removing);
        remove_next(s, true);
    } else if (agent_runtime_starts_with(agent, image->id)) {
        step_failed(s, "a sandbox starts with it");
    } else {
        docker_image_remove(agent->docker, s->removing, on_removed, s);
    }
}

static void remove_next(struct step_run *s, bool any)
{
    struct image_orders_run *run = s->run;
    const struct image_memory *memory = &run->agent->images;
    for (size_t i = 0; i < memory->count; i++) {
        if (!is_of(memory->item[i].ref, s->step.ref, s->step.name))
            continue;
        snprintf(s->removing, sizeof s->removing, "%s", memory->item[i].ref);
        s->call = docker_image_inspect(run->agent->docker, s->removing, on_seen, s);
        return;
    }
    if (!any) {
        step_failed(s, "it was not pulled by Corral, so it stays");
        return;
    }
    image_desired_removed(run->desired, &s->step);
    log_info("agent", "image=%s is removed as ordered", s->step.ref);
    step_end(s);
    image_orders_changed(run);
}

static void begin(struct image_orders_run *run, const struct image_step *step)
{
    struct step_run *s = mem_zalloc(sizeof *s);
    *s = (struct step_run){.run = run, .step = *step};
    LIST_INSERT_HEAD(&run->steps, s, link);
    if (step->act == IMAGE_ACT_REMOVE) {
        remove_next(s, false);
        return;
    }
    s->login = step->login ? mem_dup(step->login, sizeof *step->login) : NULL;
    s->step.login = NULL; /* borrowed until the next orders only */
    run->progress = true;
    s->call = docker_image_inspect(run->agent->docker, step->name, on_found, s);
}

static void begin_steps(struct image_orders_run *run)
{
    struct image_step step;
    if (!run->agent->docker_ready)
        return;
    for (image_desired_next(run->desired, loop_now_ms(), &step); step.act != IMAGE_ACT_NONE;
         image_desired_next(run->desired, loop_now_ms(), &step))
        begin(run, &step);
}

void image_orders_take(struct image_orders_run *run, const struct image_orders *piece)
{
    struct step_run *s;
    if (!image_desired_take(run->desired, loop_now_ms(), piece))
        return;
    LIST_FOREACH(s, &run->steps, link)
    {
        if (image_desired_holds(run->desired, s->step.ref, s->step.generation))
            continue;
        s->cancelled = true;
        if (s->call)
            docker_cancel(s->call);
    }
    soon(run);
}

/* --- what the controller is told --- */

static const struct step_run *pull_of(const struct image_orders_run *run, const char *ref)
{
    const struct step_run *s;
    LIST_FOREACH(s, &run->steps, link)
    {
        if (s->pulling && !s->cancelled && !strcmp(s->step.ref, ref))
            return s;
    }
    return NULL;
}

static void tell_progress(struct image_orders_run *run)
{
    struct node_images some = {.image = mem_zalloc(TOLD_MAX * sizeof *some.image)};
    for (size_t i = 0; i < image_desired_count(run->desired) && some.count < TOLD_MAX; i++) {
        char name[IMAGE_REF_FULL_MAX];
        struct node_image *image = &some.image[some.count];
        image_desired_tell(run->desired, i, image, name);
        const struct step_run *s = pull_of(run, image->ref);
        const struct pull_size *size = s && s->call ? docker_pull_progress(s->call) : NULL;
        if (image->state == NODE_IMAGE_WAITING)
            continue;
        if (size) {
            image->pull = mem_zalloc((size->count + 1) * sizeof *image->pull);
            pull_size_tell(size, PULL_LAYERS_MAX, image);
        }
        some.count++;
    }
    if (some.count)
        uplink_some_images(run->agent->uplink, &some);
    node_images_fini(&some);
}

/* Where an order stands goes before what Docker lists, as far as the image is here. */
static void add_orders(struct image_orders_run *run, struct node_images *all)
{
    for (size_t i = 0; i < image_desired_count(run->desired); i++) {
        char name[IMAGE_REF_FULL_MAX];
        struct node_image told;
        image_desired_tell(run->desired, i, &told, name);
        struct node_image *here = image_inventory_find(all, told.ref);
        if (!here)
            continue;
        here->pinned = told.pinned;
        if (told.state == NODE_IMAGE_WAITING)
            continue;
        here->state = told.state;
        here->generation = told.generation;
        if (told.digest[0])
            memcpy(here->digest, told.digest, sizeof here->digest);
        memcpy(here->problem, told.problem, sizeof here->problem);
    }
}

static void on_containers(void *arg, int code, const struct err *e, const struct docker_listed *items,
                          size_t count)
{
    struct image_orders_run *run = arg;
    struct node_images all;
    run->listing = false;
    if (!code && !run->again) {
        image_inventory(wall_now_ms(), &run->agent->images, run->stored, run->stored_count, items, count,
                        &all);
        add_orders(run, &all);
        uplink_images(run->agent->uplink, &all);
        node_images_fini(&all);
    } else {
        run->due = true;
    }
    forget_stored(run);
}

/* A list that is too long to be read is not told: the controller then knows what it knew. */
static void on_stored(void *arg, int code, const struct err *e, const struct docker_stored *items,
                      size_t count)
{
    struct image_orders_run *run = arg;
    if (code) {
        run->listing = false;
        run->due = code != ERR_TOO_LARGE;
        return;
    }
    run->stored = mem_zalloc((count + 1) * sizeof *run->stored);
    run->stored_count = count;
    for (size_t i = 0; i < count; i++) {
        run->stored[i] = items[i];
        run->stored[i].names = (struct string_list){0};
        for (size_t j = 0; j < items[i].names.count; j++)
            string_list_add(&run->stored[i].names, items[i].names.item[j]);
    }
    docker_container_list(run->agent->docker, on_containers, run);
}

static void tell_all(struct image_orders_run *run, uint64_t now)
{
    bool late = now - run->listed_ms >= ALL_MS;
    if (run->listing || !run->agent->docker_ready || !(run->due || late))
        return;
    run->listing = true;
    run->due = run->again = false;
    run->listed_ms = now;
    docker_image_list(run->agent->docker, on_stored, run);
}

static void on_tick(void *arg)
{
    struct image_orders_run *run = arg;
    begin_steps(run);
    if (run->progress || !LIST_EMPTY(&run->steps))
        tell_progress(run);
    run->progress = false;
    tell_all(run, loop_now_ms());
    timer_start(&run->tick, run->agent->loop, TICK_MS, on_tick, run);
}
