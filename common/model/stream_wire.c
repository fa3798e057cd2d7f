#include "common/model/stream_wire.h"

#include "common/base/mem.h"

void stream_start_fini(struct stream_start *start)
{
    string_list_fini(&start->command);
    string_list_fini(&start->env);
    mem_free_ptr(&start->cwd);
}

void stream_process_fini(struct stream_process *process)
{
    string_list_fini(&process->command);
}
