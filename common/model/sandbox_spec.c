#include "common/model/sandbox_spec.h"

#include "common/base/mem.h"

#include <stdlib.h>
#include <string.h>

#define SHM_BYTES (64u << 20)

void string_list_add(struct string_list *list, const char *text)
{
    list->item = mem_grow(list->item, list->count + 1, sizeof *list->item);
    list->item[list->count++] = mem_strdup(text);
}

void string_list_fini(struct string_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        free(list->item[i]);
    free(list->item);
    memset(list, 0, sizeof *list);
}

void sandbox_spec_fini(struct sandbox_spec *spec)
{
    free(spec->image);
    free(spec->runtime);
    free(spec->user);
    string_list_fini(&spec->command);
    string_list_fini(&spec->env);
    string_list_fini(&spec->ready_command);
    free(spec->sealed_env);
    memset(spec, 0, sizeof *spec);
}

uint64_t sandbox_default_shm(uint64_t memory_bytes)
{
    uint64_t half = memory_bytes / 2;
    return half && half < SHM_BYTES ? half : SHM_BYTES;
}
