#!/usr/bin/python3
"""Names each place that lacks a row of common/model/limit.def and is not generated from that table.

usage: limits.py SOURCE_ROOT"""
import json
import re
import sys
from pathlib import Path


def rows_of(text):
    """The macro and columns of each row; a column that is a text may hold commas, and is not needed here."""
    body = text[text.index("#ifndef LIMIT\n"):]
    for macro, columns in re.findall(r"^(LIMIT|LIMIT_TIME)\((.*?)\)$", body, re.M | re.S):
        names = [c.strip() for c in columns.split('"')[0].split(",")]
        yield {"time": macro == "LIMIT_TIME", "name": names[1], "asked": names[5:6] != ["NO"], "live": names[6:7] == ["YES"]}


def between(text, begin, end):
    """The text from the first match of begin to the next of end; '' if there is none."""
    found = re.search(begin, text)
    return text[found.start():found.end() + re.search(end, text[found.end():]).start()] if found else ""


def has(text, name):
    return re.search(rf"\b{name}\b", text) is not None


def in_table(schema, table, name):
    """Matches a column of a table, whether the table was created with it or it was added later."""
    return has(between(schema, rf"create table {table} \(", r"\n\);"), name) or re.search(
        rf"alter table {table}\b[^;]*\badd column {name}\b", schema) is not None


def ordered(text, names):
    return [n for n in re.findall(r"\w+", text) if n in names]


def missing(root, rows):
    def read(path):
        return (root / path).read_text()
    schema = "".join(p.read_text() for p in sorted((root / "sql/schema").glob("*.sql")))
    limits, admission, create = (read(f"sql/functions/{f}.sql") for f in ("limits", "admission", "objects"))
    objects = json.loads(read("controller/ops/objects.json"))["components"]["schemas"]
    options = read("cli/cmd_sandbox.c")
    agent = "".join(p.read_text() for d in ("docker", "cgroup", "disk", "sandbox") for p in sorted((root / "agent" / d).glob("*.c")))
    enforced, every = [r["name"] for r in rows if not r["time"]], [r["name"] for r in rows]

    for row in rows:
        name = row["name"]
        tier, sandbox = objects["Tier"], objects["Sandbox"]["properties"]["limits"]
        places = [
            (in_table(schema, "tiers", name), "sql/schema: a column of tiers"),
            (has(between(limits, r"create type limits_in_force", ";"), name), "sql/functions/limits.sql: limits_in_force"),
            (f"t.{name}, (defaults->>'{name}')" in limits, "sql/functions/limits.sql: limits_of"),
            (f"{name} = new.{name}" in read("sql/functions/tiers.sql"), "sql/functions/tiers.sql: patch_tier_once"),
            (name in tier["properties"] and name in tier["required"], "controller/ops/objects.json: Tier"),
            (f'"{name}", AS_' in read("cli/cmd_tenant.c"), "cli/cmd_tenant.c: tier ls"),
            (not row["asked"] or has(between(options, "create_options", "};"), name), "cli/cmd_sandbox.c: create_options"),
        ]
        if not row["time"]:
            places += [
                (in_table(schema, "sandboxes", name), "sql/schema: a column of sandboxes"),
                (has(between(admission, "create type admission_request", ";"), name), "sql/functions/admission.sql: admission_request"),
                (f"r.{name}" in between(admission, "insert into sandboxes", "returning"), "sql/functions/admission.sql: admit_one"),
                (f"'{name}', r.{name}" in admission, "sql/functions/admission.sql: audit_created"),
                (f"'{name}', s.{name}" in between(create, "create function sandbox_json", r"\$\$;"), "sql/functions/objects.sql: sandbox_json"),
                (name in sandbox["properties"] and name in sandbox["required"], "controller/ops/objects.json: Sandbox"),
                (has(between(read("proto/sandbox.proto"), "message SandboxLimits", "}"), name), "proto/sandbox.proto: SandboxLimits"),
                (re.search(rf"\b(?:limits|l)(?:->|\.){name}\b", agent) is not None, "agent: where the kernel is told"),
            ]
        if row["live"]:
            changes = read("sql/functions/changes.sql")
            places += [
                (f"above('{name}'" in changes, "sql/functions/changes.sql: patch_fault"),
                (f"s.{name} := coalesce((patch->>'{name}')" in changes, "sql/functions/changes.sql: patch_sandbox"),
                (f"{name} = s.{name}" in changes, "sql/functions/changes.sql: patch_sandbox, the update"),
                (has(between(changes, "resized := ", ";"), name), "sql/functions/changes.sql: patch_sandbox, resized"),
                (f"'{name}', s.{name}" in between(changes, "create function patchable_json", r"\$\$;"), "sql/functions/changes.sql: patchable_json"),
                (len(re.findall(rf'"{name}"', options)) > 1, "cli/cmd_sandbox.c: the options of a change"),
            ]
        yield from (f"{name} is missing in {place}" for good, place in places if not good)
    if ordered(between(limits, "create function limits_of_sandbox", r"\$\$;").replace("s.", " "), enforced) != enforced:
        yield "sql/functions/limits.sql: limits_of_sandbox has not the limits of this table in its order"
    if ordered(between(limits, "create function limit_keys", r"\$\$;"), every) != every:
        yield "sql/functions/limits.sql: limit_keys has not the rows of this table in its order"


def main(root):
    rows = list(rows_of((root / "common/model/limit.def").read_text()))
    if len(rows) < 7:
        sys.exit("common/model/limit.def: its rows are not read")
    faults = list(missing(root, rows))
    for fault in faults:
        print(f"common/model/limit.def: {fault}")
    if faults:
        sys.exit(1)
    print(f"{len(rows)} limits have all their places")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
