#include "agent/core/orphan.h"

#include <stdio.h>
#include <string.h>

bool orphan_sandbox(const struct sandbox_record *record)
{
    return !record || record->phase == PHASE_ENDED;
}

bool orphan_container(const struct sandbox_record *record, const char *container_id)
{
    return orphan_sandbox(record) || (record->phase == PHASE_RUNNING && record->container_id[0] &&
                                      strcmp(record->container_id, container_id));
}

enum state_file state_file_of(const char *name, struct sandbox_id *id)
{
    char text[SANDBOX_ID_LEN + 1];
    const char *rest = name + strnlen(name, SANDBOX_ID_LEN);
    snprintf(text, sizeof text, "%s", name);
    if (!sandbox_id_parse(text, id))
        return STATE_FILE_FOREIGN;
    return !*rest                  ? STATE_FILE_RECORD
           : !strcmp(rest, ".new") ? STATE_FILE_TEMPORARY
           : !strcmp(rest, ".bad") ? STATE_FILE_BAD
                                   : STATE_FILE_FOREIGN;
}

bool orphan_state_file(enum state_file file, bool known)
{
    return file == STATE_FILE_BAD || (file != STATE_FILE_FOREIGN && !known);
}

bool orphan_cgroup_name(const char *name, char id[static CONTAINER_ID_LEN + 1])
{
    bool scope = !strncmp(name, "docker-", 7);
    const char *from = scope ? name + 7 : name;
    if (strspn(from, "0123456789abcdef") != CONTAINER_ID_LEN ||
        strcmp(from + CONTAINER_ID_LEN, scope ? ".scope" : ""))
        return false;
    snprintf(id, CONTAINER_ID_LEN + 1, "%s", from);
    return true;
}

bool orphan_cleanup_due(uint64_t now, uint64_t cleaned_ms, uint64_t interval_ms, bool connected)
{
    return now - cleaned_ms >= (connected ? 2 * interval_ms : interval_ms);
}
