#include "common/model/node_image.h"

#include "common/base/mem.h"

#include <stdlib.h>
#include <string.h>

const char *node_image_state_name(enum node_image_state state)
{
    static const char *const names[NODE_IMAGE_STATES] = {[NODE_IMAGE_WAITING] = "waiting",
                                                         [NODE_IMAGE_PULLING] = "pulling",
                                                         [NODE_IMAGE_PRESENT] = "present",
                                                         [NODE_IMAGE_FAILED] = "failed"};
    return names[state];
}

const char *node_layer_state_name(enum node_layer_state state)
{
    static const char *const names[NODE_LAYER_STATES] = {[NODE_LAYER_WAITING] = "waiting",
                                                         [NODE_LAYER_DOWNLOADING] = "downloading",
                                                         [NODE_LAYER_EXTRACTING] = "extracting",
                                                         [NODE_LAYER_DONE] = "done"};
    return names[state];
}

void node_image_fini(struct node_image *image)
{
    free(image->pull);
    *image = (struct node_image){.ref = ""};
}

void registry_logins_free(struct registry_login *logins, size_t count)
{
    if (logins)
        explicit_bzero(logins, count * sizeof *logins);
    free(logins);
}

void image_orders_copy(struct image_orders *dst, const struct image_orders *src)
{
    *dst = *src;
    dst->order = mem_zalloc((src->count + 1) * sizeof *dst->order);
    dst->login = mem_zalloc((src->logins + 1) * sizeof *dst->login);
    if (src->count)
        memcpy(dst->order, src->order, src->count * sizeof *dst->order);
    if (src->logins)
        memcpy(dst->login, src->login, src->logins * sizeof *dst->login);
}

void image_orders_fini(struct image_orders *orders)
{
    free(orders->order);
    registry_logins_free(orders->login, orders->logins);
    *orders = (struct image_orders){0};
}

void node_images_fini(struct node_images *images)
{
    for (size_t i = 0; i < images->count; i++)
        node_image_fini(&images->image[i]);
    free(images->image);
    *images = (struct node_images){0};
}
