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
    free(request->template);
    memset(request, 0, sizeof *request);
}

static bool has_variable(const struct string_list *env, const char *pair)
{
    size_t len = strcspn(pair, "=") + 1;
    for (size_t i = 0; i < env->count; i++) {
        if (!strncmp(env->item[i], pair, len))
            return true;
    }
    return false;
}

void sandbox_request_add_env(struct sandbox_request *request, const struct string_list *env)
{
    for (size_t i = 0; i < env->count; i++) {
        if (!has_variable(&request->spec.env, env->item[i]))
            string_list_add(&request->spec.env, env->item[i]);
    }
}
