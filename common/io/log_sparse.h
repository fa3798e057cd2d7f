/*
 * Lines that anybody outside can cause, as many as they like: one a minute for each key (a network), which
 * says how many were left out since the one before. Bounded: of keys past LOG_SPARSE_KEYS nothing is said.
 */
#ifndef CORRAL_COMMON_LOG_SPARSE_H
#define CORRAL_COMMON_LOG_SPARSE_H

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

/* Whether a line is due for this key at now; then *left_out is how many of it were not. */
bool log_sparse_due(struct log_sparse *sparse, const char *key, uint64_t now_ms, uint64_t *left_out);
void log_sparse_fini(struct log_sparse *sparse);

#endif
