#!/usr/bin/python3
"""Writes the files of sql/ as C, with their checksums, so that the program carries the schema it was built for.

usage: embed_sql.py OUT.c limit.def FILE.sql...   schema/NNNN_what.sql: the migrations, whose numbers rise; attached.sql;
        functions/SUBJECT.sql, in the order in which they are to be run, where {{limits: …}} is written out for each limit"""
import hashlib
import re
import sys
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "common/model"))
import limit_table


def bytes_of(data):
    rows = (data[i:i + 20] for i in range(0, len(data), 20))
    return ",\n    ".join(", ".join((str(b - 256 if b > 127 else b) for b in row)) for row in rows)


def array_of(name, data):
    return f"static const char {name}[] = {{\n    {bytes_of(data + bytes(1))}}};\n"


def migrations(paths):
    rows = []
    for path in sorted(paths, key=lambda p: p.name):
        match = re.fullmatch(r"(\d{4})_([a-z0-9_]+)\.sql", path.name)
        number = int(match[1]) if match else 0
        if number <= (rows[-1][0] if rows else 0):
            sys.exit(f"embed_sql: {path.name}: expected NNNN_what.sql, each number once")
        rows.append((number, match[2], path.read_bytes()))
    yield from (array_of(f"sql_{number}", data) for number, _, data in rows)
    yield "const struct db_sql db_sql[] = {"
    yield from (f'    {{{n}, "{name}", "{hashlib.sha256(data).hexdigest()}", sql_{n}}},' for n, name, data in rows)
    yield f"}};\nconst size_t db_sql_count = {len(rows)};\n"


def functions(attached, paths, limits):
    """One checksum for them all: they are replaced together."""
    all_of_them = hashlib.sha256(attached.read_bytes())
    yield array_of("sql_attached", attached.read_bytes())
    yield "const char *const db_sql_attached = sql_attached;"
    for path in paths:
        text = limit_table.expand(path.read_text(), limits).encode()
        all_of_them.update(path.name.encode() + b"\0" + text)
        yield array_of(f"sql_{path.stem}", text)
    yield "const struct db_sql_functions db_sql_functions[] = {"
    yield from (f'    {{"{path.stem}", sql_{path.stem}}},' for path in paths)
    yield f"}};\nconst size_t db_sql_functions_count = {len(paths)};"
    yield f'const char *const db_sql_functions_sha256 = "{all_of_them.hexdigest()}";\n'


def main(out, table, names):
    limits = list(limit_table.rows_of(Path(table).read_text()))
    of = {"schema": [], "functions": [], "sql": []}
    for path in map(Path, names):
        of[path.parent.name].append(path)
    (attached,) = of["sql"]
    text = ['#include "controller/db/db_sql.h"\n', *migrations(of["schema"]), *functions(attached, of["functions"], limits)]
    Path(out).write_text("\n".join(text))


main(sys.argv[1], sys.argv[2], sys.argv[3:])
