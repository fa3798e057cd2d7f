/* The periodic work of the controller. */
#ifndef CORRAL_CONTROLLER_JOBS_JOB_TABLE_H
#define CORRAL_CONTROLLER_JOBS_JOB_TABLE_H

#include "controller/jobs/jobs.h"

/* Their owner is the controller. */
extern const struct job controller_jobs[];
extern const size_t controller_jobs_count;

#endif
