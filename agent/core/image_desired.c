#include "agent/core/image_desired.h"

#include "common/base/backoff.h"
#include "common/base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct desired_image {
    struct image_order order;
    char name[IMAGE_REF_FULL_MAX];
    char registry[IMAGE_REF_MAX + 1];
    bool exact;
    enum node_image_state state;
    enum image_act act; /* under way */
    bool removed;
    struct backoff backoff;
    uint64_t due_ms;
    struct node_image found; /* id, digest, sizes, problem */
};

struct image_desired {
    struct desired_image *item;
    size_t count;
    struct registry_login *login;
    size_t logins;
    struct image_orders gathered; /* pieces of the next set */
};

struct image_desired *image_desired_new(void)
{
    return mem_zalloc(sizeof(struct image_desired));
}

static void drop_logins(struct image_desired *d)
{
    if (d->login)
        explicit_bzero(d->login, d->logins * sizeof *d->login);
    mem_free_ptr(&d->login);
    d->logins = 0;
}

void image_desired_free(struct image_desired *d)
{
    if (!d)
        return;
    drop_logins(d);
    image_orders_fini(&d->gathered);
    free(d->item);
    free(d);
}

/* --- the orders --- */

static struct desired_image *find(const struct image_desired *d, const char *ref)
{
    for (size_t i = 0; i < d->count; i++) {
        if (!strcmp(d->item[i].order.ref, ref))
            return &d->item[i];
    }
    return NULL;
}

/* False for what is no name of an image: such an order cannot be carried out. */
static bool begin(struct desired_image *item, uint64_t now, const struct image_order *order)
{
    struct image_ref ref;
    if (!image_ref_parse(order->ref, &ref))
        return false;
    *item = (struct desired_image){.order = *order, .state = NODE_IMAGE_WAITING, .due_ms = now};
    if (order->digest[0])
        snprintf(ref.digest, sizeof ref.digest, "%s", order->digest);
    item->exact = ref.digest[0];
    image_ref_full(&ref, item->name);
    strcpy(item->registry, ref.registry);
    backoff_init(&item->backoff, IMAGE_RETRY_MS, IMAGE_RETRY_MOST_MS);
    return true;
}

/* Whether the order asks for what an earlier one asked for: that goes on. */
static bool is_same(const struct image_order *a, const struct image_order *b)
{
    return a->generation == b->generation && a->pull == b->pull && a->remove == b->remove &&
           !strcmp(a->digest, b->digest);
}

static void replace(struct image_desired *d, uint64_t now)
{
    struct image_orders *set = &d->gathered;
    struct desired_image *items = mem_zalloc((set->count + 1) * sizeof *items);
    size_t count = 0;
    for (size_t i = 0; i < set->count; i++) {
        const struct desired_image *old = find(d, set->order[i].ref);
        if (old && is_same(&old->order, &set->order[i])) {
            items[count] = *old;
            items[count++].order.keep = set->order[i].keep;
        } else {
            count += begin(&items[count], now, &set->order[i]);
        }
    }
    free(d->item);
    drop_logins(d);
    d->item = items;
    d->count = count;
    d->login = set->login; /* taken over */
    d->logins = set->logins;
    set->login = NULL;
    set->logins = 0;
    image_orders_fini(set);
}

static void gather(struct image_orders *set, const struct image_orders *piece)
{
    size_t room = IMAGE_DESIRED_MAX - set->count, more = piece->count < room ? piece->count : room;
    if (!more)
        return;
    set->order = mem_grow(set->order, set->count + more, sizeof *set->order);
    memcpy(set->order + set->count, piece->order, more * sizeof *set->order);
    set->count += more;
}

bool image_desired_take(struct image_desired *d, uint64_t now, const struct image_orders *piece)
{
    if (piece->first) {
        struct image_orders head = {.number = piece->number, .login = piece->login, .logins = piece->logins};
        image_orders_fini(&d->gathered);
        image_orders_copy(&d->gathered, &head);
    }
    if (!d->gathered.number || d->gathered.number != piece->number)
        return false;
    gather(&d->gathered, piece);
    if (piece->last)
        replace(d, now);
    return piece->last;
}

bool image_desired_holds(const struct image_desired *d, const char *ref, uint64_t generation)
{
    const struct desired_image *item = find(d, ref);
    return item && item->act != IMAGE_ACT_NONE && item->order.generation == generation;
}

/* --- steps --- */

static bool is_due(const struct desired_image *item, uint64_t now)
{
    if (item->act != IMAGE_ACT_NONE || now < item->due_ms)
        return false;
    if (item->order.remove)
        return !item->removed;
    return item->order.pull && item->state != NODE_IMAGE_PRESENT;
}

