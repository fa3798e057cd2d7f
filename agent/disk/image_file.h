/* The memory of pulled images on disk, written so that a crash leaves the old or the new one. */
#ifndef CORRAL_AGENT_DISK_IMAGE_FILE_H
#define CORRAL_AGENT_DISK_IMAGE_FILE_H

#include "agent/core/image_memory.h"

/* Fills *memory; a file that is not there is an empty one. ERR_IO, or ERR_PROTOCOL: it is then empty too. */
int image_file_load(const char *path, struct image_memory *memory, struct err *e) MUST_CHECK;
/* text: as image_memory_format has it. */
int image_file_save(const char *path, const char *text, struct err *e) MUST_CHECK;

#endif
