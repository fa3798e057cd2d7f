/*
 * The bytes of a descriptor, decompressed where they begin as gzip or zstd do. Memory: 64 KiB, and the window
 * that the compression has, at most 8 MiB. Functions return 0, an errno, or an enum init_file_fault.
 */
#ifndef CORRAL_AGENT_INIT_INIT_UNZIP_H
#define CORRAL_AGENT_INIT_INIT_UNZIP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct init_unzip;

/* NULL: no memory. in is borrowed. */
struct init_unzip *init_unzip_open(int in);
void init_unzip_close(struct init_unzip *zip);

/* Reads up to len bytes; *got 0: all have come. arg is a struct init_unzip. */
int init_unzip_read(void *arg, void *bytes, size_t len, size_t *got);

/* Reads what is left and throws it away, so that its writer can write all of it. */
int init_unzip_drain(struct init_unzip *zip);

#endif
