"""Execution logs of REST stages: AWS's lines, at the level that the method settings say, in files."""

import json
import re
import time

import pytest
from conftest import Gateway, free_port
from rest import Api, Backend

STAMP = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"
ID = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"


@pytest.fixture(scope="module")
def logs(tmp_path_factory):
    """The folder of a gateway that logs each stage to a file of its own, and that gateway."""
    folder = tmp_path_factory.mktemp("logs")
    gateway = Gateway(folder, more='[logging]\nexecution_log = "{api}-{stage}.log"')
    yield folder, gateway
    gateway.stop()


@pytest.fixture
def logged(logs):
    """A REST API of that gateway with a recording upstream."""
    folder, gateway = logs
    backend = Backend()
    api = Api(gateway, gateway.client("apigateway"))
    api.folder, api.backend = folder, backend
    yield api
    api.delete()
    backend.stop()


def settings(api, *patches, stage="prod"):
    """Changes method settings of the stage, each `path value`."""
    made = [patch.split(" ") for patch in patches]
    operations = [{"op": "replace", "path": path, "value": value} for path, value in made]
    api.v1.update_stage(restApiId=api.id, stageName=stage, patchOperations=operations)


def lines(api, last, stage="prod"):
    """The log of the stage once its last line ends with `last`: texts without time and request id."""
    file = api.folder / f"{api.id}-{stage}.log"
    for _ in range(100):
        text = file.read_text() if file.exists() else ""
        if text.endswith(f"{last}\n"):
            break
        time.sleep(0.05)
    made = []
    for line in text.splitlines():
        found = re.fullmatch(rf"{STAMP} \(({ID})\) (.*)", line)
        assert found, line
        made.append(found[2].replace(found[1], "<id>"))
    file.unlink(missing_ok=True)
    return made


def test_nothing_is_logged_where_no_setting_says_so(logged):
    """Off is the usual level; what is logged later is no sign of earlier calls."""
    logged.mock("/")
    logged.deploy()
    assert logged.call("GET", "/")[0] == 200
    settings(logged, "/*/*/logging/loglevel OFF")
    assert logged.call("GET", "/")[0] == 200
    time.sleep(0.6)
    assert not (logged.folder / f"{logged.id}-prod.log").exists()


def test_steps_are_logged_at_info(logged):
    """Without the data of the call."""
    logged.mock("/a/{b}")
    logged.deploy()
    settings(logged, "/*/*/logging/loglevel INFO")
    assert logged.call("GET", "/a/secret?x=hidden")[0] == 200
    said = lines(logged, "Method completed with status: 200")
    assert re.fullmatch("Extended Request Id: [A-Za-z0-9_-]+=?", said[0]), said[0]
    assert said[1:] == [
        f"Verifying Usage Plan for request: <id>. API Key:  API Stage: {logged.id}/prod",
        "API Key  authorized because method 'GET /a/{b}' does not require API Key. "
        "Request will not contribute to throttle or quota limits",
        f"Usage Plan check succeeded for API Key  and API Stage {logged.id}/prod",
        "Starting execution for request: <id>",
        "HTTP Method: GET, Resource Path: /a/secret",
        "Successfully completed execution",
        "Method completed with status: 200",
    ]


@pytest.mark.parametrize("kind", ["HTTP", "HTTP_PROXY"])
def test_the_data_of_a_call_is_logged_with_its_trace(logged, kind):
    """All of AWS's lines, secrets hidden."""
    logged.backend.answers(201, b'{"made":1}', (("content-type", "application/json"), ("x-own", "o")))
    logged.method(
        "/pets",
        "POST",
        {"201": {}} if kind == "HTTP" else {},
        type=kind,
        uri=f"{logged.backend.url}/own?fix=1",
    )
    logged.deploy()
    settings(logged, "/*/*/logging/loglevel INFO", "/*/*/logging/dataTrace true")
    headers = {"content-type": "application/json", "Authorization": "Bearer 0123456789abcdef", "x-a": "1"}
    status, _, _ = logged.call("POST", "/pets?q=one&q=two", body='{"name":"\nx"}', headers=headers)
    assert status == 201
    said = lines(logged, "Method completed with status: 201")
    at = said.index("Starting execution for request: <id>")
    said = said[at + 1 :]
    assert said[0] == "HTTP Method: POST, Resource Path: /pets"
    assert said[1] == "Method request path: {}"
    assert said[2] == "Method request query string: {q=one, q=two}"
    assert re.match(r"Method request headers: \{.*x-a=1", said[3])
    assert "Authorization=*****************abcdef" in said[3] and "0123456789" not in said[3]
    assert said[4] == 'Method request body before transformations: {"name":"\\nx"}'
    query = "fix=1" if kind == "HTTP" else "fix=1&q=one&q=two"
    uri = f"{logged.backend.url}/own?{query}"
    assert said[5] == f"Endpoint request URI: {uri}"
    assert re.match(r"Endpoint request headers: \{.*X-Amzn-Trace-Id=Root=", said[6]), said[6]
    assert "0123456789" not in said[6]
    assert said[7] == 'Endpoint request body after transformations: {"name":"\\nx"}'
    assert said[8] == f"Sending request to {uri}"
    assert re.fullmatch(r"Received response. Status: 201, Integration latency: \d+ ms", said[9])
    assert re.match(r"Endpoint response headers: \{.*x-own=o", said[10])
    assert said[11] == 'Endpoint response body before transformations: {"made":1}'
    assert said[12] == 'Method response body after transformations: {"made":1}'
    assert re.match(r"Method response headers: \{.*application/json", said[13])
    assert said[14:] == ["Successfully completed execution", "Method completed with status: 201"]


