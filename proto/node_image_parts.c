#include "proto/node_image_parts.h"

#include "common/base/mem.h"
#include "proto/node.pb-c.h"
#include "proto/node_arrays.h"
#include "proto/node_fields.h"

#include <stdlib.h>
#include <string.h>

#define COPY(name, most, also) out->name = in->name;

#define BOUND_OF struct node_image
static const struct field_bound image_bounds[] = {NODE_IMAGE_FIELDS(BOUND_ROW)};
#undef BOUND_OF
#define BOUND_OF struct node_image_layer
static const struct field_bound layer_bounds[] = {NODE_IMAGE_LAYER_FIELDS(BOUND_ROW)};
#undef BOUND_OF
#define BOUND_OF struct image_order
static const struct field_bound order_bounds[] = {IMAGE_ORDER_FIELDS(BOUND_ROW)};
#undef BOUND_OF

#define LOWER(bounds, plain) bounds_lower(bounds, ARRAY_LEN(bounds), plain)

/* Whether text of a plain struct can be sent. */
static bool fits(const char *text, size_t size)
{
    return memchr(text, 0, size) && pb_text_clean(text);
}

/* --- what a node has --- */

static bool to_node_image_layer(struct pb_arena *arena, const struct node_image_layer *plain,
                                Corral__NodeImageLayer *out, const char **fault)
{
    struct node_image_layer lowered = *plain, *in = &lowered;
    (void)LOWER(layer_bounds, in); /* the registry's figures: false ones are no fault of the node */
    NODE_IMAGE_LAYER_FIELDS(COPY)
    out->id = (char *)plain->id;
    out->state = in->state;
    *fault = !plain->id[0] || !fits(plain->id, sizeof plain->id) ? "id"
             : (unsigned)in->state >= NODE_LAYER_STATES          ? "state"
                                                                 : NULL;
    return !*fault;
}

static bool from_node_image_layer(const Corral__NodeImageLayer *in, struct node_image_layer *out,
                                  const char **fault)
{
    NODE_IMAGE_LAYER_FIELDS(COPY)
    (void)LOWER(layer_bounds, out);
    out->state = (enum node_layer_state)in->state;
    *fault = !pb_text(out->id, sizeof out->id, in->id) || !out->id[0] ? "id"
             : in->state >= NODE_LAYER_STATES                         ? "state"
                                                                      : NULL;
    return !*fault;
}

#define ID_OF_node_image_layer(in) ""
ARRAYS_HERE(layers, node_image_layer, struct node_image_layer, Corral__NodeImageLayer, NO_ID)

/* A number past its bound is lowered: the image is there all the same. */
static bool to_node_image(struct pb_arena *arena, const struct node_image *plain, Corral__NodeImage *out,
                          const char **fault)
{
    struct node_image lowered = *plain, *in = &lowered;
    struct node_faults of_layers = {0};
    const char *number = LOWER(image_bounds, in);
    NODE_IMAGE_FIELDS(COPY)
    out->ref = (char *)plain->ref;
    out->id = (char *)plain->id;
    out->digest = (char *)plain->digest;
    out->problem = pb_alloc(arena, 1, sizeof in->problem);
    out->state = in->state;
    *fault = !in->ref[0] || !fits(in->ref, sizeof in->ref) ? "ref"
             : !fits(in->id, sizeof in->id)                ? "id"
             : !fits(in->digest, sizeof in->digest)        ? "digest"
             : (unsigned)in->state >= NODE_IMAGE_STATES    ? "state"
             : !memchr(in->problem, 0, sizeof in->problem) ||
                     !pb_sentence(out->problem, sizeof in->problem, in->problem)
                 ? "problem"
                 : NULL;
    if (*fault)
        return false;
    (void)to_layers(arena, in->pull, in->pull_count, &of_layers, &out->pull, &out->n_pull);
    *fault = number ? number : of_layers.count ? "pull" : NULL;
    return true;
}

static bool from_node_image(const Corral__NodeImage *in, struct node_image *out, const char **fault)
{
    struct node_faults of_layers = {0};
    NODE_IMAGE_FIELDS(COPY)
    const char *number = LOWER(image_bounds, out);
    out->state = (enum node_image_state)in->state;
    *fault = !pb_text(out->ref, sizeof out->ref, in->ref) || !out->ref[0]   ? "ref"
             : !pb_text(out->id, sizeof out->id, in->id)                    ? "id"
             : !pb_text(out->digest, sizeof out->digest, in->digest)        ? "digest"
             : in->state >= NODE_IMAGE_STATES                               ? "state"
             : !pb_sentence(out->problem, sizeof out->problem, in->problem) ? "problem"
                                                                            : NULL;
    if (*fault)
        return false;
    if (!from_layers(in->pull, in->n_pull, NODE_IMAGE_LAYERS_MAX, &of_layers, &out->pull, &out->pull_count))
        number = "pull";
    *fault = number ? number : of_layers.count ? "pull" : NULL;
    return true;
}

#define ID_OF_node_image(in) ""
ARRAYS_HERE(images, node_image, struct node_image, Corral__NodeImage, NO_ID)

