/* Every verb. The table lists them in the order of the help. */
#ifndef CORRAL_CLI_VERBS_H
#define CORRAL_CLI_VERBS_H

#include "cli/cli.h"

/* verbs.c */
extern const struct command *const verbs[];
extern const size_t verbs_count;

/* cmd_login.c */
extern const struct command cmd_login, cmd_profile_ls, cmd_profile_rm;
extern const struct command cmd_run, cmd_exec, cmd_create, cmd_stats, cmd_completion;
extern const struct command cmd_shell, cmd_ps;
/* cmd_port.c */
extern const struct command cmd_port, cmd_port_ls, cmd_port_rm;
/* cmd_sandbox.c */
extern const struct command cmd_ls, cmd_show, cmd_rm, cmd_extend, cmd_pause, cmd_resume;
/* cmd_cp.c */
extern const struct command cmd_cp;
/* cmd_logs.c */
extern const struct command cmd_logs;
/* cmd_wait.c */
extern const struct command cmd_wait, cmd_events, cmd_quota;
/* cmd_tenant.c */
extern const struct command cmd_user_add, cmd_user_ls, cmd_user_show, cmd_user_set, cmd_user_rm, cmd_key_add,
    cmd_key_ls, cmd_key_set, cmd_key_rm, cmd_tier_ls, cmd_tier_show, cmd_tier_add, cmd_tier_set, cmd_tier_rm;
/* cmd_system.c */
extern const struct command cmd_node_ls, cmd_node_show, cmd_node_cordon, cmd_node_uncordon, cmd_node_drain,
    cmd_node_revoke, cmd_node_rm, cmd_system_stats, cmd_system_cleanup, cmd_audit;

#endif
