/* The list of pulled images on disk (core/image_memory.h), written so that a crash leaves the old or the new
 * one. */
#ifndef CORRAL_AGENT_DISK_IMAGE_FILE_H
#define CORRAL_AGENT_DISK_IMAGE_FILE_H

#include "agent/core/image_memory.h"

/* Fills *memory; a missing file is an empty list. ERR_IO, or ERR_PROTOCOL for a bad file; *memory is then
 * empty too. */
int image_file_load(const char *path, struct image_memory *memory, struct err *e) MUST_CHECK;
/* text: from image_memory_format. */
int image_file_save(const char *path, const char *text, struct err *e) MUST_CHECK;

#endif
