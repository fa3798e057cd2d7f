/* A socket is closed outside the loop's thread, also where the process can start no thread for a while. */
#include "tests/lib/unit.h"

#include "common/io/msglink.h"
#include "common/io/msglink_int.h"

#include <errno.h>
#include <nng/protocol/reqrep0/req.h>
#include <pthread.h>
#include <stdbool.h>

static bool full;
static unsigned made;

int __real_pthread_create(pthread_t *thread, const pthread_attr_t *attr, void *(*run)(void *), void *arg);
int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attr, void *(*run)(void *), void *arg);

int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attr, void *(*run)(void *), void *arg)
{
    if (full)
        return EAGAIN;
    made++;
    return __real_pthread_create(thread, attr, run, arg);
}

static bool is_open(nng_socket socket)
{
    int ms;
    return !nng_socket_get_ms(socket, NNG_OPT_RECVTIMEO, &ms);
}

static void test_without_threads_it_waits_for_one(void **state)
{
    nng_socket socket;
    assert_int_equal(nng_req0_open(&socket), 0);
    full = true;
    msglink_close(socket);
    assert_int_equal(msglink_closing(), 1);
    assert_true(is_open(socket)); /* it is not closed here, where close may hang */
    full = false;
    while (msglink_closing())
        ;
    assert_int_equal(made, 1);
    assert_false(is_open(socket));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_without_threads_it_waits_for_one)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
