#include "controller/leader/leader_ref.h"

#include "controller/leader/leader_int.h"

struct leader_ref leader_ref_of(struct leader *leader)
{
    return (struct leader_ref){leader, leader->term};
}

struct leader *leader_of(const struct leader_ref *ref)
{
    struct leader *leader = ref->leader;
    return leader->cluster && ref->term == leader->term ? leader : NULL;
}
