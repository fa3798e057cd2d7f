#!/usr/bin/python3
"""What the lint calls a circle between files, and what it does not."""
import sys

from circles import circles, describe

A = "void a_do(struct a *a)\n{\n    %s;\n}\n"
B = "static int own(void)\n{\n    return 0;\n}\n\nint PRINTF_LIKE(1, 2) b_say(const char *text,\n          ...)\n{\n    %s;\n}\n"
T = "const struct row b_rows[] = {\n    {%s},\n};\n"

CASES = [
    ("a call each way", {"a.c": A % "b_say(0)", "b.c": B % "a_do(0)"}, True),
    ("one way", {"a.c": A % "b_say(0)", "b.c": B % "own()"}, False),
    ("a table that names who uses it", {"a.c": A % "x = b_rows[0]", "b.c": T % "a_do"}, True),
    ("a handler that is handed over", {"a.c": A % "b_say(0)", "b.c": B % "x.cb = a_do"}, True),
    ("by a third", {"a.c": A % "b_say(0)", "b.c": B % "c_go()", "c.c": "void c_go(void)\n{\n    a_do(0);\n}\n"}, True),
    ("a member of the same name", {"a.c": A % "b_say(0)", "b.c": B % "x->a_do(0), x.a_do = 0"}, False),
    ("in a comment, in a text", {"a.c": A % "b_say(0)", "b.c": B % "/* a_do */ puts(\"a_do\")"}, False),
    ("what is a file's own", {"a.c": A % "own()", "b.c": B % "a_do(0)"}, False),
    ("a type of the same name", {"a.c": A % "b_say(0)", "b.c": B % "struct a_do x"}, False),
    ("headers", {"a.h": '#include "b.h"\n', "b.h": '#include "a.h"\n'}, True),
    ("headers one way", {"a.h": '#include "b.h"\n', "b.h": "#include <a.h>\n"}, False),
]

wrong = 0
for name, files, is_circle in CASES:
    found = circles(files)
    if bool(found) != is_circle:
        wrong += 1
        print(f"{name}: {[describe(c) for c in found] or 'no circle found'}")
print(f"{len(CASES) - wrong} of {len(CASES)} cases are judged right")
sys.exit(1 if wrong else 0)
