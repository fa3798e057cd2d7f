#include "controller/leader/changes.h"

void changes_subscribe(struct changes *changes, struct change_subscriber *subscriber)
{
    STAILQ_INSERT_TAIL(changes, subscriber, link);
}

void changes_leave(struct changes *changes, struct change_subscriber *subscriber)
{
    STAILQ_REMOVE(changes, subscriber, change_subscriber, link);
}

void changes_tell_state(const struct changes *changes, const struct state_change *change)
{
    const struct change_subscriber *s;
    STAILQ_FOREACH(s, changes, link)
    {
        if (s->on_state)
            s->on_state(s->arg, change);
    }
}

void changes_tell_row(const struct changes *changes, const struct row_change *change)
{
    const struct change_subscriber *s;
    STAILQ_FOREACH(s, changes, link)
    {
        if (s->on_row)
            s->on_row(s->arg, change);
    }
}

void changes_tell_node_gone(const struct changes *changes, const char *node)
{
    const struct change_subscriber *s;
    STAILQ_FOREACH(s, changes, link)
    {
        if (s->on_node_gone)
            s->on_node_gone(s->arg, node);
    }
}
