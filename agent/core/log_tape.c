#include "agent/core/log_tape.h"

#include "common/base/mem.h"

#include <stdlib.h>
#include <string.h>

#define STREAMS_APART_NS                                                                                     \
    1000000000u /* the two streams are written side by side, their times a little apart */

static size_t cost_of(const struct log_record *record)
{
    return record->len + LOG_RECORD_COST;
}

static void drop_oldest(struct log_tape *tape)
{
    struct log_record record;
    tape->from += (size_t)log_record_read(tape->bytes + tape->from, tape->to - tape->from, &record);
    tape->text -= record.len;
    tape->cost -= cost_of(&record);
    tape->truncated = true;
}

/* Makes room for so many bytes at the end. */
static void make_room(struct log_tape *tape, size_t more)
{
    if (tape->room - tape->to >= more)
        return;
    if (tape->from > tape->room / 4) {
        memmove(tape->bytes, tape->bytes + tape->from, tape->to - tape->from);
        tape->to -= tape->from;
        tape->from = 0;
    }
    if (tape->room - tape->to >= more)
        return;
    size_t room = tape->room ? 2 * tape->room : 4096;
    tape->room = room - tape->to < more ? tape->to + more : room;
    tape->bytes = mem_grow(tape->bytes, tape->room, 1);
}

void log_tape_add(struct log_tape *tape, const struct log_record *record)
{
    make_room(tape, LOG_RECORD_HEAD + record->len);
    log_record_head(record, tape->bytes + tape->to);
    memcpy(tape->bytes + tape->to + LOG_RECORD_HEAD, record->bytes, record->len);
    tape->to += LOG_RECORD_HEAD + record->len;
    tape->text += record->len;
    tape->cost += cost_of(record);
    while (tape->text > LOG_TEXT_MAX || tape->cost > LOG_COST_MAX)
        drop_oldest(tape);
}

static bool passes(const struct log_filter *filter, const struct log_record *record)
{
    return filter->streams >> record->stream & 1 && record->at_ns >= filter->since_ns;
}

/* How many lines begin among the records that pass. What has no line end yet counts as a line, too. */
static uint64_t count_lines(const struct log_tape *tape, const struct log_filter *filter)
{
    struct log_record record;
    bool open[LOG_STREAMS] = {false};
    uint64_t lines = 0;
    for (size_t at = tape->from; at < tape->to; at += LOG_RECORD_HEAD + record.len) {
        log_record_read(tape->bytes + at, tape->to - at, &record);
        if (!passes(filter, &record))
            continue;
        lines += !open[record.stream];
        open[record.stream] = !log_record_ends_line(&record);
    }
    return lines;
}

void log_tape_filter(struct log_tape *tape, const struct log_filter *filter)
{
    uint64_t lines = filter->tail == UINT64_MAX ? 0 : count_lines(tape, filter), begun = 0;
    uint64_t skip = lines > filter->tail ? lines - filter->tail : 0;
    uint64_t line[LOG_STREAMS] = {0}; /* the number of the line that is open; 0: none is */
    struct log_record record;
    size_t to = tape->from, len;
    for (size_t at = tape->from; at < tape->to; at += len) {
        log_record_read(tape->bytes + at, tape->to - at, &record);
        len = LOG_RECORD_HEAD + record.len;
        bool takes = passes(filter, &record);
        if (takes && !line[record.stream])
            line[record.stream] = ++begun;
        bool ends = log_record_ends_line(&record);
        if (takes && line[record.stream] > skip) {
            memmove(tape->bytes + to, tape->bytes + at, len);
            to += len;
        } else {
            tape->text -= record.len;
            tape->cost -= cost_of(&record);
        }
        if (takes && ends)
            line[record.stream] = 0;
    }
    tape->to = to;
}

void log_tape_fini(struct log_tape *tape)
{
    free(tape->bytes);
    *tape = (struct log_tape){0};
}

/* --- places --- */

void log_place_again(struct log_place *place)
{
    memset(place->seen, 0, sizeof place->seen);
}

bool log_place_pass(struct log_place *place, const struct log_record *record)
{
    unsigned i = record->stream;
    if (place->seen[i].at_ns != record->at_ns) {
        place->seen[i].at_ns = record->at_ns;
        place->seen[i].count = 0;
    }
    place->seen[i].count++;
    bool later = record->at_ns > place->last[i].at_ns ||
                 (record->at_ns == place->last[i].at_ns && place->seen[i].count > place->last[i].count);
    if (later)
        place->last[i] = place->seen[i];
    return later;
}

uint64_t log_place_since_ns(const struct log_place *place)
{
    uint64_t latest = 0;
    for (unsigned i = 0; i < LOG_STREAMS; i++) {
        if (place->last[i].at_ns > latest)
            latest = place->last[i].at_ns;
    }
    return latest > STREAMS_APART_NS ? latest - STREAMS_APART_NS : 0;
}