def test_a_plain_proxy_tells_its_steps_while_it_streams(logged):
    """Bodies that nobody shows need not be in memory."""
    logged.method("/", type="HTTP_PROXY", uri=logged.backend.url)
    logged.deploy()
    settings(logged, "/*/*/logging/loglevel INFO")
    assert logged.call("GET", "/")[0] == 200
    said = lines(logged, "Method completed with status: 200")
    assert re.fullmatch(r"Received response. Status: 200, Integration latency: \d+ ms", said[-3])


@pytest.mark.parametrize(
    ("integration", "status", "why"),
    [
        (
            {"type": "MOCK", "requestTemplates": {"application/json": "{}"}},
            500,
            "Execution failed due to configuration error: Unable to parse statusCode. It should be an integer",
        ),
        (
            {"type": "HTTP", "uri": "http://no-such-name.invalid/"},
            500,
            "Execution failed due to configuration error: Invalid endpoint address",
        ),
        (
            {"type": "HTTP_PROXY", "uri": "CLOSED"},
            504,
            "Execution failed due to a network error communicating with endpoint: cannot connect: .*",
        ),
        (
            {"type": "HTTP", "uri": "BACKEND"},
            500,
            "Execution failed due to configuration error: No match for output mapping and no default endpoint "
            "response mapping configured. Endpoint Response Status Code: 200",
        ),
        (
            {"type": "HTTP", "uri": "BACKEND", "requestTemplates": {"application/json": '$input.path("$[")'}},
            500,
            "Execution failed due to configuration error: request template: .*",
        ),
    ],
)
def test_errors_say_which_configuration_is_to_blame(logged, integration, status, why):
    """At the level ERROR nothing but why, and with what status it ended."""
    places = {"BACKEND": logged.backend.url, "CLOSED": f"http://127.0.0.1:{free_port()}/"}
    if (uri := integration.get("uri")) in places:
        integration = {**integration, "uri": places[uri]}
    logged.method("/", **integration)
    logged.deploy()
    settings(logged, "/*/*/logging/loglevel ERROR")
    assert logged.call("GET", "/")[0] == status
    reason, end = lines(logged, f"Method completed with status: {status}")
    assert re.fullmatch(why, reason), reason
    assert end == f"Method completed with status: {status}"


def test_a_body_against_its_model_is_said(logged):
    """In the words of the validation."""
    logged.v1.create_model(
        restApiId=logged.id,
        name="Pet",
        contentType="application/json",
        schema=json.dumps({"type": "object", "required": ["name"]}),
    )
    validator = logged.v1.create_request_validator(restApiId=logged.id, name="v", validateRequestBody=True)["id"]
    method = {"requestValidatorId": validator, "requestModels": {"application/json": "Pet"}}
    logged.mock("/", "POST", method=method)
    logged.deploy()
    settings(logged, "/*/*/logging/loglevel ERROR")
    assert logged.call("POST", "/", body="{}", headers={"content-type": "application/json"})[0] == 400
    reason, _ = lines(logged, "Method completed with status: 400")
    assert reason == (
        "Request body does not match model schema for content type application/json: "
        '[object has missing required properties (["name"])]'
    )


def test_a_refused_key_is_said_before_the_method_begins(logged):
    """With the gateway response that the client got."""
    logged.mock("/", method={"apiKeyRequired": True})
    logged.deploy()
    settings(logged, "/*/*/logging/loglevel INFO", "/*/*/logging/dataTrace true")
    assert logged.call("GET", "/", headers={"x-api-key": "wrong"})[0] == 403
    said = lines(logged, "}")
    assert said[2].startswith("API Key  not authorized because method 'GET /' requires API Key")
    assert said[3:5] == [
        "Gateway response type: INVALID_API_KEY with status code: 403",
        'Gateway response body: {"message":"Forbidden"}',
    ]
    assert said[5].startswith("Gateway response headers: {")


def test_settings_of_a_method_count_more_than_those_of_all(logged):
    """Both ways."""
    logged.mock("/quiet")
    logged.mock("/loud")
    logged.deploy()
    settings(logged, "/*/*/logging/loglevel INFO", "/~1quiet/GET/logging/loglevel OFF")
    assert logged.call("GET", "/quiet")[0] == 200
    assert logged.call("GET", "/loud")[0] == 200
    said = lines(logged, "Method completed with status: 200")
    assert [line for line in said if line.startswith("HTTP Method")] == ["HTTP Method: GET, Resource Path: /loud"]


def test_a_canary_has_a_log_of_its_own(logged):
    """Which is called after it."""
    logged.mock("/")
    logged.deploy()
    settings(logged, "/*/*/logging/loglevel INFO")
    logged.deploy(canarySettings={"percentTraffic": 100.0})
    assert logged.call("GET", "/")[0] == 200
    assert lines(logged, "Method completed with status: 200", "prod.Canary")[-2:] == [
        "Successfully completed execution",
        "Method completed with status: 200",
    ]
    assert not (logged.folder / f"{logged.id}-prod.log").exists()


def test_a_long_body_is_cut_off(logged):
    """AWS: an event has 1024 bytes."""
    logged.mock("/", "POST")
    logged.deploy()
    settings(logged, "/*/*/logging/loglevel INFO", "/*/*/logging/dataTrace true")
    assert logged.call("POST", "/", body="x" * 100_000)[0] == 200
    said = lines(logged, "Method completed with status: 200")
    [body] = [line for line in said if line.startswith("Method request body")]
    assert len(body) == 1024 and body.endswith("xx [TRUNCATED]")
