/* The statuses of HTTP by name (RFC 9110 section 15; RFC 6585). Pure. */
#ifndef CORRAL_COMMON_HTTP_HTTP_STATUS_H
#define CORRAL_COMMON_HTTP_HTTP_STATUS_H

/* The reason phrase of a status; "" for an unknown status. */
const char *http_status_text(int status);

#endif
