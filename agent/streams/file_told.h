/*
 * Operations on files between the controller and a helper in a sandbox (agent/init/init_file.h): what a
 * helper is started with, and what it prints. A helper's bytes are a tenant's: they are held to what they may
 * say. Pure.
 */
#ifndef CORRAL_AGENT_STREAMS_FILE_TOLD_H
#define CORRAL_AGENT_STREAMS_FILE_TOLD_H

#include "agent/init/init_file.h"
#include "agent/init/init_process.h"
#include "common/base/err.h"
#include "common/model/file_changes.h"
#include "common/model/stream_wire.h"

/* The texts of a helper's arguments. */
struct file_words {
    char number[6][24];
};

/* Fills the arguments of a start, which borrow from file and words. */
void file_arguments(const struct stream_file *file, struct file_words *words, struct init_start *start);

/* All zero but verb and changes at first. */
struct file_told {
    enum stream_file_verb verb;
    uint8_t head[sizeof(struct init_file_result)];
    size_t head_len;
    bool known; /* the result is there */
    struct stream_file_result result;
    uint64_t left;                /* bytes that are still to come, if result.has_length */
    struct file_changes *changes; /* WATCH: what is checked of them */
};

void file_told_begin(struct file_told *told, enum stream_file_verb verb);
void file_told_fini(struct file_told *told);

/*
 * Takes output of a helper, and its result out of it: *bytes and *len become what follows that. Returns 0;
 * the error of a helper that could not do it, also ERR_RANGE, with told->result set; ERR_PROTOCOL where it
 * says what it may not.
 */
int file_told_take(struct file_told *told, const uint8_t **bytes, size_t *len, struct err *e) MUST_CHECK;

/* The helper has ended, as this process tells, and all of its output was taken. An error where something is
 * missing. */
int file_told_end(const struct file_told *told, const struct stream_process *end, struct err *e) MUST_CHECK;

#endif
