"""What AWS was seen to answer (tests/golden/aws), asked again of this gateway.

A case is a list of steps: a call with its arguments, and the status and answer or the error that
AWS gave, all members of them. `<name>` in an answer stands for a value that is not known before and
in what follows for the same value; `<date>` for any moment. Each case has a region of its own.
"""

import datetime
import itertools
import json
import pathlib
import re

import botocore.exceptions
import pytest
from conftest import plain

FOLDER = pathlib.Path(__file__).parents[1] / "golden" / "aws"
CASES = [
    pytest.param(steps, id=f"{path.stem}: {name}")
    for path in sorted(FOLDER.glob("*.json"))
    for name, steps in json.loads(path.read_text()).items()
]
REGIONS = itertools.count()


def filled(value, known):
    """The value with all that is known in its places."""
    if isinstance(value, dict):
        return {filled(key, known): filled(below, known) for key, below in value.items()}
    if isinstance(value, list):
        return [filled(below, known) for below in value]
    if isinstance(value, str):
        return re.sub(r"<(\w+)>", lambda found: known.get(found[1], found[0]), value)
    return value


def fits(expected, found, known):
    """Whether an answer is the expected one; learns what was not known."""
    if isinstance(expected, str):
        name = re.fullmatch(r"<(\w+)>", expected)
        if name and name[1] == "date":
            return isinstance(found, datetime.datetime)
        if name and name[1] not in known:
            known[name[1]] = found
            return isinstance(found, str) and found != ""
        return filled(expected, known) == found
    if isinstance(expected, dict):
        return (
            isinstance(found, dict)
            and expected.keys() == found.keys()
            and all(fits(below, found[key], known) for key, below in expected.items())
        )
    if isinstance(expected, list):
        return (
            isinstance(found, list)
            and len(expected) == len(found)
            and all(fits(one, other, known) for one, other in zip(expected, found))
        )
    return type(expected) is type(found) and expected == found


def play(v1, step, known):
    """One step; says what is wrong with it."""
    call = getattr(v1, step["call"])
    arguments = filled(step["with"], known)
    if "error" in step:
        code, status, message = filled(step["error"], known)
        with pytest.raises(botocore.exceptions.ClientError) as caught:
            call(**arguments)
        answer = caught.value.response
        found = [answer["Error"]["Code"], answer["ResponseMetadata"]["HTTPStatusCode"], answer["Error"]["Message"]]
        assert found == [code, status, message]
        # Botocore shows the members of those errors only that the service model knows.
        is_modelled = code not in ("ValidationException", "SerializationException")
        assert answer.get("message") == (message if is_modelled else None)
        return
    answer = call(**arguments)
    if "status" in step:
        assert answer["ResponseMetadata"]["HTTPStatusCode"] == step["status"], step
    for name, member in step.get("keep", {}).items():
        known[name] = answer[member]
    if "answer" in step:
        found = plain(answer)
        tries = [found]
        if step.get("any order"):
            tries = [{**found, "items": list(items)} for items in itertools.permutations(found["items"])]
        assert any(fits(step["answer"], one, known) for one in tries), (filled(step["answer"], known), found)


@pytest.mark.parametrize("steps", CASES)
def test_what_aws_answered_is_answered_here(gateway, steps):
    """Calls, statuses, codes, messages and members as recorded."""
    v1 = gateway.client("apigateway", region=f"golden-{next(REGIONS)}", is_checked=False)
    known = {}
    for step in steps:
        if "let" in step:
            known.update(step["let"])
        else:
            play(v1, step, known)
