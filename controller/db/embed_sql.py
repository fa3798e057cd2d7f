#!/usr/bin/python3
"""Writes the migrations as C, with their checksums, so that the program carries the schema it was built for.

usage: embed_sql.py OUT.c FILE.sql...   (files are named NNNN_what.sql; the numbers rise)"""
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
    for path in files:
        match = re.fullmatch(r"(\d{4})_([a-z0-9_]+)\.sql", path.name)
        number = int(match[1]) if match else 0
        if number <= (rows[-1][0] if rows else 0):
            sys.exit(f"embed_sql: {path.name}: expected NNNN_what.sql, each number once")
        data = path.read_bytes()
        text.append(f"static const char sql_{number}[] = {{\n    {bytes_of(data + bytes(1))}}};\n")
        rows.append((number, f'    {{{number}, "{match[2]}", "{hashlib.sha256(data).hexdigest()}", sql_{number}}},'))
    text.append("const struct db_sql db_sql[] = {\n" + "\n".join(row for _, row in rows) + "\n};\n")
    text.append(f"const size_t db_sql_count = {len(rows)};\n")
    Path(out).write_text("\n".join(text))


main(sys.argv[1], sys.argv[2:])
