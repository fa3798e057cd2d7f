#!/usr/bin/python3
"""What the lint of words finds, and what it leaves.

usage: test_words.py"""
import words


def found(name, text):
    return [line.split(": ")[1] for line in [*words.retired_words(name, text), *words.letters(name, text)]]


def main():
    assert found("agent/core/x.c", "/* The keeper\n * sweeps the boxes. */") == ["keeper", "boxes", "sweeps"]
    assert found("sql/functions/x.sql", "create function f(host text, some_news jsonb)") == ["news", "host"]
    assert found("agent/x.h", "bool wanted; int NEWS_MAX; struct fleet_row;") == ["wanted", "NEWS", "fleet"]
    assert found("agent/node/host_probe.c", "the host's kernel; heartbeat, newsletter, sandbox, doorbell") == []
    assert found("common/io/tls_server.c", "if (what == SSL_ERROR_WANT_READ)") == []
    assert found("docs/x.md", "the holder of a certificate") == [] and found("docs/x.md", "a holder of a sandbox") == ["holder"]
    assert found("agent/x.c", "void f(struct runtime *r, struct http_request *q, const struct sandbox *a, struct sandbox *b);") == [
        "struct http_request is called q, which is none of its letters"]
    print("retired words are found, and others are not")


main()
