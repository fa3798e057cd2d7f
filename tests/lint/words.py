#!/usr/bin/python3
"""Finds words that were given up for the ones of docs/glossary.md, in names, comments, messages, SQL, pages and tests; and
pointers called by a letter that is none of their type's.

usage: words.py SOURCE_ROOT — prints each as file:line: what, and exits 1 if there is any."""
import re
import subprocess
import sys
from pathlib import Path

# Not ours, not text of ours, or about the words themselves.
NOT_READ = re.compile(r"^(LICENSE$|CHANGELOG\.md$|tests/(npm|data)/|tests/fuzz/corpus/|tests/lint/(test_)?words\.py$)")
ANYWHERE, THE_CORES = "", r"^(sql|proto|controller/(core|leader|nodes|jobs|ops|streams)|tests/sim|tests/unit/test_(cluster|guard|delivery))"

# (the word, what to say, where it is looked for, where it may stand: [(file, line, why)])
RETIRED = [
    (r"want|wanted|unwanted", "desired, asked, needed", ANYWHERE, [
        ("", r"SSL_ERROR_WANT_|WSLAY_ERR_WANT_", "names of OpenSSL and wslay"),
        (r"^docs/README\.md$", r"you want to", "the verb")]),
    (r"observ(?:e|es|ed|ation|ations)", "status, report", ANYWHERE, [(r"^web/", r"watch\.observe\(", "a method of the browser's")]),
    (r"acceptances?", "acknowledgement, ack", ANYWHERE, []),
    (r"news", "update, report", ANYWHERE, []),
    (r"hearts?", "core", ANYWHERE, []),
    (r"keepers?", "reconciler", ANYWHERE, []),
    (r"fleets?", "cluster state", ANYWHERE, []),
    (r"box|boxes", "sandbox", ANYWHERE, [(r"^web/style\.css$", r"box-|border-box", "properties of CSS")]),
    (r"holders?", "runtime", ANYWHERE, [
        ("", r"certificate", "who has the key of a certificate"),
        (r"^controller/nodes/|^common/io/", r"", "the same, in the code that checks certificates"),
        (r"^common/http/http_account\.h$", r"longest holder", "of memory"),
        (r"^tests/integration/db_vanish\.sh$", r"lead", "of the leadership's lock")]),
    (r"makers?", "start sequence", ANYWHERE, []),
    (r"strays?|leftovers?", "orphan", ANYWHERE, []),
    (r"sweeps?|swept", "cleanup", ANYWHERE, []),
    (r"doors?", "client, server, adapter", ANYWHERE, []),
    (r"sick", "unhealthy", ANYWHERE, []),
    (r"last[ _]words?", "final report", ANYWHERE, [(r"^cli/cli\.h$", r"the verb's last word", "of a command line")]),
    (r"anew", "again", ANYWHERE, []),
    (r"whoever", "the caller, or who it is", ANYWHERE, []),
    (r"is there no more|no more there", "is gone", ANYWHERE, []),
    # Elsewhere a host is the machine with its kernel and files, or a name in an address.
    (r"hosts?", "node", THE_CORES, [
        (r"^controller/ops/", r"host:port|image", "a name in an address")]),
    (r"lanes?", "what it is: a lane is one of the two requests of a node's session (docs/protocol.md)", ANYWHERE, [
        (r"^(docs/protocol\.md|docs/glossary\.md|proto/node\.proto|agent/uplink/|tests/sim/sim_net\.[ch])", r"", "these are the lanes")]),
]

# `struct TYPE *x`: x is the first letter of a word of TYPE. Otherwise (TYPE, x): why.
LETTERS = {("http_exchange", "x"): "as it is spoken", ("runtime", "h"): "in agent/streams, not yet renamed"}
LETTERS_OF_CALLS = re.compile(r"_call$")  # `p`, the pending one, beside the router's `call`
TWO_OF_A_KIND = {"a", "b"}


def texts(root):
    names = subprocess.run(["git", "-C", root, "ls-files", "-co", "--exclude-standard"], capture_output=True, text=True, check=True).stdout
    for name in names.splitlines():
        path = root / name
        if not NOT_READ.match(name) and path.is_file() and not path.is_symlink():
            try:
                yield name, path.read_text()
            except UnicodeDecodeError:
                pass


def retired_words(name, text):
    for word, instead, where, exceptions in RETIRED:
        if not re.search(where, name):
            continue
        # Alone or between underscores: a name has words too.
        for found in re.finditer(rf"(?<![A-Za-z])(?:{word})(?![A-Za-z])", text, re.I):
            line = text[text.rfind("\n", 0, found.start()) + 1:(text + "\n").index("\n", found.start())]
            if not any(re.search(file, name) and re.search(form, line) for file, form, _ in exceptions):
                yield f"{name}:{text.count(chr(10), 0, found.start()) + 1}: {found.group()}: say {instead}"


def letters(name, text):
    if not name.endswith((".c", ".h")):
        return
    for found in re.finditer(r"\bstruct (\w+) \*(?:const )?([a-z])\b(?!\()", text):
        kind, letter = found.groups()
        fits = letter in {word[0] for word in kind.split("_")} or letter in TWO_OF_A_KIND
        if not fits and (kind, letter) not in LETTERS and not (letter == "p" and LETTERS_OF_CALLS.search(kind)):
            yield f"{name}:{text.count(chr(10), 0, found.start()) + 1}: struct {kind} is called {letter}, which is none of its letters"


def main(root):
    count, breaches = 0, []
    for name, text in texts(root):
        count += 1
        breaches += [*retired_words(name, text), *letters(name, text)]
    print("\n".join(breaches) or f"{count} files say the words of the glossary")
    return 1 if breaches or not count else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
