"""The text of an agent's record: the newest of its file's two slots (agent/disk/record_slots.h), or the whole file."""
import re


def text_of(path):
    data = path.read_bytes()
    slots = [data[:len(data) // 2], data[len(data) // 2:]]
    found = [match for match in (re.match(rb"corral-slot ([0-9a-f]{16}) [0-9a-f]{16}\n([^\0]*)\0", slot) for slot in slots) if match]
    return (max(found, key=lambda match: int(match[1], 16))[2] if found else data).decode()
