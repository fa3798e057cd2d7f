/*
 * The form of a text as an extended regular expression of ours, compiled at its first use and then kept:
 * compiling takes a hundred times as long as a comparison. The memory that a form takes depends on the
 * expression, not on the texts. Any thread.
 */
#ifndef CORRAL_COMMON_BASE_TEXT_FORM_H
#define CORRAL_COMMON_BASE_TEXT_FORM_H

#include <regex.h>
#include <stdbool.h>

/* Static, as TEXT_FORM(text). */
struct text_form {
    const char *expression;
    bool compiled;
    regex_t regex;
};
#define TEXT_FORM(text)                                                                                      \
    {                                                                                                        \
        .expression = (text)                                                                                 \
    }

/* An expression that does not compile is a bug, and aborts. */
bool text_form_fits(struct text_form *form, const char *text);

#endif
