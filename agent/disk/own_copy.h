/* A file that others may replace at any time, as a package does with its programs: a copy that stays as it is
 * now. */
#ifndef CORRAL_AGENT_DISK_OWN_COPY_H
#define CORRAL_AGENT_DISK_OWN_COPY_H

#include "common/base/err.h"

/*
 * Makes copy a program of the same bytes, for everybody to run; where it is already, it is left alone, so
 * that a full disk does no harm. Who has the old one open or mounted keeps that. ERR_IO: it cannot be
 * written, or no program can be run from there; what was there is as it was.
 */
int own_copy_make(const char *program, const char *copy, struct err *e) MUST_CHECK;

#endif
