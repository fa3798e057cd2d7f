/* The functions to_* and from_* of the array of a part. Only for the .c files of this folder. */
#ifndef CORRAL_PROTO_NODE_ARRAYS_H
#define CORRAL_PROTO_NODE_ARRAYS_H

#include "common/base/id.h"
#include "common/base/mem.h"
#include "proto/node_parts.h"

#include <string.h>

/* The id of an item, where it is valid. */
static inline const char *name_of(const char *id)
{
    struct sandbox_id checked;
    return id && sandbox_id_parse(id, &checked) ? id : "";
}

#define NO_ID(item) ""

/*
 * Both directions of an array work alike for every part: an item that cannot be sent or taken is left out,
 * and the rest goes on. ID: where the item has its id.
 */
#define ARRAYS_OF(KIND, plural, part, plain, Generated, ID)                                                  \
    KIND bool to_##plural(struct pb_arena *arena, const plain *in, size_t count, struct node_faults *faults, \
                          Generated ***out, size_t *out_count)                                               \
    {                                                                                                        \
        Generated *item = pb_alloc(arena, count, sizeof *item);                                              \
        *out = pb_alloc(arena, count, sizeof **out);                                                         \
        *out_count = 0;                                                                                      \
        for (size_t i = 0; i < count; i++) {                                                                 \
            const char *fault;                                                                               \
            corral__##part##__init(&item[i]);                                                                \
            if (to_##part(arena, &in[i], &item[i], &fault))                                                  \
                (*out)[(*out_count)++] = &item[i];                                                           \
            if (fault)                                                                                       \
                node_fault_add(faults, #part, name_of(ID(&in[i])), fault);                                   \
        }                                                                                                    \
        return true;                                                                                         \
    }                                                                                                        \
    KIND bool from_##plural(Generated *const *in, size_t count, size_t max, struct node_faults *faults,      \
                            plain **out, size_t *out_count)                                                  \
    {                                                                                                        \
        if (count > max)                                                                                     \
            return false;                                                                                    \
        *out = mem_zalloc(count * sizeof **out);                                                             \
        for (size_t i = 0; i < count; i++) {                                                                 \
            const char *fault = "absent";                                                                    \
            if (in[i] && from_##part(in[i], &(*out)[*out_count], &fault))                                    \
                ++*out_count;                                                                                \
            else                                                                                             \
                memset(&(*out)[*out_count], 0, sizeof **out);                                                \
            if (fault)                                                                                       \
                node_fault_add(faults, #part, in[i] ? name_of(ID_OF_##part(in[i])) : "", fault);             \
        }                                                                                                    \
        return true;                                                                                         \
    }
#define ARRAYS(plural, part, plain, Generated, ID) ARRAYS_OF(, plural, part, plain, Generated, ID)
/* …of a part of a part, for this file alone. */
#define ARRAYS_HERE(plural, part, plain, Generated, ID) ARRAYS_OF(static, plural, part, plain, Generated, ID)

#endif
