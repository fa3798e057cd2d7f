/* The verbs of corral-controller that end after their work: all but serve. Each returns the exit code. */
#ifndef CORRAL_CONTROLLER_VERBS_H
#define CORRAL_CONTROLLER_VERBS_H

#include "common/io/verb.h"

int verb_migrate(const struct program *program, int argc, char **argv);
int verb_init(const struct program *program, int argc, char **argv);
int verb_audit_verify(const struct program *program, int argc, char **argv);
int verb_audit_export(const struct program *program, int argc, char **argv);
int verb_audit_prune(const struct program *program, int argc, char **argv);
int verb_upkeep_accept_clock(const struct program *program, int argc, char **argv);
int verb_secrets_new(const struct program *program, int argc, char **argv);
int verb_secrets_status(const struct program *program, int argc, char **argv);
int verb_pki_init(const struct program *program, int argc, char **argv);
int verb_pki_issue(const struct program *program, int argc, char **argv);

#endif
