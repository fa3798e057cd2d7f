/* Sizes and durations as people write and read them. Pure. */
#ifndef CORRAL_COMMON_BASE_UNITS_H
#define CORRAL_COMMON_BASE_UNITS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A number, alone or with K, M, G or T (powers of 1024; "MB" and "MiB" are the same): "512M", "0.5G"
 * (rounded down). Returns false for anything else. */
bool units_parse_bytes(const char *text, uint64_t *bytes);

/* A whole number of seconds, or parts with s, m, h or d, the largest first: "90", "1.5h", "1h30m". */
bool units_parse_seconds(const char *text, uint64_t *seconds);

/* Processors if there is a point ("0.5"), otherwise thousandths of one ("500", "500m"). */
bool units_parse_cpu_millis(const char *text, uint64_t *millis);

/* "512 B", "1.5 MiB". */
void units_format_bytes(uint64_t bytes, char *out, size_t size);

/* The two largest parts: "45s", "12m 5s", "3h 20m", "2d 4h". */
void units_format_seconds(uint64_t seconds, char *out, size_t size);

#endif
