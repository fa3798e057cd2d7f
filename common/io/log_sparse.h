/*
 * For lines that anybody outside can cause, as many as they like: one line per minute for each key (a
 * network), which says how many were left out since the line before. Bounded: while LOG_SPARSE_KEYS keys are
 * in their pause, a further key logs nothing.
 */
#ifndef CORRAL_COMMON_IO_LOG_SPARSE_H
#define CORRAL_COMMON_IO_LOG_SPARSE_H

#include <stdbool.h>
#include <stdint.h>

#define LOG_SPARSE_KEYS      1024
#define LOG_SPARSE_PAUSE_MS  60000
#define LOG_SPARSE_KEY_BYTES 80

struct log_sparse_key;

/* All zero at the start. */
struct log_sparse {
    struct log_sparse_key *keys;
};

/* Whether a line is due for this key now; if so, *left_out is how many lines were left out before it. */
bool log_sparse_due(struct log_sparse *sparse, const char *key, uint64_t now_ms, uint64_t *left_out);
void log_sparse_fini(struct log_sparse *sparse);

#endif
