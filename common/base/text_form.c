#include "common/base/text_form.h"

#include <pthread.h>
#include <stdlib.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* of compiling; the C library locks comparing */

bool text_form_fits(struct text_form *form, const char *text)
{
    pthread_mutex_lock(&lock);
    if (!form->compiled && regcomp(&form->regex, form->expression, REG_EXTENDED | REG_NOSUB))
        abort();
    form->compiled = true;
    pthread_mutex_unlock(&lock);
    return !regexec(&form->regex, text, 0, NULL, 0);
}
