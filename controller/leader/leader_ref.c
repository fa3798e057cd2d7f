#include "controller/leader/leader_ref.h"

#include "controller/leader/cluster_int.h"

struct leader_ref leader_ref_of(struct cluster *c)
{
    return (struct leader_ref){c, c->term};
}

struct cluster *leader_of(const struct leader_ref *ref)
{
    struct cluster *c = ref->cluster;
    return c->fleet && ref->term == c->term ? c : NULL;
}
