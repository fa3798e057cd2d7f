#!/usr/bin/python3
"""Writes a text file as a C string. usage: embed_text.py OUT.c FILE NAME"""
import sys
from pathlib import Path

out, path, name = sys.argv[1:]
data = Path(path).read_bytes() + bytes(1)
rows = ",\n    ".join(", ".join(str(b) for b in data[i:i + 20]) for i in range(0, len(data), 20))
if max(data) > 127:
    sys.exit(f"embed_text: {path} contains characters that are not ASCII")
Path(out).write_text(f"extern const char {name}[];\nconst char {name}[] = {{\n    {rows}}};\n")
