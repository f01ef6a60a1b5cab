"""What AWS was seen to do with calls of REST APIs (tests/golden/rest), asked of a deployed API.

A case makes methods (verb and path, integration, integration responses, more of the method), deploys
them, and makes calls. Of an answer and of what the backend or the function was sent, the members
that the case names are compared; null stands for a header that must not be there.
"""

import json
import pathlib
import subprocess
import sys
import urllib.parse

import pytest
from conftest import ACCOUNT, BINARY, REGION, Gateway
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


@pytest.mark.parametrize("mode", ["BUFFERED", "STREAM"])
def test_a_method_is_tested_with_what_answers(gateway, v1, backend, mode):
    """A function of this machine and an upstream, buffered or not: AWS's lines from end to end."""
    api = Api(gateway, v1)
    backend.answers(200, b'{"from":"backend"}')
    arn = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:echo"
    path = "2015-03-31/functions/{}/invocations"
    proxy = {"type": "HTTP_PROXY", "uri": backend.url, "responseTransferMode": mode}
    wheres = [api.method("/upstream", "POST", **proxy)]
    if mode == "BUFFERED":
        uri = f"arn:aws:apigateway:{REGION}:lambda:path/{path.format(arn)}"
        wheres.append(api.method("/function", "POST", type="AWS_PROXY", uri=uri, integrationHttpMethod="POST"))
    for where in wheres:
        made = v1.test_invoke_method(**where, pathWithQueryString="/x?q=1", body='{"a":1}')
        lines = [line.partition(" : ")[2] for line in made["log"].split("\n")[1:-1]]
        assert made["status"] == 200, made["log"]
        assert lines[0].startswith("Starting execution for request: ")
        assert lines[1] == "HTTP Method: POST, Resource Path: /x"
        for start in (
            "Method request query string: {q=1}", 'Method request body before transformations: {"a":1}',
            "Endpoint request URI: ", "Endpoint request headers: {", "Endpoint request body after transformations: ",
            "Sending request to ", "Received response. Status: 200, Integration latency: ", "Endpoint response headers: {",
            "Endpoint response body before transformations: ", "Method response body after transformations: ",
            "Method response headers: {",
        ):
            assert any(line.startswith(start) for line in lines), (start, made["log"])
        assert lines[-2:] == ["Successfully completed execution", "Method completed with status: 200"]
    if mode == "BUFFERED":
        event = json.loads(made["body"])
        assert (event["path"], event["queryStringParameters"], event["body"]) == ("/x", {"q": "1"}, '{"a":1}')
        assert event["requestContext"]["stage"] == "test-invoke-stage"
    api.delete()


def test_a_template_is_rendered_without_a_gateway(tmp_path):
    """`daemun vtl`: the text to standard output, values and overrides to standard error."""
    (tmp_path / "t.vtl").write_text(
        "#set($context.requestOverride.header.X-A = 'b')$input.path('$.name') $context.stage $input.params('page')\n"
    )
    (tmp_path / "body.json").write_text('{"name": "Rex"}')
    (tmp_path / "context.json").write_text('{"stage": "prod"}')
    command = [BINARY, "vtl", "t.vtl", "--input", "body.json", "--context", "context.json", "--query", "page=2", "--trace"]
    run = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=30, check=False)
    assert (run.returncode, run.stdout) == (0, "Rex prod 2\n"), run.stderr
    assert "1:" in run.stderr and "$context.stage" in run.stderr and "prod" in run.stderr and "X-A" in run.stderr
    (tmp_path / "t.vtl").write_text("ok\n#if($x == )\n")
    run = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=30, check=False)
    assert run.returncode != 0 and run.stdout == "" and "^" in run.stderr
