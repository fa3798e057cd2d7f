#!/usr/bin/python3
"""Writes the migrations as C, with their checksums, so that the program carries the schema it was built for.

usage: embed_sql.py OUT.c FILE.sql...   (files are named NNNN_what.sql, numbered from 0001 without a gap)"""
import hashlib
import re
import sys
from pathlib import Path


def bytes_of(data):
    rows = (data[i:i + 20] for i in range(0, len(data), 20))
    return ",\n    ".join(", ".join((str(b - 256 if b > 127 else b) for b in row)) for row in rows)


def main(out, names):
    files = sorted(map(Path, names), key=lambda p: p.name)
    text = ['#include "controller/db/db_sql.h"\n']
    rows = []
    for number, path in enumerate(files, 1):
        match = re.fullmatch(r"(\d{4})_([a-z0-9_]+)\.sql", path.name)
        if not match or int(match[1]) != number:
            sys.exit(f"embed_sql: {path.name}: expected {number:04}_what.sql")
        data = path.read_bytes()
        text.append(f"static const char sql_{number}[] = {{\n    {bytes_of(data + bytes(1))}}};\n")
        rows.append(f'    {{{number}, "{match[2]}", "{hashlib.sha256(data).hexdigest()}", sql_{number}}},')
    text.append("const struct db_sql db_sql[] = {\n" + "\n".join(rows) + "\n};\n")
    text.append(f"const size_t db_sql_count = {len(rows)};\n")
    Path(out).write_text("\n".join(text))


main(sys.argv[1], sys.argv[2:])
