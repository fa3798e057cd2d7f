/* What the operations on files of a sandbox share. */
#ifndef CORRAL_CONTROLLER_OPS_FILE_H
#define CORRAL_CONTROLLER_OPS_FILE_H

#include "controller/ops/ops.h"
#include "controller/streams/file_run.h"

/* Time limits: of what moves bytes, of what goes through a tree, and of the rest. */
#define FILE_TRANSFER_MS ((uint64_t)6 * 3600 * 1000)
#define FILE_TREE_MS     600000u
#define FILE_SHORT_MS    60000u
#define FILE_ENDLESS_MS  ((uint64_t)366 * 86400000) /* longer than a sandbox lives */

/*
 * Takes the parameter path into open->file, and finds the sandbox and its node. Otherwise answers the call,
 * now or later, and returns false.
 */
bool file_begin(struct controller *c, struct api_call *call, enum stream_file_verb verb, uint64_t timeout_ms,
                struct stream_open *open, char node[static NODE_NAME_MAX + 1]);

/* Starts it on the node; otherwise answers the call, and returns false. */
bool file_start(struct controller *c, struct api_call *call, const char *node, struct stream_open *open,
                const struct file_run_ops *ops, void *arg, struct file_run **run);

/* The parameter's value; "" if it is not there. */
void file_param(const struct api_call *call, const char *name, char *out, size_t size);

/* Answers with the error that an operation ended with. */
void file_fail(struct api_call *call, int code, const char *text);

/* The page of a folder's entries as they come; all zero before. Memory is charged to the run. */
struct file_page {
    struct file_list list;
    struct json_text json;
    size_t held;
};

/* Takes bytes of the list. False: they break a bound (e->code ERR_PROTOCOL), or may not be kept. */
bool file_page_take(struct file_page *page, struct file_run *run, const uint8_t *bytes, size_t len,
                    struct err *e);

/* Answers the call with the page, which is whole. */
void file_page_answer(struct file_page *page, struct api_call *call);
void file_page_fini(struct file_page *page);

/* Reads a header Range: one range of bytes. What is more, or cannot be read, asks for all (RFC 9110 section
 * 14.2). Pure. */
void file_range_parse(const char *header, struct stream_file *file);

#endif
