#!/usr/bin/env python3
"""Writes the operation tables of src/control/protocol from the service models of botocore.

    facts.py           writes both files
    facts.py --check   says whether they are as they would be written

Facts only: names, methods, URIs, status codes, members and their places, types and limits.
"""

import json
import pathlib
import sys

from botocore.loaders import Loader

PROTOCOL = pathlib.Path(__file__).resolve().parents[2] / "src" / "control" / "protocol"
SERVICES = ("apigateway", "apigatewayv2")
SHAPE_KEYS = ("type", "required", "payload", "enum", "pattern", "min", "max", "timestampFormat")
MEMBER_KEYS = ("shape", "location", "locationName")


def reference(member):
    """A member as `shape`, or with the place and name it has on the wire."""
    return {key: member[key] for key in MEMBER_KEYS if key in member}


def shape(full):
    """A shape without its documentation."""
    facts = {key: full[key] for key in SHAPE_KEYS if key in full}
    for key in ("member", "key", "value"):
        if key in full:
            facts[key] = reference(full[key])
    if "members" in full:
        facts["members"] = {name: reference(member) for name, member in full["members"].items()}
    return facts


def reachable(shapes, names):
    """The names of all shapes that lie below `names`."""
    found = set()
    waiting = list(names)
    while waiting:
        name = waiting.pop()
        if name in found:
            continue
        found.add(name)
        facts = shapes[name]
        below = list(facts.get("members", {}).values())
        below += [facts[key] for key in ("member", "key", "value") if key in facts]
        waiting += [member["shape"] for member in below]
    return found


def table(service):
    """The text of one file: an operation or a shape a line."""
    model = Loader().load_service_model(service, "service-2")
    operations, roots = {}, set()
    for name, full in sorted(model["operations"].items()):
        row = {
            "method": full["http"]["method"],
            "uri": full["http"]["requestUri"],
            "status": full["http"].get("responseCode", 200),
        }
        for key in ("input", "output"):
            if key in full:
                row[key] = full[key]["shape"]
                roots.add(row[key])
        operations[name] = row
    shapes = {name: shape(full) for name, full in model["shapes"].items()}
    kept = {name: shapes[name] for name in sorted(reachable(shapes, roots))}

    def lines(entries):
        rows = (f"{json.dumps(name)}:{json.dumps(facts, separators=(',', ':'))}" for name, facts in entries.items())
        return ",\n".join(rows)

    return f'{{"operations":{{\n{lines(operations)}\n}},\n"shapes":{{\n{lines(kept)}\n}}}}\n'


def main():
    """Writes or checks both files."""
    stale = []
    for service in SERVICES:
        path = PROTOCOL / f"{service}.json"
        text = table(service)
        if "--check" not in sys.argv[1:]:
            path.write_text(text)
        elif not path.exists() or path.read_text() != text:
            stale.append(path.name)
    if stale:
        sys.exit(f"{', '.join(stale)} differ from botocore's models: run tests/api/facts.py")


if __name__ == "__main__":
    main()
