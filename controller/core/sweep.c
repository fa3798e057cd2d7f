#include "controller/core/sweep.h"

bool sweep_session_stale(bool proved, uint64_t silent_ms, uint64_t lease_ms)
{
    return silent_ms > (proved ? lease_ms : SESSION_PROOF_MS);
}

enum sweep_kind sweep_row_judge(const struct sweep_row *row)
{
    if (row->moving || (row->host_here && row->reported) || (row->known && !row->host_here))
        return SWEEP_KIND_COUNT;
    if (row->overdue)
        return SWEEP_EXPIRED;
    /* A row that the cluster state does not know was never sent, so no host has it; a pending one may still
     * be. */
    bool unheld = row->known ? row->missing : row->host_here && row->state != SANDBOX_PENDING;
    return unheld ? SWEEP_ROW_WITHOUT_CONTAINER : SWEEP_KIND_COUNT;
}
