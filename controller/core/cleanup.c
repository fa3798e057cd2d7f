#include "controller/core/cleanup.h"

bool cleanup_session_stale(bool proved, uint64_t silent_ms, uint64_t lease_ms)
{
    return silent_ms > (proved ? lease_ms : SESSION_PROOF_MS);
}

enum cleanup_kind cleanup_row_judge(const struct cleanup_row *row)
{
    if (row->moving || (row->node_here && row->reported) || (row->known && !row->node_here))
        return CLEANUP_KIND_COUNT;
    if (row->overdue)
        return CLEANUP_EXPIRED;
    /*
     * The cluster state does not know the row, so it was never sent and no node has it; a pending one may
     * still be sent.
     */
    bool unheld = row->known ? row->missing : row->node_here && row->state != SANDBOX_PENDING;
    return unheld ? CLEANUP_ROW_WITHOUT_CONTAINER : CLEANUP_KIND_COUNT;
}
