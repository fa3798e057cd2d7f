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
/* cmd_recommend.c */
extern const struct command cmd_recommend;

/* cmd_wait.c */
extern const struct command cmd_wait, cmd_quota;
extern const struct command cmd_events;
/* cmd_notifications.c */
extern const struct command cmd_notifications, cmd_notifications_read;
/* cmd_template.c */
extern const struct command cmd_template_create, cmd_template_ls, cmd_template_show, cmd_template_versions,
    cmd_template_set, cmd_template_rm;
/* cmd_webhook.c */
extern const struct command cmd_webhook_create, cmd_webhook_ls, cmd_webhook_show, cmd_webhook_set,
    cmd_webhook_rm, cmd_webhook_rotate, cmd_webhook_deliveries, cmd_webhook_replay;
/* cmd_image.c */
extern const struct command cmd_image_ls, cmd_image_show, cmd_image_pull, cmd_image_pin, cmd_image_unpin,
    cmd_image_rm, cmd_image_prune, cmd_registry_ls, cmd_registry_set, cmd_registry_rm;
/* cmd_alert.c */
extern const struct command cmd_alert_ls, cmd_alert_show, cmd_alert_rules, cmd_alert_add, cmd_alert_set,
    cmd_alert_rm, cmd_alert_silence, cmd_alert_unsilence;
/* cmd_image_analysis.c */
extern const struct command cmd_image_analysis, cmd_image_optimize;
/* cmd_tenant.c */
extern const struct command cmd_user_add, cmd_user_ls, cmd_user_show, cmd_user_set, cmd_user_rm, cmd_key_add,
    cmd_key_ls, cmd_key_set, cmd_key_rm, cmd_tier_ls, cmd_tier_show, cmd_tier_add, cmd_tier_set, cmd_tier_rm;
/* cmd_recommendation.c */
extern const struct command cmd_system_recommendations, cmd_system_recommendations_dismiss,
    cmd_system_recommendations_apply, cmd_system_recommendations_open;
/* cmd_history.c */
extern const struct command cmd_system_history;
/* cmd_system.c */
extern const struct command cmd_node_ls, cmd_node_show, cmd_node_cordon, cmd_node_uncordon, cmd_node_drain,
    cmd_node_revoke, cmd_node_rm, cmd_system_stats, cmd_system_cleanup, cmd_audit;

#endif
