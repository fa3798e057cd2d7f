#include "agent/streams/file_stream.h"

#include "common/base/mem.h"
#include "common/io/pki.h"

#include <stdlib.h>

static bool is_archive(enum stream_file_verb verb)
{
    return verb == STREAM_FILE_PACK || verb == STREAM_FILE_UNPACK;
}

static bool has_input(enum stream_file_verb verb)
{
    return verb == STREAM_FILE_WRITE || verb == STREAM_FILE_UNPACK;
}

void file_stream_begin(struct process_stream *s, const struct stream_file *file)
{
    struct initlink *init = s->runtime->init;
    struct file_words words;
    struct err e;
    uint32_t needed = INIT_FEATURE_FILES | (is_archive(file->verb) ? INIT_FEATURE_ARCHIVES : 0u) |
                      (file->verb == STREAM_FILE_WATCH ? INIT_FEATURE_WATCH : 0u);
    if ((initlink_features(init) & needed) != needed) {
        (void)err_set(&e, ERR_INIT_TOO_OLD, "the sandbox was started by an init that cannot do this yet");
        process_core_fail(s, &e);
        return;
    }
    struct init_spawn *spawn = mem_zalloc(sizeof *spawn);
    pki_random(spawn->token, sizeof spawn->token);
    spawn->timeout_ms = file->timeout_ms;
    spawn->flags = INIT_PROCESS_FILE | INIT_PROCESS_EXEC | (has_input(file->verb) ? INIT_PROCESS_STDIN : 0u);
    spawn->start.cwd = "";
    file_arguments(file, &words, &spawn->start);
    s->attaches = s->exec = true;
    file_told_begin(&s->file, file->verb);
    if (has_input(file->verb))
        mux_widen(s->mux);
    process_core_spawn(s, spawn);
    free(spawn);
}

/* The result first; its room in the window is that of a process's final report. */
void file_stream_output(struct process_stream *s, const struct initlink_update *update)
{
    struct stream_message message = {.kind = STREAM_FILE_TOLD};
    const uint8_t *bytes = update->bytes;
    size_t len = update->len;
    struct err e;
    bool known = s->file.known;
    int rc = update->is_stderr ? err_set(&e, ERR_PROTOCOL, "the sandbox's helper said what it may not")
                               : file_told_take(&s->file, &bytes, &len, &e);
    message.file = s->file.result;
    if (!known && s->file.known && (!rc || rc == ERR_RANGE))
        process_core_say(s, &message);
    if (rc)
        process_core_fail(s, &e);
    else if (len)
        mux_write(s->mux, STREAM_STDOUT, bytes, len);
}

void file_stream_end(struct process_stream *s)
{
    struct err e;
    int rc = file_told_end(&s->file, &s->end, &e);
    process_core_finish(s, rc, rc ? e.text : "");
}
