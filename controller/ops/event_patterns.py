#!/usr/bin/python3
"""Writes what a webhook may ask for as C, a word each: the types of events that objects.json describes, `sandbox.*` for each of
their nouns, and `*`.

usage: event_patterns.py OUT.c objects.json NAME"""
import json
import sys
from pathlib import Path

out, source, name = sys.argv[1:]
types = [t["const"] for t in json.loads(Path(source).read_text())["components"]["schemas"]["Event"]["properties"]["type"]["oneOf"]]
nouns = dict.fromkeys(t.split(".")[0] for t in types)
words = "".join(f'    "{word} "\n' for word in ["*", *(f"{noun}.*" for noun in nouns), *types])
Path(out).write_text(f"extern const char {name}[];\nconst char {name}[] =\n{words.rstrip()};\n")
