/* As node_parts.h, for what is said of images. Only for the .c files of this folder. */
#ifndef CORRAL_PROTO_NODE_IMAGE_PARTS_H
#define CORRAL_PROTO_NODE_IMAGE_PARTS_H

#include "proto/node_parts.h"

struct Corral__ImageOrders;
struct Corral__NodeImages;
struct Corral__RegistryLogin;

NODE_PART(logins, registry_login, Corral__RegistryLogin)

/* *out: NULL where nothing is said. in: may be NULL. False: past a bound of the message. */
bool to_node_images(struct pb_arena *arena, const struct node_images *in, struct node_faults *faults,
                    struct Corral__NodeImages **out);
bool from_node_images(const struct Corral__NodeImages *in, struct node_faults *faults,
                      struct node_images *out);
bool to_image_orders(struct pb_arena *arena, const struct image_orders *in, struct node_faults *faults,
                     struct Corral__ImageOrders **out);
bool from_image_orders(const struct Corral__ImageOrders *in, struct node_faults *faults,
                       struct image_orders *out);

#endif
