/* A private copy of a file that others may replace at any time, as a package does with its programs. */
#ifndef CORRAL_AGENT_DISK_OWN_COPY_H
#define CORRAL_AGENT_DISK_OWN_COPY_H

#include "common/base/err.h"

/*
 * Makes copy an executable with the same bytes that everybody may run. If it is the same already it is left
 * alone, so that a full disk does no harm. Users of the old copy (open or mounted) keep that. ERR_IO: it
 * cannot be written, or the file system is noexec; the old copy is then unchanged.
 */
int own_copy_make(const char *program, const char *copy, struct err *e) MUST_CHECK;

#endif
