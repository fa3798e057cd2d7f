#include "common/io/worker.h"

#include "tests/lib/unit.h"

#include <pthread.h>
#include <unistd.h>

#define ORDERS 8
#define EACH   200

struct bench {
    struct loop *loop;
    struct worker *worker;
    unsigned next[ORDERS]; /* for each order: written by the thread that runs the task */
    unsigned answered[ORDERS], left, refused, cancelled;
    int pipe[2];
};

struct task {
    struct bench *bench;
    unsigned order, number;
};

static struct sandbox_id order_id(unsigned order)
{
    uint8_t random[10] = {0};
    return sandbox_id_make(order + 1, random);
}

/* Needs no lock: only the order keeps two tasks of it from running at once. */
static int in_order(void *arg, struct err *e)
{
    struct task *t = arg;
    if (t->bench->next[t->order] != t->number)
        return err_set(e, ERR_INTERNAL, "out of its order");
    t->bench->next[t->order]++;
    return t->number % 2 ? err_set(e, ERR_IO, "an odd one") : 0;
}

static void on_answer(void *arg, int code, const struct err *e)
{
    struct task *t = arg;
    struct bench *b = t->bench;
    assert_int_equal(code, t->number % 2 ? ERR_IO : 0);
    assert_true(!code == !e);
    assert_int_equal(b->answered[t->order]++, t->number);
    free(t);
    if (!--b->left)
        loop_stop(b->loop);
}

static struct bench *bench_new(unsigned threads)
{
    struct bench *b = calloc(1, sizeof *b);
    struct err e;
    b->loop = loop_new();
    assert_int_equal(pipe(b->pipe), 0);
    assert_int_equal(worker_new(&b->worker, b->loop, threads, &e), 0);
    return b;
}

static void bench_free(struct bench *b)
{
    worker_free(b->worker);
    loop_free(b->loop);
    close(b->pipe[0]);
    close(b->pipe[1]);
    free(b);
}

static struct task *task_new(struct bench *b, unsigned order, unsigned number)
{
    struct task *t = malloc(sizeof *t);
    *t = (struct task){b, order, number};
    return t;
}

static void test_each_order_is_kept(void **state)
{
    struct bench *b = bench_new(4);
    b->left = ORDERS * EACH;
    for (unsigned n = 0; n < EACH; n++) {
        for (unsigned order = 0; order < ORDERS; order++) {
            struct sandbox_id id = order_id(order);
            worker_do(b->worker, order ? &id : NULL, in_order, on_answer, task_new(b, order, n));
        }
    }
    assert_int_equal(b->answered[0], 0); /* never inside the call */
    loop_run(b->loop);
    for (unsigned order = 0; order < ORDERS; order++)
        assert_int_equal(b->next[order], EACH);
    bench_free(b);
}

/* Waits for a byte: stands for a disk that hangs. */
static int hang(void *arg, struct err *e)
{
    struct task *t = arg;
    char byte;
    return read(t->bench->pipe[0], &byte, 1) == 1 ? 0 : err_set(e, ERR_IO, "no byte");
}

static void on_hung(void *arg, int code, const struct err *e)
{
    struct task *t = arg;
    struct bench *b = t->bench;
    assert_int_equal(code, 0);
    free(t);
    if (!--b->left)
        loop_stop(b->loop);
}

static void on_other(void *arg, int code, const struct err *e)
{
    struct task *t = arg;
    struct bench *b = t->bench;
    assert_int_equal(code, 0);
    assert_int_equal(write(b->pipe[1], "x", 1), 1);
    free(t);
    b->left--;
}

static void test_one_that_hangs_holds_up_only_its_order(void **state)
{
    struct bench *b = bench_new(2);
    struct sandbox_id stuck = order_id(1), other = order_id(2);
    b->left = 3;
    worker_do(b->worker, &stuck, hang, on_hung, task_new(b, 1, 0));
    worker_do(b->worker, &stuck, in_order, on_hung, task_new(b, 1, 0));
    worker_do(b->worker, &other, in_order, on_other, task_new(b, 2, 0));
    loop_run(b->loop);
    bench_free(b);
}

static void on_counted(void *arg, int code, const struct err *e)
{
    struct bench *b = arg;
    b->refused += code == ERR_RATE_LIMITED;
    b->cancelled += code == ERR_CANCELLED;
    if (code == ERR_RATE_LIMITED)
        loop_stop(b->loop);
}

static int nothing(void *arg, struct err *e)
{
    return 0;
}

static void on_freed(void *arg, int code, const struct err *e)
{
    struct task *t = arg;
    t->bench->cancelled += code == ERR_CANCELLED;
    free(t);
}

static void test_one_too_many_is_refused_and_the_rest_is_cancelled(void **state)
{
    struct bench *b = bench_new(1);
    worker_do(b->worker, NULL, hang, on_freed, task_new(b, 0, 0));
    for (unsigned i = 0; i < WORKER_JOBS_MAX; i++)
        worker_do(b->worker, NULL, nothing, on_counted, b);
    assert_int_equal(b->refused, 0);
    loop_run(b->loop);
    assert_int_equal(b->refused, 1);
    assert_int_equal(write(b->pipe[1], "x", 1), 1);
    worker_free(b->worker);
    assert_int_equal(b->cancelled, WORKER_JOBS_MAX);
    b->worker = NULL;
    bench_free(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_order_is_kept),
        cmocka_unit_test(test_one_that_hangs_holds_up_only_its_order),
        cmocka_unit_test(test_one_too_many_is_refused_and_the_rest_is_cancelled),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
