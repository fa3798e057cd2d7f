"""Finds circles between files: who uses what another defines, and which header includes which.

An arrow goes from a .c file to each other one that defines a function or a table which it names, and from a header to
each that it includes. It reads text, not objects, so that it needs no build."""
import re

COMMENT_OR_TEXT = re.compile(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.S)
TAG = re.compile(r"\b(?:struct|union|enum)\s+\w+")
FUNCTION = re.compile(r"^(?!static\b|typedef\b|extern\b)[A-Za-z_][^;={}]*\)\s*\n\{", re.M)
TABLE = re.compile(r"^(?!static\b|typedef\b|extern\b)[A-Za-z_][\w \t\n*]*?\b(\w+)(?:\[[^\]]*\])* =", re.M)
NAME = re.compile(r"(?<![\w.>])[a-z_]\w*|(?<=[^-]>)[a-z_]\w*")  # no member: those stand after "." or "->"
INCLUDE = re.compile(r'^\s*#\s*include\s+"([^"]+)"', re.M)


def _defined(code):
    """The names that other files may use. A macro before the name of a function is in capitals."""
    names = {re.search(r"\b([a-z]\w*)\(", head[0])[1] for head in FUNCTION.finditer(code)}
    return (names | set(TABLE.findall(code))) - {"main"}


def arrows(files):
    """files: path -> text. Returns path -> {path: why}."""
    code = {path: COMMENT_OR_TEXT.sub(" ", text) for path, text in files.items() if path.endswith(".c")}
    definer = {}
    for path, text in code.items():
        for name in _defined(text):
            definer.setdefault(name, []).append(path)
    found = {path: {} for path in files}
    for path, text in code.items():
        names = set(NAME.findall(TAG.sub(" ", text)))
        for name in sorted(names & definer.keys()):
            if path not in definer[name]:
                found[path].update({other: name for other in definer[name]})
    for path, text in files.items():
        if path.endswith(".h"):
            found[path].update({other: "its header" for other in INCLUDE.findall(text) if other in files and other != path})
    return found


def _way(graph, start, end):
    """The shortest way from start to end; None if there is none."""
    ways, seen = [[start]], {start}
    for way in ways:
        for other in sorted(graph[way[-1]]):
            if other == end:
                return way + [end]
            if other not in seen:
                seen.add(other)
                ways.append(way + [other])
    return None


def circles(files):
    """Returns lists of paths, each ends where it begins and is the shortest through its first file; a file
    is in one at most."""
    graph, told, found = arrows(files), set(), []
    for path in sorted(graph):
        way = None if path in told else _way(graph, path, path)
        if way:
            told |= set(way)
            found.append([(at, graph[at][to]) for at, to in zip(way, way[1:])] + [(path, None)])
    return found


def describe(circle):
    return "".join(f"{path} -({why})-> " if why else path for path, why in circle)
