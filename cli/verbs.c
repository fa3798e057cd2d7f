/* The table of verbs: the source of the help, the man page, docs/cli.md and the completion. */
#include "cli/verbs.h"

const struct command *const verbs[] = {
    &cmd_login,       &cmd_run,           &cmd_create,
    &cmd_ls,          &cmd_show,          &cmd_logs,
    &cmd_exec,        &cmd_shell,         &cmd_cp,
    &cmd_ps,          &cmd_port_ls, /* before cmd_port, whose name its own begins with */
    &cmd_port_rm,     &cmd_port,          &cmd_stats,
    &cmd_wait,        &cmd_events,        &cmd_extend,
    &cmd_pause,       &cmd_resume,        &cmd_rm,
    &cmd_quota,       &cmd_node_ls,       &cmd_node_show,
    &cmd_node_cordon, &cmd_node_uncordon, &cmd_node_drain,
    &cmd_node_revoke, &cmd_node_rm,       &cmd_user_add,
    &cmd_user_ls,     &cmd_user_show,     &cmd_user_set,
    &cmd_user_rm,     &cmd_key_add,       &cmd_key_ls,
    &cmd_key_set,     &cmd_key_rm,        &cmd_tier_ls,
    &cmd_tier_show,   &cmd_tier_add,      &cmd_tier_set,
    &cmd_tier_rm,     &cmd_system_stats,  &cmd_system_cleanup,
    &cmd_audit,       &cmd_profile_ls,    &cmd_profile_rm,
    &cmd_completion,
};

const size_t verbs_count = ARRAY_LEN(verbs);