static size_t all_layers(const struct node_images *images)
{
    size_t count = 0;
    for (size_t i = 0; i < images->count; i++)
        count += images->image[i].pull_count;
    return count;
}

bool to_node_images(struct pb_arena *arena, const struct node_images *in, struct node_faults *faults,
                    Corral__NodeImages **result)
{
    *result = NULL;
    if (!in->number && !in->count)
        return true;
    if (in->count > NODE_IMAGE_PIECE_MAX || all_layers(in) > NODE_IMAGE_LAYERS_MAX)
        return false;
    Corral__NodeImages *out = *result = pb_alloc(arena, 1, sizeof *out);
    corral__node_images__init(out);
    out->number = in->number;
    out->first = in->first;
    out->last = in->last;
    return to_images(arena, in->image, in->count, faults, &out->images, &out->n_images);
}

bool from_node_images(const Corral__NodeImages *in, struct node_faults *faults, struct node_images *out)
{
    if (!in)
        return true;
    out->number = in->number;
    out->first = in->first;
    out->last = in->last;
    return from_images(in->images, in->n_images, NODE_IMAGE_PIECE_MAX, faults, &out->image, &out->count) &&
           all_layers(out) <= NODE_IMAGE_LAYERS_MAX;
}

/* --- what it is to do --- */

static bool to_image_order(struct pb_arena *arena, const struct image_order *plain, Corral__ImageOrder *out,
                           const char **fault)
{
    struct image_order lowered = *plain, *in = &lowered;
    const char *number = LOWER(order_bounds, in);
    IMAGE_ORDER_FIELDS(COPY)
    out->ref = (char *)plain->ref;
    out->digest = (char *)plain->digest;
    *fault = !in->ref[0] || !fits(in->ref, sizeof in->ref) ? "ref"
             : !fits(in->digest, sizeof in->digest)        ? "digest"
                                                           : NULL;
    bool fit = !*fault;
    *fault = *fault ? *fault : number;
    return fit;
}

static bool from_image_order(const Corral__ImageOrder *in, struct image_order *out, const char **fault)
{
    IMAGE_ORDER_FIELDS(COPY)
    const char *number = LOWER(order_bounds, out);
    *fault = !pb_text(out->ref, sizeof out->ref, in->ref) || !out->ref[0] ? "ref"
             : !pb_text(out->digest, sizeof out->digest, in->digest)      ? "digest"
                                                                          : NULL;
    bool fit = !*fault;
    *fault = *fault ? *fault : number;
    return fit;
}

#define ID_OF_image_order(in) ""
ARRAYS_HERE(orders, image_order, struct image_order, Corral__ImageOrder, NO_ID)

/* A password may hold anything but NUL: it is sent as it is where it is UTF-8. */
static bool to_registry_login(struct pb_arena *arena, const struct registry_login *in,
                              Corral__RegistryLogin *out, const char **fault)
{
    out->registry = (char *)in->registry;
    out->username = (char *)in->username;
    out->password = (char *)in->password;
    *fault = !in->registry[0] || !fits(in->registry, sizeof in->registry) ? "registry"
             : !fits(in->username, sizeof in->username)                   ? "username"
             : !fits(in->password, sizeof in->password)                   ? "password"
                                                                          : NULL;
    return !*fault;
}

static bool from_registry_login(const Corral__RegistryLogin *in, struct registry_login *out,
                                const char **fault)
{
    *fault = !pb_text(out->registry, sizeof out->registry, in->registry) || !out->registry[0] ? "registry"
             : !pb_text(out->username, sizeof out->username, in->username)                    ? "username"
             : !pb_text(out->password, sizeof out->password, in->password)                    ? "password"
                                                                                              : NULL;
    return !*fault;
}

#define ID_OF_registry_login(in) ""
ARRAYS(logins, registry_login, struct registry_login, Corral__RegistryLogin, NO_ID)

bool to_image_orders(struct pb_arena *arena, const struct image_orders *in, struct node_faults *faults,
                     Corral__ImageOrders **result)
{
    *result = NULL;
    if (!in->number)
        return true;
    if (in->count > NODE_IMAGE_PIECE_MAX || in->logins > NODE_LOGINS_MAX)
        return false;
    Corral__ImageOrders *out = *result = pb_alloc(arena, 1, sizeof *out);
    corral__image_orders__init(out);
    out->number = in->number;
    out->first = in->first;
    out->last = in->last;
    return to_orders(arena, in->order, in->count, faults, &out->orders, &out->n_orders) &&
           to_logins(arena, in->login, in->logins, faults, &out->logins, &out->n_logins);
}

bool from_image_orders(const Corral__ImageOrders *in, struct node_faults *faults, struct image_orders *out)
{
    if (!in || !in->number)
        return true;
    out->number = in->number;
    out->first = in->first;
    out->last = in->last;
    return from_orders(in->orders, in->n_orders, NODE_IMAGE_PIECE_MAX, faults, &out->order, &out->count) &&
           from_logins(in->logins, in->n_logins, NODE_LOGINS_MAX, faults, &out->login, &out->logins);
}
