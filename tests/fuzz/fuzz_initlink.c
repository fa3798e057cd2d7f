#include "tests/fuzz/target.h"

#include "agent/initlink/initlink_view.h"

#include <stdlib.h>
#include <string.h>

static void check(const struct initlink_view *view, const struct initlink_update *update)
{
    if (view->processes > INITLINK_PROCESSES_MAX || view->attachments > INIT_ATTACHMENTS_MAX)
        abort();
    for (size_t i = 0; i < view->processes; i++) {
        if (view->process[i]->credit > INIT_STDIN_WINDOW_MAX ||
            view->process[i]->told.note_len > INIT_NOTE_MAX)
            abort();
    }
    if (update->kind == INITLINK_OUTPUT && (!update->len || update->len > INIT_DATA_MAX))
        abort();
}

/* What a hostile init might send to an agent that has started four processes and is attached to them. */
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    struct initlink_view view;
    struct initlink_update update = {0};
    struct init_frame frame;
    initlink_view_init(&view);
    initlink_view_linked(&view, 40);
    for (uint32_t i = 0; i < 4; i++) {
        (void)initlink_view_spawn(&view, 40 + i);
        (void)initlink_view_attach(&view, 40 + i, i == 3 ? INIT_FROM_OLDEST : 100 * i, 1000);
    }
    for (long n; (n = init_frame_get(bytes, len, &frame)) > 0; bytes += n, len -= (size_t)n) {
        if (frame.type == INIT_HELLO) {
            struct init_hello hello;
            if (!init_hello_get(frame.payload, frame.len, &hello))
                break;
            initlink_view_unlinked(&view);
            initlink_view_linked(&view, hello.next_process);
            (void)initlink_view_attach(&view, 41, INIT_FROM_END, INIT_CREDIT_MAX);
            continue;
        }
        if (!initlink_view_serves(frame.type) || !initlink_view_frame(&view, &frame, &update))
            break;
        check(&view, &update);
    }
    initlink_view_fini(&view);
    return 0;
}
