"""The rows of limit.def for what is not C: the build of the SQL functions, and the lint."""
import re


def rows_of(text):
    """Of each row what is before its first text: macro, name and the columns `asked`, `live`, `quota` and `bit`. The lifetime is a
    quota, and no node's kernel enforces it."""
    body = text[text.index("#ifndef LIMIT\n"):]
    for macro, columns in re.findall(r"^(LIMIT|LIMIT_TIME)\((.*?)\)$", body, re.M | re.S):
        names = [c.strip() for c in columns.split('"')[0].split(",")]
        time = macro == "LIMIT_TIME"
        yield {"time": time, "name": names[1], "asked": time or names[5] == "YES", "live": not time and names[6] == "YES",
               "quota": time or names[8] == "YES", "bit": None if time else names[9]}


# What {{KIND: …}} in sql/functions stands for.
KINDS = {"limits": lambda row: not row["time"], "live limits": lambda row: row["live"], "tier limits": lambda row: True,
         "quota limits": lambda row: row["quota"]}


def expand(sql, rows):
    """{{limits: s.NAME}} becomes s.memory_bytes, s.cpu_millis, …: what it holds, once for each row of its kind, in their order."""
    def each(match):
        chosen = KINDS[match[1]]
        return ", ".join(match[2].replace("NAME", row["name"]) for row in rows if chosen(row))
    return re.sub(r"\{\{(\w[\w ]*): (.*?)\}\}", each, sql, flags=re.S)
