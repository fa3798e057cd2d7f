/* The verbs of corral-controller that do their work and end: all but serve. Each returns the exit code. */
#ifndef CORRAL_CONTROLLER_VERBS_H
#define CORRAL_CONTROLLER_VERBS_H

int verb_migrate(int argc, char **argv);
int verb_init(int argc, char **argv);
int verb_audit_verify(int argc, char **argv);
int verb_audit_export(int argc, char **argv);
int verb_audit_prune(int argc, char **argv);
int verb_pki_init(int argc, char **argv);
int verb_pki_issue(int argc, char **argv);

#endif
