#!/usr/bin/python3
"""Checks that generated pages, and parts of pages, match the programs' own tables; --write generates them again.

A part stands between `<!-- NAME: … -->` and `<!-- end -->`; the rest of its page is written by hand.

usage: docs.py SOURCE_ROOT BUILD_ROOT [--write]"""
import json
import re
import subprocess
import sys
from pathlib import Path

MARK = "Generated from the programs' own tables by `tests/docs.py SOURCE_ROOT BUILD_ROOT --write`."


def run(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def env_example(build):
    parts = ["# Every variable with its default. Any NAME may be given as NAME_FILE=path instead, for its content."]
    for program in ("controller", "agent"):
        parts.append(f"\n# --- corral-{program} ---\n" + run(build / program / f"corral-{program}", "config", "env").rstrip())
    return "\n".join(parts) + "\n"


def configuration(build):
    text = ["# Configuration", "", MARK, "",
            "Each daemon reads a YAML file (`--config FILE`; `/etc/corral/controller.yaml` and `/etc/corral/agent.yaml`",
            "without it), over it the environment, over it flags (`--listen-port 3100`). A secret, or any other value, may",
            "come from a file: `NAME_FILE=path`. An unknown key or a value out of range stops the start, with file, line, key",
            "and what is allowed. SIGHUP reloads what is reloadable, all or nothing. `config check` tries a configuration,",
            "`config show` prints what is in force with secrets hidden. `deploy/env.example` has all names with their defaults.", ""]
    for program in ("controller", "agent"):
        text += [f"## corral-{program}", "", run(build / program / f"corral-{program}", "config", "docs").rstrip(), ""]
    return "\n".join(text)


def verbs(build):
    out = run(build / "cli/corral", "--help")
    return re.findall(r"^  ([a-z]+(?: [a-z]+)*)  ", out, re.M)


def roff(text):
    return "\n".join(("\\&" + line if line.startswith((".", "'")) else line) for line in text.replace("\\", "\\e").splitlines())


def man(name, section, what, body):
    return (f'.\\" {MARK}\n.TH {name.upper()} {section} "" Corral\n.SH NAME\n{name} \\- {what}\n' + body)


def man_corral(build):
    body = ".SH SYNOPSIS\n.B corral\nVERB [OPTION]... [ARGUMENT]...\n.SH DESCRIPTION\n.nf\n"
    body += roff(run(build / "cli/corral", "--help")) + "\n.fi\n.SH VERBS\n"
    for verb in verbs(build):
        body += f".SS {verb}\n.nf\n{roff(run(build / 'cli/corral', *verb.split(), '--help').rstrip())}\n.fi\n"
    return man("corral", 1, "run code that is not trusted in sandboxes", body)


def man_daemon(build, program, what):
    help_text = run(build / program / f"corral-{program}", "--help")
    body = f".SH SYNOPSIS\n.B corral-{program}\nVERB [OPTION]...\n.SH DESCRIPTION\n.nf\n{roff(help_text)}\n.fi\n"
    body += (".SH CONFIGURATION\nSee docs/configuration.md; every key is a flag, an environment variable and a key of the YAML"
             f" file.\n.nf\n{roff(run(build / program / f'corral-{program}', 'config', 'env'))}\n.fi\n")
    if program == "agent":
        body += (".SH FILES\n.TP\nrecords/\nThe desired state of each sandbox, in the folder state_dir.\n"
                 ".TP\noutbox\nWhat the controller has not yet committed, which episodes are open, and the highest epoch of a"
                 " controller that was seen: an older one is refused. Where the database was put back to an earlier copy, raise"
                 " the epoch in its table leadership to more than it ever was, or stop the agents and remove this file.\n"
                 ".TP\n*.bad\nOne of these that made no sense; kept for you to look at.\n")
    body += ".SH SIGNALS\nSIGHUP reloads the configuration, SIGTERM ends the daemon; sandboxes go on living.\n"
    return man(f"corral-{program}", 8, what, body)


# --- the REST interface ---

WHO = {"OPEN": "anybody", "READ": "user: `read`", "EXEC": "user: `exec`", "WRITE": "user: `write`", "ADMIN": "administrator",
       "METRICS": "administrator, or anybody with `metrics_open`"}


def rest(root):
    table = (root / "controller/ops/routes.def").read_text()
    rows = re.findall(r'^ROUTE\(\w+, "(\w+)", "([^"]+)", (\w+), \w+, (\d+), "([^"]*)",\s+"([^"]+)", \w+[,)]', table, re.M)
    assert len(rows) == len(re.findall(r"^ROUTE\(", table, re.M)), "a row of routes.def is of another form than this reads"
    text = ["# REST", "", MARK, "",
            "`GET /openapi.json` is the whole description; the tests hold every answer to it. Send the API key as `X-API-Key`",
            "or `Authorization: Bearer`; two that differ are refused. Errors are `application/problem+json` (RFC 9457) with a stable",
            "`code` ([errors.md](errors.md)), and `errors` with a JSON pointer for each field that does not validate. Unknown fields",
            "and parameters are refused. What a success means, and when it comes: [answers.md](answers.md).", "",
            "| method | path | who | success | what |", "| --- | --- | --- | --- | --- |"]
    text += [f"| {method} | `{path}` | {WHO[who]} | {status} {answer} | {what} |" for method, path, who, status, answer, what in rows]
    return "\n".join(text) + "\n"


def errors(root):
    rows = re.findall(r'^ERR\(\w+, "(\w+)", (\d+), (\d), "([^"]+)"\)', (root / "common/base/err.def").read_text(), re.M)
    text = ["| code | status | try again | title |", "| --- | --- | --- | --- |"]
    text += [f"| `{code}` | {status} | {'yes' if retry == '1' else 'no'} | {title} |"
             for code, status, retry, title in sorted(rows, key=lambda row: (row[1], row[0]))]
    return "\n".join(text), {row[0] for row in rows}


def events(root):
    types = json.loads((root / "controller/ops/objects.json").read_text())["components"]["schemas"]["Event"]["properties"]["type"]["oneOf"]
    text = ["| type | when | `data` |", "| --- | --- | --- |"]
    for row in types:
        when, _, data = row["description"].partition(" Data: ")
        text.append(f"| `{row['const']}` | {when} | {data.rstrip('.')} |")
    return "\n".join(text)


# --- metrics ---

ENDS = {"SECONDS": "_seconds", "BYTES": "_bytes", "CORES": "_cores", "NONE": ""}


def metrics(root):
    """The rows of metrics.def, whose names must end as Prometheus advises."""
    table = (root / "controller/ops/metrics.def").read_text()
    rows = [(name, kind, unit, "", "", text) for name, kind, unit, text in
            re.findall(r'^METRIC\((\w+), (\w+), (\w+), "([^"]+)", [^\n]+\)$', table, re.M)]
    rows += re.findall(r'^SERIES\((\w+), (\w+), (\w+), "([^"]*)", "([^"]*)", "([^"]+)", \w+\)$', table, re.M)
    order = re.findall(r"^(?:METRIC|SERIES)\((\w+)", table, re.M)
    assert len(rows) == len(order) == len(set(order)), "a row of metrics.def is of another form than this reads, or there twice"
    text = ["| metric | type | labels (bounded by) | what |", "| --- | --- | --- | --- |"]
    for name, kind, unit, labels, bounded, help_text in sorted(rows, key=lambda row: order.index(row[0])):
        end = ENDS[unit] + ("_total" if kind == "COUNTER" else "")
        others = [suffix for suffix in ["_total", *ENDS.values()] if suffix and suffix not in end]
        assert name.endswith(end) and not name.endswith(tuple(others)), f"{name} does not end as a {kind} in {unit} does"
        labels = ", ".join(f"`{label}`" for label in labels.split(",") if label)
        text.append(f"| `{name}` | {kind.lower()} | {labels}{f' ({bounded})' if bounded else ''} | {help_text} |")
    return "\n".join(text), set(order)


def alarms(root):
    rules = (root / "deploy/prometheus/corral.rules.yml").read_text()
    text = ["| alarm | for | severity | what it means | where to read on |", "| --- | --- | --- | --- | --- |"]
    for rule in re.split(r"^      - alert: ", rules, flags=re.M)[1:]:
        said = dict(re.findall(r'^ +(for|meaning|see): "?(.*?)"?$', rule, re.M), severity=re.search(r"severity: (\w+)", rule)[1])
        text.append(f"| `{rule.split()[0]}` | {said.get('for', '')} | {said['severity']} | {said['meaning']} | [{said['see']}]({said['see']}) |")
    return "\n".join(text)


# --- steps of a start ---

def steps(root):
    table = (root / "common/model/start_time.def").read_text()
    rows = re.findall(r'^START_TIME\(\w+, (\w+), (\w+),\s+"([^"]+)"\)', table, re.M)
    assert len(rows) == len(re.findall(r"^START_TIME\(", table, re.M)), "a row of start_time.def is of another form than this reads"
    return "\n".join(["| step | measured by | what |", "| --- | --- | --- |"] + [f"| `{name}` | {by.lower()} | {what} |" for name, by, what in rows])


# --- the command lines ---

def advice(root):
    table = (root / "controller/core/advice_rule.def").read_text()
    rows = re.findall(r'^ADVICE\((\w+), (\w+), advice_\w+, "([^"]+)"\)$', table, re.M)
    assert len(rows) == len(re.findall(r"^ADVICE\(", table, re.M)), "a row of advice_rule.def is of another form than this reads"
    return "\n".join(["| kind | rule | what it finds |", "| --- | --- | --- |", *(f"| `{kind.lower()}` | `{name}` | {what} |" for name, kind, what in rows)])


def cli(build):
    text = ["# Command lines", "", MARK, "",
            "The same as `--help` and the man pages (`corral(1)`, `corral-controller(8)`, `corral-agent(8)`) say.", ""]
    for program in ("cli/corral", "controller/corral-controller", "agent/corral-agent"):
        text += [f"## {Path(program).name}", "", "```", run(build / program, "--help").rstrip(), "```", ""]
    text += ["## The verbs of corral", ""]
    for verb in verbs(build):
        text += [f"### corral {verb}", "", "```", run(build / "cli/corral", *verb.split(), "--help").rstrip(), "```", ""]
    return "\n".join(text)


# --- pages written by hand with a generated part, and what they must name ---

def with_part(root, page, *parts):
    """parts: the name of each, and its text."""
    path = root / page
    new = path.read_text() if path.is_file() else ""
    for name, text in zip(parts[::2], parts[1::2]):
        form = rf"(<!-- {name}: [^\n]*-->\n).*?(<!-- end -->)"
        new, count = re.subn(form, lambda m: m.group(1) + text + "\n" + m.group(2), new, flags=re.S)
        if count != 1:
            sys.exit(f"{page}: has no part `<!-- {name}: … -->` … `<!-- end -->`")
    return new


def names_missing(root, codes, metric_names):
    """Pages written by hand name only codes and metrics that exist, and for each code they say what helps."""
    found = []
    by_hand = (root / "docs/errors.md").read_text().split("<!-- end -->")[-1]
    helps = [code for cell in re.findall(r"^\| ([^|]*) \|", by_hand, re.M) for code in re.findall(r"`(\w+)`", cell)]
    found += [f"docs/errors.md: does not say what helps where the code is {code}" for code in sorted(codes - set(helps))]
    found += [f"docs/errors.md: says what helps for {code}, which is no code" for code in sorted(set(helps) - codes)]
    monitoring = [*(root / "deploy/prometheus").glob("*.yml"), *(root / "deploy/grafana").glob("*.json"), root / "tests/prometheus/alerts.yml"]
    for page in [*(root / "docs").glob("*.md"), root / "README.md", root / "ARCHITECTURE.md", *monitoring]:
        named = set(re.findall(r"\b(corral_[a-z_]*[a-z])\b(?!\*)", page.read_text()))
        named = {name for name in named if re.sub("_(bucket|sum|count)$", "", name) not in metric_names}
        found += [f"{page.name}: names {name}, which is no metric" for name in sorted(named - metric_names)
                  if not any(metric.startswith(name + "_") for metric in metric_names)]
    return found


def links_broken(root):
    found = []
    for page in [*root.glob("*.md"), *root.glob("*/*.md")]:
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text()):
            if not (page.parent / target).exists():
                found.append(f"{page.relative_to(root)}: links to {target}, which is not there")
    index = (root / "docs/README.md").read_text()
    return found + [f"docs/README.md: does not list {page.name}" for page in sorted((root / "docs").glob("*.md"))
                    if page.name != "README.md" and f"]({page.name})" not in index]


