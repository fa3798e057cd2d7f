/* The best that evhttp can do: one fixed answer. usage: hello PORT */
#include <event2/buffer.h>
#include <event2/event.h>
#include <event2/http.h>
#include <signal.h>
#include <stdlib.h>

static void on_request(struct evhttp_request *request, void *arg)
{
    struct evbuffer *body = evbuffer_new();
    evbuffer_add_printf(body, "{\"hello\":\"world\"}");
    evhttp_add_header(evhttp_request_get_output_headers(request), "Content-Type", "application/json");
    evhttp_send_reply(request, 200, "OK", body);
    evbuffer_free(body);
}

int main(int argc, char **argv)
{
    signal(SIGPIPE, SIG_IGN);
    struct event_base *base = event_base_new();
    struct evhttp *http = evhttp_new(base);
    evhttp_set_gencb(http, on_request, NULL);
    if (argc != 2 || evhttp_bind_socket(http, "127.0.0.1", (unsigned short)atoi(argv[1])))
        return 1;
    return event_base_dispatch(base);
}
