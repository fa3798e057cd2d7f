#include "tests/fuzz/target.h"

#include "tests/lib/init_agent.h"

#include <signal.h>
#include <stdlib.h>

/* Every few inputs something happens to one of the processes that the test plays. */
static void play(uint8_t what)
{
    static const uint8_t bytes[3000];
    struct played *p = world.started ? &world.played[what % world.started] : NULL;
    world.now_ms += what;
    if (!p)
        return;
    ssize_t n = p->out >= 0 && what & 1 ? write(p->out, bytes, sizeof bytes) : 0;
    n += p->err >= 0 && what & 2 ? write(p->err, bytes, what) : 0;
    (void)n;
    if (what & 4)
        close_end(&p->program);
    if ((what & 0x18) == 0x18) {
        close_played(p);
        init_streams_reaped(&world.streams, p->pid, 0, world.now_ms);
    }
}

static void check(void)
{
    const struct init_table *table = &world.streams.table;
    size_t sum = 0;
    for (size_t i = 0; i < table->count; i++)
        sum += init_ring_cost(table->child[i]->ring.room);
    if (sum != table->rings_used || sum > INIT_RINGS_MAX || table->running > INIT_RUNNING_MAX)
        abort();
}

/* What a hostile agent might send: the init's half of the streams reads it, in pieces. */
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    static uint8_t sink[1 << 20];
    signal(SIGPIPE, SIG_IGN);
    world_begin();
    for (size_t turn = 0; turn < 4000 && (len || turn % 4); turn++) {
        ssize_t n = len ? send(world.fd, bytes, len < 512 ? len : 512, MSG_NOSIGNAL | MSG_DONTWAIT) : 0;
        if (n > 0) {
            play(bytes[n - 1]);
            bytes += n;
            len -= (size_t)n;
        }
        world_turn();
        check();
        if (world.broken || world.link.fd < 0)
            break;
        (void)!recv(world.fd, sink, sizeof sink, MSG_DONTWAIT);
    }
    world_end();
    return 0;
}
