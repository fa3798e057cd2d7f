/* Tells each node of which of its sandboxes it is to keep samples more densely, while it leads. */
#include "controller/leader/leader_int.h"

#include "common/base/mem.h"

#include <stdlib.h>
#include <string.h>

struct telling {
    struct leader *leader;
    const char **told; /* nodes */
    size_t count;
};

static bool find(void *arg, const struct sandbox_id *id, struct watched_place *place)
{
    const struct telling *telling = arg;
    struct cluster_state_view view;
    if (!cluster_state_find(telling->leader->cluster, id, &view) || !view.node)
        return false;
    const struct node *node = node_table_find(cluster_state_nodes(telling->leader->cluster), view.node);
    if (!node || !node->session || !node->facts.dense)
        return false;
    *place = (struct watched_place){node->facts.name, view.user};
    return true;
}

static void tell(void *arg, const char *node, const struct sandbox_id *id, size_t count)
{
    struct telling *telling = arg;
    node_link_dense(telling->leader->link, node, id, count);
    telling->told[telling->count++] = node;
}

static bool was_told(const struct telling *telling, const char *node)
{
    for (size_t i = 0; i < telling->count; i++) {
        if (telling->told[i] == node)
            return true;
    }
    return false;
}

/* A node of which nothing is watched any more is told so; node_link_dense does nothing where it never was. */
void leader_dense_tick(struct leader *leader, struct watched *watched)
{
    if (!leader->ready)
        return;
    const struct node_table *nodes = cluster_state_nodes(leader->cluster);
    struct telling telling = {.leader = leader, .told = mem_zalloc((nodes->count + 1) * sizeof(char *))};
    watched_choose(watched, loop_now_ms(), find, tell, &telling);
    for (size_t i = 0; i < nodes->count; i++) {
        const char *name = nodes->item[i]->facts.name;
        if (!was_told(&telling, name))
            node_link_dense(leader->link, name, NULL, 0);
    }
    free(telling.told);
}
