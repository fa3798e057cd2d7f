#include "common/model/node_wire.h"

void node_facts_fini(struct node_facts *facts)
{
    string_list_fini(&facts->labels);
    string_list_fini(&facts->runtimes);
}
