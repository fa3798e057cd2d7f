#include "agent/core/layer_image.h"

#include "common/base/json_text.h"
#include "common/base/mem.h"
#include "common/base/text.h"

#include <stdlib.h>
#include <string.h>

void layer_config_fini(struct layer_config *config)
{
    struct string_list *const lists[] = {&config->env,   &config->labels,     &config->volumes,
                                         &config->ports, &config->entrypoint, &config->command,
                                         &config->shell, &config->health};
    for (size_t i = 0; i < ARRAY_LEN(lists); i++)
        string_list_fini(lists[i]);
    free(config->user);
    free(config->working_dir);
    free(config->stop_signal);
    *config = (struct layer_config){0};
}

static bool one_line(const char *value)
{
    for (; *value; value++)
        if ((unsigned char)*value < ' ' && *value != '\t')
            return false;
    return true;
}

/* Quotes a word, so that the builder takes it as it stands. */
static void put_quoted(struct text *out, const char *value)
{
    text_add(out, "\"");
    for (; *value; value++) {
        if (strchr("\"\\$", *value))
            text_add(out, "\\");
        text_add_bytes(out, value, 1);
    }
    text_add(out, "\"");
}

static void put_pair(struct text *out, const char *instruction, const char *pair)
{
    const char *value = strchr(pair, '=');
    size_t len = value ? (size_t)(value - pair) : strlen(pair);
    bool plain = len && strcspn(pair, " \t\"'\\$=#") == len && one_line(pair);
    text_fmt(out, plain ? "%s " : "# %s cannot be stated here: ", instruction);
    if (!plain)
        len = strcspn(pair, "=\n\r");
    text_add_bytes(out, pair, len < 200 ? len : 200);
    if (plain) {
        text_add(out, "=");
        put_quoted(out, value ? value + 1 : "");
    }
    text_add(out, "\n");
}

static void put_word(struct text *out, const char *instruction, const char *value)
{
    if (!value || !*value)
        return;
    if (one_line(value))
        text_fmt(out, "%s ", instruction);
    else
        text_fmt(out, "# %s cannot be stated here", instruction);
    for (; one_line(value) && *value; value++) {
        if (strchr("\\$", *value))
            text_add(out, "\\");
        text_add_bytes(out, value, 1);
    }
    text_add(out, "\n");
}

/* Words from the first one on, as JSON. */
static void put_words(struct text *out, const char *instruction, const struct string_list *words,
                      size_t first)
{
    struct json_text json = {0};
    if (!words->count)
        return;
    json_text_array(&json, NULL);
    for (size_t i = first; i < words->count; i++)
        json_text_str(&json, NULL, words->item[i]);
    json_text_end(&json);
    text_add(out, instruction);
    text_add(out, " ");
    text_add_bytes(out, json.text.data, json.text.len);
    text_add(out, "\n");
    json_text_fini(&json);
}

static void put_seconds(struct text *out, const char *name, uint64_t ns)
{
    if (ns)
        text_fmt(out, " --%s=%llums", name, (unsigned long long)(ns / 1000000));
}

static void put_health(struct text *out, const struct layer_config *config)
{
    const struct string_list *test = &config->health;
    struct text options = {0};
    if (!test->count || !test->item[0][0])
        return;
    if (!strcmp(test->item[0], "NONE")) {
        text_add(out, "HEALTHCHECK NONE\n");
        return;
    }
    text_add(&options, "HEALTHCHECK");
    put_seconds(&options, "interval", config->health_interval_ns);
    put_seconds(&options, "timeout", config->health_timeout_ns);
    put_seconds(&options, "start-period", config->health_start_ns);
    if (config->health_retries)
        text_fmt(&options, " --retries=%llu", (unsigned long long)config->health_retries);
    text_add(&options, " CMD");
    if (!strcmp(test->item[0], "CMD"))
        put_words(out, options.data, test, 1);
    else if (test->count > 1 && one_line(test->item[1])) {
        text_add(out, options.data);
        text_add(out, " ");
        text_add(out, test->item[1]);
        text_add(out, "\n");
    }
    text_fini(&options);
}

void layer_config_write(const struct layer_config *config, struct text *out)
{
    for (size_t i = 0; i < config->env.count; i++)
        put_pair(out, "ENV", config->env.item[i]);
    for (size_t i = 0; i < config->labels.count; i++)
        put_pair(out, "LABEL", config->labels.item[i]);
    for (size_t i = 0; i < config->ports.count; i++)
        put_word(out, "EXPOSE", config->ports.item[i]);
    put_words(out, "VOLUME", &config->volumes, 0);
    put_word(out, "USER", config->user);
    put_word(out, "WORKDIR", config->working_dir);
    put_word(out, "STOPSIGNAL", config->stop_signal);
    put_words(out, "SHELL", &config->shell, 0);
    put_health(out, config);
    put_words(out, "ENTRYPOINT", &config->entrypoint, 0);
    put_words(out, "CMD", &config->command, 0);
}
