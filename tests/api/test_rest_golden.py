"""What AWS was seen to do with calls of REST APIs (tests/golden/rest), asked of a deployed API.

A case makes methods (verb and path, integration, integration responses, more of the method), deploys
them, and makes calls. Of an answer and of what the backend or the function was sent, the members
that the case names are compared; null stands for a header that must not be there.
"""

import json
import pathlib
import sys
import urllib.parse

import pytest
from conftest import ACCOUNT, REGION, Gateway
from rest import Api

FOLDER = pathlib.Path(__file__).parents[1] / "golden" / "rest"
CASES = [
    pytest.param(case, id=f"{path.stem}: {name}")
    for path in sorted(FOLDER.glob("*.json"))
    for name, case in json.loads(path.read_text()).items()
]
JSON = "application/json"
HANDLER = """
import json

def echo(event, context):
    return {"statusCode": 200, "body": json.dumps(event)}
"""


@pytest.fixture(scope="module")
def gateway(tmp_path_factory):
    """A gateway with a function that gives back its event."""
    folder = tmp_path_factory.mktemp("golden")
    (folder / "code").mkdir()
    (folder / "code" / "index.py").write_text(HANDLER)
    function = (
        f'[functions.echo]\nruntime = "python3.12"\ninterpreter = "{sys.executable}"\n'
        'handler = "index.echo"\ncode = "code"\n'
    )
    gateway = Gateway(folder, function)
    yield gateway
    gateway.stop()


@pytest.fixture(scope="module")
def v1(gateway):
    """The client of that gateway."""
    return gateway.client("apigateway")


@pytest.fixture
def make(gateway, v1, backend):
    """Makes and deploys what a case says; takes it away again."""
    made = []

    def api(case):
        made.append(Api(gateway, v1, **case.get("api", {})))
        return deployed(made[-1], case, backend)

    backend.answers()
    yield api
    for one in made:
        one.delete()


def filled(value, known):
    """The value with all that is known in its places."""
    text = json.dumps(value)
    for name, own in known.items():
        text = text.replace(f"<{name}>", own)
    return json.loads(text)


def deployed(api, case, backend):
    """The methods of a case in the stage `prod`."""
    api.known = {"backend": backend.url, "api": api.id}
    case = filled(case, api.known)
    status, body, *kind = case.get("backend", [200, "{}"])
    backend.answers(status, body.encode(), (("content-type", (kind or [JSON])[0]),))
    for name, schema in case.get("models", {}).items():
        api.v1.create_model(restApiId=api.id, name=name, contentType=JSON, schema=json.dumps(schema))
    validator = api.v1.create_request_validator(
        restApiId=api.id, name="all", validateRequestBody=True, validateRequestParameters=True
    )["id"]
    for name, integration, *more in case["methods"]:
        verb, path = name.split(" ")
        responses, method = (more + [None, None])[:2]
        method = dict(method or {})
        if method.pop("validates", False):
            method["requestValidatorId"] = validator
        if "mock" in integration:
            responses = {"200": {"responseTemplates": {JSON: integration["mock"]}}}
            integration = {"type": "MOCK", "requestTemplates": {JSON: "{statusCode: 200}"}}
        if "function" in integration:
            arn = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{integration['function']}"
            uri = f"arn:aws:apigateway:{REGION}:lambda:path/2015-03-31/functions/{arn}/invocations"
            integration = {"type": "AWS_PROXY", "uri": uri, "integrationHttpMethod": "POST"}
        api.method(path, verb, responses, method, **integration)
    api.deploy(**({"variables": case["variables"]} if "variables" in case else {}))
    if case.get("key"):
        plan = api.v1.create_usage_plan(name="p", apiStages=[{"apiId": api.id, "stage": "prod"}])
        key = api.v1.create_api_key(name="k", enabled=True)
        api.v1.create_usage_plan_key(usagePlanId=plan["id"], keyId=key["id"], keyType="API_KEY")
        api.known["key"] = key["value"]
    return api


def inside(value, path):
    """What stands in nested maps under names with dots between."""
    for name in path.split("."):
        value = value[name]
    return value


def differences(expected, found):
    """The names under which a map is not as expected; null stands for what is not there."""
    return {name: found.get(name) for name, value in expected.items() if found.get(name) != value}


@pytest.mark.parametrize("case", CASES)
def test_what_aws_was_seen_to_do_is_done_here(make, backend, case):
    """Statuses, headers, bodies; and what backends and functions get."""
    api = make(case)
    for call in filled(case["calls"], api.known):
        verb, target = call["ask"].split(" ")
        body, headers = call.get("body"), call.get("headers", {})
        status, given, text = api.gateway.call_api(verb, api.id, target, body=body, headers=headers)
        given = {name.lower(): value for name, value in given.items()}
        assert status == call.get("status", 200), (call["ask"], text)
        if "text" in call:
            assert text == call["text"], call["ask"]
        assert not differences(call.get("given", {}), given), call["ask"]
        for name, value in call.get("event", {}).items():
            assert inside(json.loads(text), name) == value, (call["ask"], name)
        if "sent" in call:
            compare_sent(call["sent"], backend.last())


def compare_sent(expected, seen):
    """What the backend was sent last."""
    method, target, headers, body = seen
    if "line" in expected:
        assert f"{method} {target}" == expected["line"]
    if "query" in expected:
        assert urllib.parse.parse_qs(target.partition("?")[2]) == expected["query"]
    if "body" in expected:
        assert body.decode() == expected["body"]
    assert not differences(expected.get("headers", {}), headers)