/* Whether there is a place for a pull of this registry. */
static bool has_place(const struct image_desired *d, const char *registry)
{
    unsigned all = 0, of_registry = 0;
    for (size_t i = 0; i < d->count; i++) {
        bool pulls = d->item[i].act == IMAGE_ACT_PULL;
        all += pulls;
        of_registry += pulls && !strcmp(d->item[i].registry, registry);
    }
    return all < IMAGE_DESIRED_PULLS && of_registry < IMAGE_DESIRED_OF_REGISTRY;
}

static const struct registry_login *login_of(const struct image_desired *d, const char *registry)
{
    for (size_t i = 0; i < d->logins; i++) {
        if (!strcmp(d->login[i].registry, registry))
            return &d->login[i];
    }
    return NULL;
}

/* What has waited longest goes first, so that no failing pull keeps another one out. */
void image_desired_next(struct image_desired *d, uint64_t now, struct image_step *step)
{
    struct desired_image *next = NULL;
    *step = (struct image_step){.act = IMAGE_ACT_NONE};
    for (size_t i = 0; i < d->count; i++) {
        struct desired_image *item = &d->item[i];
        if (is_due(item, now) && (!next || item->due_ms < next->due_ms) &&
            (item->order.remove || has_place(d, item->registry)))
            next = item;
    }
    if (!next)
        return;
    next->act = next->order.remove ? IMAGE_ACT_REMOVE : IMAGE_ACT_PULL;
    if (next->act == IMAGE_ACT_PULL)
        next->state = NODE_IMAGE_PULLING;
    step->act = next->act;
    step->generation = next->order.generation;
    step->exact = next->exact;
    step->login = next->act == IMAGE_ACT_PULL ? login_of(d, next->registry) : NULL;
    strcpy(step->ref, next->order.ref);
    strcpy(step->name, next->name);
}

/* The order that a step was for, whose step is now over; NULL: it is another one by now. */
static struct desired_image *over(struct image_desired *d, const struct image_step *step)
{
    struct desired_image *item = find(d, step->ref);
    if (!item || item->act != step->act || item->order.generation != step->generation ||
        strcmp(item->name, step->name))
        return NULL;
    item->act = IMAGE_ACT_NONE;
    item->found.problem[0] = 0;
    return item;
}

void image_desired_here(struct image_desired *d, const struct image_step *step,
                        const struct node_image *image)
{
    struct desired_image *item = over(d, step);
    if (!item)
        return;
    item->state = NODE_IMAGE_PRESENT;
    item->found = *image;
    item->found.problem[0] = 0;
    item->found.pull = NULL;
    item->found.pull_count = 0;
    backoff_reset(&item->backoff);
}

void image_desired_failed(struct image_desired *d, uint64_t now, uint32_t random,
                          const struct image_step *step, const char *problem)
{
    struct desired_image *item = over(d, step);
    if (!item)
        return;
    item->state = item->order.remove ? NODE_IMAGE_PRESENT : NODE_IMAGE_FAILED;
    item->due_ms = now + backoff_next(&item->backoff, random);
    snprintf(item->found.problem, sizeof item->found.problem, "%s", problem);
}

void image_desired_again(struct image_desired *d, uint64_t now, const struct image_step *step)
{
    struct desired_image *item = over(d, step);
    if (!item)
        return;
    item->state = NODE_IMAGE_WAITING;
    item->due_ms = now + IMAGE_RETRY_MS;
}

void image_desired_removed(struct image_desired *d, const struct image_step *step)
{
    struct desired_image *item = over(d, step);
    if (item)
        item->removed = true;
}

/* --- what others ask --- */

bool image_desired_keeps(const struct image_desired *d, const char *name)
{
    for (size_t i = 0; i < d->count; i++) {
        const struct desired_image *item = &d->item[i];
        if ((item->order.keep || item->order.pull) && !item->order.remove &&
            (!strcmp(item->order.ref, name) || !strcmp(item->name, name)))
            return true;
    }
    return false;
}

size_t image_desired_count(const struct image_desired *d)
{
    return d->count;
}

void image_desired_tell(const struct image_desired *d, size_t i, struct node_image *image,
                        char name[static IMAGE_REF_FULL_MAX])
{
    const struct desired_image *item = &d->item[i];
    *image = item->found;
    strcpy(image->ref, item->order.ref);
    image->state = item->state;
    image->generation = item->order.generation;
    image->pinned = item->order.keep;
    strcpy(name, item->name);
}
