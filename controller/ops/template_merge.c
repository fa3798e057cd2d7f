#include "controller/ops/template_merge.h"

#include <stdbool.h>
#include <string.h>

/* Maps whose entries are united. */
static bool is_united(const char *name)
{
    return !strcmp(name, "labels") || !strcmp(name, "node_labels");
}

json_t *template_merge(const json_t *template, const json_t *body)
{
    json_t *out = json_deep_copy(template), *value;
    const char *name;
    json_object_foreach((json_t *)body, name, value)
    {
        json_t *own = json_object_get(out, name);
        if (own && is_united(name))
            json_object_update(own, value);
        else
            json_object_set_new(out, name, json_deep_copy(value));
    }
    json_object_del(out, "template");
    json_object_del(out, "env");
    return out;
}

json_t *template_change(const json_t *template, const json_t *change)
{
    json_t *out = json_deep_copy(template), *value;
    const char *name;
    json_object_foreach((json_t *)change, name, value)
    {
        if (json_is_null(value))
            json_object_del(out, name);
        else
            json_object_set_new(out, name, json_deep_copy(value));
    }
    return out;
}