def main(root, build, write):
    error_table, codes = errors(root)
    metric_table, metric_names = metrics(root)
    pages = {
        "deploy/env.example": env_example(build),
        "docs/configuration.md": configuration(build),
        "docs/rest.md": rest(root),
        "docs/cli.md": cli(build),
        "docs/errors.md": with_part(root, "docs/errors.md", "errors", error_table),
        "docs/events.md": with_part(root, "docs/events.md", "events", events(root)),
        "docs/recommendations.md": with_part(root, "docs/recommendations.md", "rules", advice(root)),
        "docs/starts.md": with_part(root, "docs/starts.md", "steps", steps(root)),
        "docs/metrics.md": with_part(root, "docs/metrics.md", "metrics", metric_table, "alarms", alarms(root)),
        "deploy/man/corral.1": man_corral(build),
        "deploy/man/corral-controller.8": man_daemon(build, "controller", "the control plane of Corral"),
        "deploy/man/corral-agent.8": man_daemon(build, "agent", "guards the sandboxes of one node"),
    }
    wrong = [name for name, text in pages.items() if not (root / name).is_file() or (root / name).read_text() != text]
    if write:
        for name in wrong:
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_text(pages[name])
        wrong = []
    found = [f"{name}: is not what the programs say; write it again (docs.py … --write)" for name in wrong]
    found += names_missing(root, codes, metric_names) + links_broken(root)
    print("\n".join(found) or "as the programs say")
    return 1 if found else 0


sys.exit(main(Path(sys.argv[1]), Path(sys.argv[2]), "--write" in sys.argv))
