/*
 * Empty file systems, kept to be copied. mkfs takes 4 ms of a processor and 5 to 12 ms; what it writes is a
 * few extents of a sparse file (80 KiB for 1 GiB), which are copied in 0.1 ms. Kept for the sizes that were
 * asked for last, in files without a name, which end with this process. Copies have one UUID and one hash
 * seed. Any thread.
 */
#ifndef CORRAL_AGENT_DISK_DISK_FORM_H
#define CORRAL_AGENT_DISK_DISK_FORM_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#define DISK_FORMS     8           /* sizes */
#define DISK_FORM_MOST (16u << 20) /* bytes that are copied; a file system that has more is not kept */

struct disk_form {
    uint64_t size; /* 0: none */
    int file;
};

/* All zero at the start. */
struct disk_forms {
    pthread_mutex_t lock;
    struct disk_form form[DISK_FORMS];
    unsigned next; /* that is given up for a new one */
};

void disk_forms_init(struct disk_forms *forms);
void disk_forms_fini(struct disk_forms *forms);

/* Copies the file system of this size into the file, which is all zero. False: there is none, or it cannot be
 * copied; the file has to be formatted then. */
bool disk_forms_copy(struct disk_forms *forms, uint64_t size, int to);

/* Keeps a copy of the file, which was just formatted; if that fails, the next one is formatted again. dir: a
 * folder of its file system. */
void disk_forms_keep(struct disk_forms *forms, uint64_t size, int from, const char *dir);

#endif
