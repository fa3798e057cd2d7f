/* Orders to keep samples more densely. */
#include "proto/node_parts.h"

#include "proto/node.pb-c.h"
#include "proto/node_fields.h"

#define COPY(name, most, also) out->name = in->name;

#define BOUND_OF struct dense_order
static const struct field_bound dense_bounds[] = {DENSE_ORDER_FIELDS(BOUND_ROW)};

bool to_dense_order(struct pb_arena *arena, const struct dense_order *in, Corral__DenseOrder **result)
{
    *result = NULL;
    if (!in->number)
        return true;
    Corral__DenseOrder *out = *result = pb_alloc(arena, 1, sizeof *out);
    corral__dense_order__init(out);
    DENSE_ORDER_FIELDS(COPY)
    out->ids = pb_alloc(arena, in->count + 1, sizeof *out->ids);
    for (; out->n_ids < in->count && out->n_ids < NODE_DENSE_MAX; out->n_ids++)
        out->ids[out->n_ids] = (char *)in->id[out->n_ids].text;
    return true;
}

bool from_dense_order(const Corral__DenseOrder *in, struct node_faults *faults, struct dense_order *out)
{
    if (!in)
        return true;
    DENSE_ORDER_FIELDS(COPY)
    (void)bounds_lower(dense_bounds, ARRAY_LEN(dense_bounds), out);
    for (size_t i = 0; i < in->n_ids; i++) {
        if (out->count < NODE_DENSE_MAX && sandbox_id_parse(in->ids[i], &out->id[out->count]))
            out->count++;
        else
            node_fault_add(faults, "dense order", "",
                           out->count < NODE_DENSE_MAX ? "it names no sandbox" : "it names too many");
    }
    return true;
}
