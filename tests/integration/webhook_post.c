/* Posts to a URL as webhooks do, with private addresses refused, and prints the status and the problem.
 * usage: webhook_post URL */
#include "controller/webhooks/http_client.h"

#include <stdio.h>

static void on_answer(void *arg, const struct http_client_answer *answer)
{
    printf("%u|%s\n", answer->status, answer->problem);
    loop_stop(arg);
}

int main(int argc, char **argv)
{
    struct loop *loop = loop_new();
    struct http_client *client;
    struct err e;
    if (argc != 2 || http_client_new(&client, loop, &e))
        return 2;
    struct http_client_post request = {.url = argv[1], .body = "{}", .body_len = 2, .time_ms = 9000};
    http_client_start(client, &request, on_answer, loop);
    loop_run(loop);
    http_client_free(client);
    loop_free(loop);
    return 0;
}
