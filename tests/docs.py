#!/usr/bin/python3
"""Pages that come from the programs' own tables are what the programs say; with --write they are written anew.

usage: docs.py SOURCE_ROOT BUILD_ROOT [--write]"""
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
        body += (".SH FILES\n.TP\nrecords/\nWhat is wanted of each sandbox, in the folder state_dir.\n"
                 ".TP\noutbox\nWhat the controller has not yet committed, which episodes are open, and the highest epoch of a"
                 " controller that was seen: an older one is refused. Where the database was put back to an earlier copy, raise"
                 " the epoch in its table leadership to more than it ever was, or stop the agents and remove this file.\n"
                 ".TP\n*.bad\nOne of these that made no sense; kept for you to look at.\n")
    body += ".SH SIGNALS\nSIGHUP reloads the configuration, SIGTERM ends the daemon; sandboxes go on living.\n"
    return man(f"corral-{program}", 8, what, body)


def rest(build, root):
    rows = re.findall(r'^ROUTE\(\w+, "(\w+)", "([^"]+)", (\w+), \w+, (\d+), "([^"]*)", "([^"]+)", \w+\)',
                      (root / "controller/api/api_routes.def").read_text(), re.M)
    text = ["# REST", "", MARK, "",
            "`GET /openapi.json` is the whole description; the tests hold every answer to it. Send the API key as `X-API-Key`",
            "or `Authorization: Bearer`; two that differ are refused. Errors are `application/problem+json` (RFC 9457) with a stable `code`, and `errors`",
            "with a JSON pointer for each field that does not validate. Unknown fields and parameters are refused.", "",
            "| method | path | who | success | what |", "| --- | --- | --- | --- | --- |"]
    for method, path, who, status, answer, what in rows:
        who = {"OPEN": "anybody", "USER": "user", "ADMIN": "administrator", "METRICS": "administrator, or anybody with `metrics_open`"}[who]
        text.append(f"| {method} | `{path}` | {who} | {status} {answer} | {what} |")
    return "\n".join(text) + "\n"


def main(root, build, write):
    pages = {
        "deploy/env.example": env_example(build),
        "docs/configuration.md": configuration(build),
        "docs/rest.md": rest(build, root),
        "deploy/man/corral.1": man_corral(build),
        "deploy/man/corral-controller.8": man_daemon(build, "controller", "the control plane of Corral"),
        "deploy/man/corral-agent.8": man_daemon(build, "agent", "guards the sandboxes of one host"),
    }
    wrong = [name for name, text in pages.items() if not (root / name).is_file() or (root / name).read_text() != text]
    if write:
        for name in wrong:
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_text(pages[name])
        return 0
    print("\n".join(f"{name}: is not what the programs say; write it anew (docs.py … --write)" for name in wrong) or "as the programs say")
    return 1 if wrong else 0


sys.exit(main(Path(sys.argv[1]), Path(sys.argv[2]), "--write" in sys.argv))
