#include "common/model/node_wire.h"

#include <string.h>

void node_facts_fini(struct node_facts *facts)
{
    string_list_fini(&facts->labels);
    string_list_fini(&facts->runtimes);
}

static bool in_name_alphabet(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

bool node_name_valid(const char *name)
{
    size_t len = strnlen(name, NODE_NAME_MAX + 1);
    if (!len || len > NODE_NAME_MAX || !in_name_alphabet(name[0]) || !in_name_alphabet(name[len - 1]))
        return false;
    for (size_t i = 0; i < len; i++)
        if (!in_name_alphabet(name[i]) && name[i] != '-' && name[i] != '.')
            return false;
    return true;
}

const char *desired_name(enum desired desired)
{
    static const char *const names[] = {
        [DESIRED_RUNNING] = "running", [DESIRED_PAUSED] = "paused", [DESIRED_GONE] = "gone"};
    return names[desired];
}
