#include "agent/node/doctor.h"

#include "agent/node/host_probe.h"

#include "common/base/json_text.h"
#include "common/io/conf_verbs.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct patient {
    struct loop *loop;
    const struct agent_conf *conf;
    struct host_check check[HOST_CHECKS_MAX];
    size_t count;
};

static void on_facts(void *arg, int code, const struct err *e, const struct docker_facts *facts)
{
    struct patient *p = arg;
    p->count = host_probe(p->conf, code ? NULL : facts, p->check);
    loop_stop(p->loop);
}

static const char *level_of(const struct host_check *check)
{
    return check->ok ? "ok" : check->needed_for ? "advisory" : "advice";
}

static void print_table(const struct patient *p)
{
    for (size_t i = 0; i < p->count; i++) {
        const struct host_check *c = &p->check[i];
        printf("%-9s %-13s %s\n", level_of(c), c->name, c->detail);
        if (!c->ok)
            printf("%-9s %-13s mend: %s\n", "", "", c->mend);
    }
}

static void print_json(const struct patient *p)
{
    struct json_text json = {0};
    json_text_object(&json, NULL);
    json_text_array(&json, "checks");
    for (size_t i = 0; i < p->count; i++) {
        const struct host_check *c = &p->check[i];
        json_text_object(&json, NULL);
        json_text_str(&json, "name", c->name);
        json_text_bool(&json, "ok", c->ok);
        json_text_str(&json, "level", level_of(c));
        json_text_str(&json, "detail", c->detail);
        json_text_str(&json, "mend", c->ok ? "" : c->mend);
        json_text_end(&json);
    }
    json_text_end(&json);
    json_text_end(&json);
    puts(json.text.data);
    json_text_fini(&json);
}

static int examine(const struct agent_conf *conf, bool json)
{
    struct patient p = {.loop = loop_new(), .conf = conf};
    struct docker *docker = docker_new(p.loop, conf->docker_socket);
    docker_hello(docker, on_facts, &p);
    loop_run(p.loop);
    docker_free(docker);
    loop_free(p.loop);
    if (json)
        print_json(&p);
    else
        print_table(&p);
    uint32_t enforced = host_enforces(p.check, p.count);
    for (size_t i = 0; i < p.count; i++) {
        if (p.check[i].needed_for & ~enforced)
            return 1;
    }
    return 0;
}

int agent_doctor(const struct program *program, int argc, char **argv)
{
    struct conf_sources sources;
    struct agent_conf conf = {0};
    bool json = argc && !strcmp(argv[0], "--json");
    int rc = conf_from_command(program, argc - json, argv + json, &sources, &conf);
    if (rc)
        return rc;
    rc = examine(&conf, json);
    conf_fini(&agent_conf_table, &conf);
    return rc;
}
