#include "controller/core/sandbox_request.h"

#include <stdlib.h>
#include <string.h>

void sandbox_request_fini(struct sandbox_request *request)
{
    sandbox_spec_fini(&request->spec);
    string_list_fini(&request->node_labels);
    free(request->name);
    free(request->region);
    free(request->labels);
    memset(request, 0, sizeof *request);
}
