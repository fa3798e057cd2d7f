/* The parts of stream_codec.c about files; private to it. Each _from returns false past a bound. */
#ifndef CORRAL_PROTO_STREAM_FILE_CODEC_H
#define CORRAL_PROTO_STREAM_FILE_CODEC_H

#include "common/model/stream_wire.h"

/* Of the generated code. */
struct Corral__FileOperation;
struct Corral__FileResult;

/* Whether an operation keeps its bounds. */
bool stream_file_valid(const struct stream_file *file);

/* pb borrows from file. */
void stream_file_to(const struct stream_file *file, struct Corral__FileOperation *pb);
bool stream_file_from(const struct Corral__FileOperation *pb, struct stream_file *file);

void stream_file_result_to(const struct stream_file_result *result, struct Corral__FileResult *pb);
bool stream_file_result_from(const struct Corral__FileResult *pb, struct stream_file_result *result);

#endif
