"""Functions behind REST APIs: AWS_PROXY with its tables of events and outputs, AWS with templates and patterns."""

import base64
import gzip
import http.client
import json
import re
import sys
import time

import pytest
from conftest import ACCOUNT, REGION, Gateway
from rest import Api

HANDLER = '''
import json

def echo(event, context):
    return {"statusCode": 200, "body": json.dumps(event)}

def say(event, context):
    """Gives back what the body of the request says, as it is."""
    said = json.loads(event["body"])
    if said == "raise":
        raise ValueError("as asked")
    return said

def plain(event, context):
    """Gives back what it got, or raises it."""
    if isinstance(event, dict) and "raise" in event:
        raise ValueError(event["raise"])
    return event

def note(event, context):
    with open(event["file"] if "file" in event else event["headers"]["x-file"], "a") as file:
        file.write("x")
    return {"statusCode": 202}
'''
NAMES = ("echo", "say", "plain", "note")
ERROR = '{"message":"Internal server error"}'
TRACE = "Root=1-[0-9a-f]{8}-[0-9a-f]{24};Parent=[0-9a-f]{16};Sampled=[01]"


def uri(function):
    """The URI of an integration with a function."""
    arn = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{function}"
    return f"arn:aws:apigateway:{REGION}:lambda:path/2015-03-31/functions/{arn}/invocations"


@pytest.fixture(scope="module")
def gateway(tmp_path_factory):
    """A gateway with functions of its config file."""
    folder = tmp_path_factory.mktemp("functions")
    (folder / "code").mkdir()
    (folder / "code" / "index.py").write_text(HANDLER)
    functions = "".join(
        f'[functions.{name}]\nruntime = "python3.12"\ninterpreter = "{sys.executable}"\n'
        f'handler = "index.{name}"\ncode = "code"\nconcurrency = 2\n'
        for name in NAMES
    )
    gateway = Gateway(folder, functions)
    yield gateway
    gateway.stop()


def proxy(api, path, function, verb="ANY", method="POST", **more):
    """A method that a function answers."""
    api.method(path, verb, type="AWS_PROXY", uri=uri(function), integrationHttpMethod=method, **more)


@pytest.fixture(scope="module")
def api(gateway):
    """An API with the functions behind AWS_PROXY."""
    api = Api(gateway, gateway.client("apigateway"))
    for function in ("echo", "say"):
        proxy(api, f"/{function}", function)
    proxy(api, "/echo/{id}/{rest+}", "echo")
    proxy(api, "/get", "say", method="GET")
    api.deploy(variables={"v": "1"})
    return api


@pytest.fixture(scope="module")
def binary(gateway):
    """The same with binary media types."""
    api = Api(gateway, gateway.client("apigateway"), binaryMediaTypes=["image/png", "application/*"])
    for function in ("echo", "say"):
        proxy(api, f"/{function}", function)
    api.deploy()
    return api


def test_the_event_of_a_bare_call_has_nulls_for_what_is_not_there(gateway, api):
    """Every key and its value, in AWS's shape; nothing is missing, nothing is too much."""
    status, headers, text = api.call("GET", "/echo", headers={"tEsT-HEADeR": "t", "accept-encoding": "identity"})
    assert status == 200
    event = json.loads(text)
    host = f"{api.id}.execute-api.{REGION}.amazonaws.com"
    port = gateway.main.split(":")[1]
    trace = event["headers"].pop("X-Amzn-Trace-Id")
    assert re.fullmatch(TRACE, trace) and headers["x-amzn-trace-id"] == trace
    assert event["multiValueHeaders"].pop("X-Amzn-Trace-Id") == [trace]
    context = event["requestContext"]
    assert re.fullmatch(r"\d\d/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d \+0000", context.pop("requestTime"))
    assert abs(context.pop("requestTimeEpoch") - time.time() * 1000) < 60_000
    sent = {
        "Host": host,
        "accept-encoding": "identity",
        "tEsT-HEADeR": "t",
        "X-Forwarded-For": "127.0.0.1",
        "X-Forwarded-Port": port,
        "X-Forwarded-Proto": "http",
    }
    by_name = {name.lower(): name for name in event["headers"]}
    assert by_name["test-header"] == "tEsT-HEADeR"
    assert {name.lower(): value for name, value in event.pop("headers").items()} == {
        name.lower(): value for name, value in sent.items()
    }
    several = event.pop("multiValueHeaders")
    assert set(several) == set(by_name.values()) and all(len(values) == 1 for values in several.values())
    assert event == {
        "resource": "/echo",
        "path": "/echo",
        "httpMethod": "GET",
        "queryStringParameters": None,
        "multiValueQueryStringParameters": None,
        "pathParameters": None,
        "stageVariables": {"v": "1"},
        "requestContext": {
            "accountId": ACCOUNT,
            "apiId": api.id,
            "deploymentId": context["deploymentId"],
            "domainName": host,
            "domainPrefix": api.id,
            "extendedRequestId": headers["x-amz-apigw-id"],
            "httpMethod": "GET",
            "identity": {
                "accessKey": None,
                "accountId": None,
                "caller": None,
                "cognitoAuthenticationProvider": None,
                "cognitoAuthenticationType": None,
                "cognitoIdentityId": None,
                "cognitoIdentityPoolId": None,
                "principalOrgId": None,
                "sourceIp": "127.0.0.1",
                "user": None,
                "userAgent": None,
                "userArn": None,
            },
            "path": "/prod/echo",
            "protocol": "HTTP/1.1",
            "requestId": headers["x-amzn-requestid"],
            "resourceId": api.paths["/echo"],
            "resourcePath": "/echo",
            "stage": "prod",
        },
        "body": None,
        "isBase64Encoded": False,
    }


def test_what_came_more_than_once_is_told_twice(api):
    """The last value in the single maps, all of them in the others."""
    path = "/echo/7/a/b?x=1&y=%20+&x=2&z"
    status, _, text = api.call("DELETE", path, body="text", headers={"authorization": "a", "user-agent": "u"})
    assert status == 200
    event = json.loads(text)
    assert event["queryStringParameters"] == {"x": "2", "y": "  ", "z": ""}
    assert event["multiValueQueryStringParameters"] == {"x": ["1", "2"], "y": ["  "], "z": [""]}
    assert event["pathParameters"] == {"id": "7", "rest": "a/b"}
    assert (event["resource"], event["path"]) == ("/echo/{id}/{rest+}", "/echo/7/a/b")
    assert (event["body"], event["isBase64Encoded"]) == ("text", False)
    # Two names are written as AWS does, whatever the client's case.
    assert (event["headers"]["Authorization"], event["headers"]["User-Agent"]) == ("a", "u")
    assert event["requestContext"]["identity"]["userAgent"] == "u"
    assert not {"content-length", "connection"} & {name.lower() for name in event["headers"]}


def test_a_signature_for_the_gateway_is_not_told(binary):
    """Other credentials are; and without variables of the stage there are none."""
    for value, expected in [("AWS4-HMAC-SHA256 Credential=a/b", None), ("Basic YTpi", "Basic YTpi")]:
        event = json.loads(binary.call("GET", "/echo", headers={"authorization": value})[2])
        assert event["headers"].get("Authorization") == expected
        assert event["stageVariables"] is None


def test_headers_of_the_same_name_are_all_told(gateway, api):
    """In the case of the first."""
    connection = http.client.HTTPConnection(gateway.main, timeout=10)
    connection.putrequest("GET", "/prod/echo", skip_host=True)
    for name, value in (
        ("Host", f"{api.id}.execute-api.{REGION}.amazonaws.com"),
        ("X-Two", "a"),
        ("x-two", "b"),
        ("X-Amzn-Trace-Id", "Root=1-5759e988-bd862e3fe1be46a994272793;Sampled=1"),
    ):
        connection.putheader(name, value)
    connection.endheaders()
    answer = connection.getresponse()
    event = json.loads(answer.read())
    connection.close()
    assert (event["headers"]["X-Two"], event["multiValueHeaders"]["X-Two"]) == ("b", ["a", "b"])
    # The client's root is kept, a missing parent filled in, and the answer says the same.
    trace = r"Root=1-5759e988-bd862e3fe1be46a994272793;Parent=[0-9a-f]{16};Sampled=1"
    assert re.fullmatch(trace, event["headers"]["X-Amzn-Trace-Id"])
    assert answer.getheader("X-Amzn-Trace-Id") == event["headers"]["X-Amzn-Trace-Id"]


def say(api, output, **headers):
    """The answer to an output."""
    return api.call("POST", "/say", body=json.dumps(output), headers={"content-type": "text/plain", **headers})


@pytest.mark.parametrize(
    "output",
    [
        {},
        {"wrongValue": 1},
        {"statusCode": 200, "wrongValue": 1},
        "text",
        "",
        None,
        7,
        [],
        {"statusCode": "test"},
        {"statusCode": {}},
        {"statusCode": 200.5},
        {"statusCode": 99},
        {"statusCode": 200, "headers": "none"},
        {"statusCode": 200, "headers": {"a": ["b"]}},
        {"statusCode": 200, "headers": {"a": 1}},
        {"statusCode": 200, "headers": {"a b": "c"}},
        {"statusCode": 200, "headers": {"a": "b\nc"}},
        {"statusCode": 200, "multiValueHeaders": {"a": "b"}},
        {"statusCode": 200, "multiValueHeaders": ["a"]},
        {"statusCode": 200, "body": {"a": 1}},
        {"statusCode": 200, "body": 1},
        {"statusCode": 200, "isBase64Encoded": "no"},
        "raise",
    ],
)
def test_an_output_that_makes_no_sense_is_a_bad_gateway(api, output):
    """502 with the body and the exception that were recorded."""
    status, headers, text = say(api, output)
    assert (status, text) == (502, ERROR)
    assert headers["x-amzn-errortype"] == "InternalServerErrorException"
    assert headers["content-type"] == "application/json"


@pytest.mark.parametrize(
    ("output", "status", "expected", "body"),
    [
        ({"statusCode": 200}, 200, {"content-type": "application/json"}, ""),
        ({"statusCode": "201"}, 201, {}, ""),
        ({"headers": {"x-a": "b"}}, 200, {"x-a": "b"}, ""),
        ({"body": "x"}, 200, {"content-type": "application/json"}, "x"),
        ({"statusCode": 204, "headers": None, "multiValueHeaders": None, "body": None}, 204, {}, ""),
        ({"statusCode": 404, "headers": {"x-a": True, "x-b": False}, "body": "no"}, 404, {"x-a": "true", "x-b": "false"}, "no"),
        ({"statusCode": 200, "headers": {"Content-Type": "a/b"}, "body": "x"}, 200, {"content-type": "a/b"}, "x"),
        ({"statusCode": 200, "multiValueHeaders": {"x-a": []}, "body": "x"}, 200, {}, "x"),
        # Without binary media types nothing is decoded.
        ({"statusCode": 200, "body": "aGk=", "isBase64Encoded": True}, 200, {}, "aGk="),
        ({"statusCode": 200, "body": "!", "isBase64Encoded": True}, 200, {}, "!"),
        (
            {"statusCode": 200, "headers": {"Date": "d", "Server": "s", "Transfer-Encoding": "x", "Via": "v"}},
            200,
            {"x-amzn-remapped-date": "d", "x-amzn-remapped-server": "s"},
            "",
        ),
        ({"statusCode": 599, "body": "x"}, 599, {}, "x"),
    ],
)
def test_an_output_is_an_answer(api, output, status, expected, body):
    """All members may be missing, but not all at once."""
    found, headers, text = say(api, output)
    assert (found, text) == (status, body)
    assert {name: headers.get(name) for name in expected} == expected
    assert "transfer-encoding" not in headers
    assert re.fullmatch(TRACE, headers["x-amzn-trace-id"])
    assert re.fullmatch(r"[0-9a-f-]{36}", headers["x-amzn-requestid"]) and len(headers["x-amz-apigw-id"]) == 16


def test_single_and_multiple_headers_are_merged(gateway, api):
    """The several first, then the single one; the name as among the several."""
    output = {
        "statusCode": 200,
        "headers": {"test-multi": "value-solo", "x-own": "1"},
        "multiValueHeaders": {"tesT-Multi": ["value-multi", True], "set-cookie": ["a=1", "b=2"]},
    }
    connection = http.client.HTTPConnection(gateway.main, timeout=10)
    host = f"{api.id}.execute-api.{REGION}.amazonaws.com"
    connection.request("POST", "/prod/say", body=json.dumps(output), headers={"host": host})
    answer = connection.getresponse()
    answer.read()
    connection.close()
    fields = [(name, value) for name, value in answer.getheaders() if name.lower() in ("test-multi", "set-cookie", "x-own")]
    assert fields == [
        ("tesT-Multi", "value-multi"),
        ("tesT-Multi", "true"),
        ("tesT-Multi", "value-solo"),
        ("set-cookie", "a=1"),
        ("set-cookie", "b=2"),
        ("x-own", "1"),
    ]


@pytest.mark.parametrize(
    ("accept", "decodes"),
    [
        ("image/png", True),
        ("image/png;q=0.5, text/plain", True),
        ("text/plain, image/png", False),
        ("application/json", True),
        ("application/*", True),
        ("*/*", False),
        ("image/*", False),
        ("image/jpeg", False),
        (None, False),
    ],
)
def test_only_the_first_type_that_a_client_accepts_has_a_body_decoded(binary, accept, decodes):
    """The type of the answer does not matter at all."""
    output = {"statusCode": 200, "body": "aGk=", "isBase64Encoded": True, "headers": {"content-type": "image/png"}}
    headers = {"accept": accept} if accept else {}
    assert say(binary, output, **headers)[::2] == (200, "hi" if decodes else "aGk=")
    output["isBase64Encoded"] = False
    assert say(binary, output, **headers)[2] == "aGk="


def test_what_is_no_base64_cannot_be_decoded(binary):
    """An internal error, where nothing is decoded it is text."""
    output = {"statusCode": 200, "body": "!", "isBase64Encoded": True}
    assert say(binary, output, accept="image/png")[::2] == (500, ERROR)
    assert say(binary, output, accept="text/plain")[::2] == (200, "!")


@pytest.mark.parametrize(
    ("media", "is_binary"),
    [("image/png", True), ("IMAGE/PNG; a=b", True), ("application/json", True), ("text/plain", False), ("image/jpeg", False)],
)
def test_a_body_of_a_binary_type_travels_in_base64(binary, media, is_binary):
    """By the type of the request."""
    status, _, text = binary.call("POST", "/echo", body=b"\x00a", headers={"content-type": media})
    event = json.loads(text)
    expected = base64.b64encode(b"\x00a").decode() if is_binary else "\x00a"
    assert (status, event["body"], event["isBase64Encoded"]) == (200, expected, is_binary)


def test_a_function_can_only_be_asked_by_post(api):
    """Any other method of the integration is found out at the call."""
    status, headers, text = api.call("GET", "/get")
    assert (status, text) == (500, ERROR)
    assert headers["x-amzn-errortype"] == "InternalServerErrorException"


RECORDED = {
    "HTTP": (
        {"accept", "content-length", "content-type", "host", "user-agent", "x-amzn-apigateway-api-id", "x-amzn-trace-id"},
        {"content-length", "content-type", "date", "x-amz-apigw-id", "x-amzn-requestid", "x-amzn-trace-id"},
    ),
    "HTTP_PROXY": (
        {"accept", "accept-encoding", "content-length", "content-type", "host", "user-agent",
         "x-amzn-apigateway-api-id", "x-amzn-trace-id"},
        {"content-length", "content-type", "date", "x-amz-apigw-id", "x-amzn-requestid", "x-amzn-trace-id",
         "x-amzn-remapped-content-length", "x-amzn-remapped-date", "x-amzn-remapped-x-amzn-requestid"},
    ),
}


@pytest.mark.parametrize("kind", RECORDED)
def test_a_function_behind_a_url_is_asked_and_heard_as_recorded(fresh, backend, kind):
    """The URL of a function is an HTTP backend that names its own trace and request."""
    trace = "Root=1-5759e988-bd862e3fe1be46a994272793;Sampled=0"
    own = {"date": "x", "x-amzn-requestid": "0b0a4a2c", "x-amzn-trace-id": trace, "content-type": "application/json"}
    backend.answers(200, b'{"seen": 1}', tuple(own.items()))
    fresh.method("/a", "POST", PASS if kind == "HTTP" else None, type=kind, uri=f"{backend.url}/", integrationHttpMethod="POST")
    fresh.deploy()
    sent = {"accept": "application/xml", "user-agent": "test/integration", "accept-encoding": "gzip, deflate"}
    status, headers, text = ask(fresh, "/a", {"message": "hello world"}, **sent)
    method, target, asked, body = backend.last()
    assert (status, text, method, target, json.loads(body)) == (200, '{"seen": 1}', "POST", "/", {"message": "hello world"})
    to_backend, to_client = RECORDED[kind]
    # A connection that is kept says so on AWS; here it is said where it is not.
    assert (set(asked) - {"connection"}, set(headers) - {"connection"}) == (to_backend, to_client)
    assert asked["accept"] == ("application/json" if kind == "HTTP" else "application/xml")
    assert asked["user-agent"] == (f"AmazonAPIGateway_{fresh.id}" if kind == "HTTP" else "test/integration")
    assert (headers["x-amzn-trace-id"] == trace) == (kind == "HTTP_PROXY")
    assert kind == "HTTP" or headers["x-amzn-remapped-x-amzn-requestid"] == "0b0a4a2c"


@pytest.fixture
def fresh(gateway):
    """A fresh API."""
    api = Api(gateway, gateway.client("apigateway"))
    yield api
    api.delete()


PASS = {"200": {}}


def plain(api, path, verb="POST", responses=None, function="plain", **more):
    """A method of type AWS with a function."""
    return api.method(path, verb, responses or PASS, type="AWS", uri=uri(function), integrationHttpMethod="POST", **more)


def ask(api, path, body, method="POST", **more):
    """Status and text."""
    headers = {"content-type": "application/json", **more}
    return api.call(method, path, body=body if isinstance(body, (str, bytes)) else json.dumps(body), headers=headers)


def test_a_function_gets_what_the_template_makes_and_its_output_is_mapped(fresh):
    """Templates on both sides, and an answer as AWS frames it."""
    made = '{"name": "$input.params(\'name\')", "all": $input.json(\'$\'), "stage": "$context.stage"}'
    mapped = {"responseTemplates": {"application/json": "Hello $input.path('$.name') of $input.path('$.stage')"}}
    plain(fresh, "/a/{name}", responses={"200": mapped}, requestTemplates={"application/json": made})
    plain(fresh, "/raw")
    plain(fresh, "/raw", "GET")
    fresh.deploy()
    status, headers, text = ask(fresh, "/a/x", {"a": 1})
    assert (status, text, headers["content-type"]) == (200, "Hello x of prod", "application/json")
    assert re.fullmatch(TRACE, headers["x-amzn-trace-id"])
    # Without a template the body is the event, and the output the body.
    assert ask(fresh, "/raw", '{"a": [1, "ü"]}'.encode())[2] == '{"a": [1, "ü"]}'
    # A GET carries no body, and no payload is an empty object.
    assert fresh.call("GET", "/raw")[2] == "{}"
    # What is no JSON is no event, which is the answer of Lambda.
    status, _, text = ask(fresh, "/raw", "no JSON")
    answer = json.loads(text)
    assert (status, answer["Type"]) == (200, "User")
    assert answer["message"].startswith("Could not parse request body into json: ")


def test_patterns_are_matched_with_the_message_of_an_error(fresh):
    """As a whole; without an error, or where none matches, the response without a pattern."""
    responses = {
        "200": {},
        "400": {
            "selectionPattern": "Bad.*",
            "responseTemplates": {"application/json": "{\"why\": \"$input.path('$.errorMessage')\"}"},
            "responseParameters": {
                "method.response.header.x-type": "integration.response.body.errorType",
                "method.response.header.x-error": "integration.response.header.X-Amz-Function-Error",
            },
        },
        "404": {"selectionPattern": ".*[Nn]ot found.*"},
        "409": {
            "selectionPattern": "\\{.*\"code\":409.*\\}",
            "responseParameters": {"method.response.header.x-trace": "integration.response.body.errorMessage.trace.id"},
        },
    }
    plain(fresh, "/a", responses=responses)
    fresh.deploy()
    status, headers, text = ask(fresh, "/a", {"raise": "Bad input"})
    assert (status, json.loads(text)) == (400, {"why": "Bad input"})
    assert (headers["x-type"], headers["x-error"]) == ("ValueError", "Unhandled")
    status, _, text = ask(fresh, "/a", {"raise": "it was not found"})
    error = json.loads(text)
    assert (status, error["errorMessage"], error["errorType"]) == (404, "it was not found", "ValueError")
    assert set(error) == {"errorMessage", "errorType", "requestId", "stackTrace"} or set(error) == {
        "errorMessage", "errorType", "stackTrace"}
    # A match in the middle is none.
    status, _, text = ask(fresh, "/a", {"raise": "a Bad one"})
    assert (status, json.loads(text)["errorMessage"]) == (200, "a Bad one")
    # What only looks like an error is an output.
    assert ask(fresh, "/a", {"errorMessage": "Bad"})[::2] == (200, '{"errorMessage": "Bad"}')
    # An error that is JSON itself can be mapped into headers.
    message = json.dumps({"code": 409, "trace": {"id": "t7"}}, separators=(",", ":"))
    status, headers, _ = ask(fresh, "/a", {"raise": message})
    assert (status, headers["x-trace"]) == (409, "t7")


def test_a_pattern_for_everything_is_also_for_no_error_and_without_a_match_nothing_is_configured(fresh):
    """`.*` matches the empty message, `.+` does not."""
    plain(fresh, "/all", responses={"500": {"selectionPattern": ".*"}})
    plain(fresh, "/some", responses={"500": {"selectionPattern": ".+"}})
    fresh.deploy()
    assert ask(fresh, "/all", {"a": 1})[0] == 500
    assert ask(fresh, "/some", {"raise": "x"})[0] == 500
    status, headers, text = ask(fresh, "/some", {"a": 1})
    assert (status, text) == (500, ERROR)
    assert headers["x-amzn-errortype"] == "InternalServerErrorException"


def test_bodies_without_a_template_pass_or_not(fresh):
    """The passthrough behaviours, with Lambda behind them."""
    template = {"application/json": '{"made": 1}'}
    for behaviour in ("WHEN_NO_MATCH", "WHEN_NO_TEMPLATES", "NEVER"):
        path = "/" + behaviour.lower()
        plain(fresh, path, passthroughBehavior=behaviour, requestTemplates=template)
    plain(fresh, "/none", passthroughBehavior="NEVER")
    fresh.deploy()
    as_text = {"content-type": "text/plain"}
    assert ask(fresh, "/when_no_match", {"a": 1})[::2] == (200, '{"made": 1}')
    assert ask(fresh, "/when_no_match", {"a": 1}, **as_text)[::2] == (200, '{"a": 1}')
    for path in ("/when_no_templates", "/never"):
        assert ask(fresh, path, {"a": 1}, **as_text)[::2] == (415, '{"message":"Unsupported Media Type"}')
    assert ask(fresh, "/none", {"a": 1})[0] == 415


def test_contents_are_converted(gateway):
    """Bytes to text for the template, and the function's text to bytes."""
    api = Api(gateway, gateway.client("apigateway"), binaryMediaTypes=["image/png"])
    template = {"image/png": '"$input.body"'}
    to_binary = {"200": {"contentHandling": "CONVERT_TO_BINARY"}}
    plain(api, "/a", responses=to_binary, requestTemplates=template, contentHandling="CONVERT_TO_TEXT")
    plain(api, "/b", requestTemplates=template, contentHandling="CONVERT_TO_TEXT")
    api.deploy()
    assert ask(api, "/a", b"PNG", **{"content-type": "image/png"})[::2] == (200, "PNG")
    assert ask(api, "/b", b"PNG", **{"content-type": "image/png"})[::2] == (200, '"UE5H"')
    api.delete()


def test_only_post_asks_a_function_with_templates_too(fresh):
    """As with AWS_PROXY."""
    where = fresh.method("/a", "POST", PASS, type="AWS", uri=uri("plain"), integrationHttpMethod="GET")
    assert where["httpMethod"] == "POST"
    fresh.deploy()
    assert ask(fresh, "/a", {})[::2] == (500, ERROR)


def seen(file, expected):
    """Waits until a function has left its marks."""
    until = time.monotonic() + 10
    while not (file.exists() and file.read_text() == expected):
        assert time.monotonic() < until
        time.sleep(0.02)


@pytest.mark.parametrize("kind", ["AWS", "AWS_PROXY"])
def test_a_function_is_asked_later_or_not_at_all(fresh, tmp_path, kind):
    """By the mapped type of the invocation: the client gets 200 and nothing else."""
    file = tmp_path / "seen"
    word = {"integration.request.header.X-Amz-Invocation-Type": "'Event'"}
    chosen = {"integration.request.header.x-amz-invocation-type": "method.request.header.how"}
    declared = {"requestParameters": {"method.request.header.how": False}}
    common = {"type": kind, "uri": uri("note"), "integrationHttpMethod": "POST"}
    responses = PASS if kind == "AWS" else None
    fresh.method("/event", "POST", responses, requestParameters=word, **common)
    fresh.method("/chosen", "POST", responses, declared, requestParameters=chosen, **common)
    fresh.deploy()

    def call(path, **headers):
        return ask(fresh, path, {"file": str(file)}, **{"x-file": str(file), **headers})

    status, headers, text = call("/event")
    assert (status, text, headers["content-type"]) == (200, "", "application/json")
    seen(file, "x")
    assert call("/chosen", how="Event")[::2] == (200, "")
    seen(file, "xx")
    assert call("/chosen", how="DryRun")[::2] == (200, "")
    assert call("/chosen", how="whenever")[::2] == (500, ERROR)
    # Who waits gets what the function says.
    status, _, text = call("/chosen", how="RequestResponse")
    assert (status, text) == ((200, '{"statusCode": 202}') if kind == "AWS" else (202, ""))
    assert call("/chosen")[0] == status
    seen(file, "xxxx")


@pytest.mark.parametrize("kind", ["AWS", "AWS_PROXY"])
@pytest.mark.parametrize(
    "name",
    ["Content-Length", "transfer-encoding", "X-Amzn-Trace-Id", "Authorization", "Connection", "Expect", "Proxy-Authenticate", "TE"],
)
def test_some_headers_cannot_be_mapped_to_a_function(fresh, kind, name):
    """Found out at the call, even where the mapping would have no effect."""
    parameters = {f"integration.request.header.{name}": "'x'"}
    common = {"type": kind, "uri": uri("say"), "integrationHttpMethod": "POST", "requestParameters": parameters}
    fresh.method("/a", "POST", PASS if kind == "AWS" else None, **common)
    fresh.deploy()
    status, headers, text = ask(fresh, "/a", {"statusCode": 200})
    assert (status, text) == (500, ERROR)
    assert headers["x-amzn-errortype"] == "InternalServerErrorException"


def test_a_template_may_say_how_a_function_is_asked(fresh, tmp_path):
    """`requestOverride` counts as a mapping, and what cannot be mapped cannot be overridden."""
    file = tmp_path / "seen"
    override = '#set($context.requestOverride.header["%s"] = "%s")$input.json("$")'
    for path, name, value in [("/a", "X-Amz-Invocation-Type", "Event"), ("/b", "Connection", "close")]:
        plain(fresh, path, function="note", requestTemplates={"application/json": override % (name, value)})
    fresh.deploy()
    assert ask(fresh, "/a", {"file": str(file)})[::2] == (200, "")
    seen(file, "x")
    assert ask(fresh, "/b", {"file": str(file)})[::2] == (500, ERROR)


def test_the_end_of_the_log_can_be_mapped(fresh):
    """`X-Amz-Log-Type: Tail`, as for Lambda's own API."""
    log = {"responseParameters": {"method.response.header.x-log": "integration.response.header.X-Amz-Log-Result"}}
    parameters = {"integration.request.header.X-Amz-Log-Type": "'Tail'"}
    plain(fresh, "/a", responses={"200": log}, requestParameters=parameters)
    fresh.deploy()
    log = base64.b64decode(ask(fresh, "/a", {})[1]["x-log"]).decode()
    assert log.startswith("START RequestId: ") and "REPORT RequestId: " in log


def test_answers_of_a_proxied_function_are_kept_by_their_keys(fresh):
    """As those of other integrations: one run for each value of the keys, all again after a flush, none for POST."""
    keys = ["method.request.querystring.q"]
    declared = {"requestParameters": {keys[0]: False}}
    more = {"type": "AWS_PROXY", "uri": uri("echo"), "integrationHttpMethod": "POST", "cacheKeyParameters": keys}
    for verb in ["GET", "POST"]:
        fresh.method("/kept", verb, None, declared, **more)
    fresh.deploy(cacheClusterEnabled=True, cacheClusterSize="0.5")
    patch = {"op": "replace", "path": "/*/*/caching/enabled", "value": "true"}
    fresh.v1.update_stage(restApiId=fresh.id, stageName="prod", patchOperations=[patch])

    def run(query, verb="GET"):
        status, headers, text = fresh.call(verb, "/kept" + query)
        assert (status, headers["content-type"]) == (200, "application/json")
        return json.loads(text)["requestContext"]["requestId"]

    first = run("?q=1")
    assert [run("?q=1"), run("?q=1&other=2")] == [first, first]
    assert run("?q=2") != first
    assert run("?q=1", "POST") != run("?q=1", "POST")
    fresh.v1.flush_stage_cache(restApiId=fresh.id, stageName="prod")
    assert run("?q=1") != first


def test_answers_of_a_proxied_function_are_compressed_for_who_accepts_it(fresh):
    """And requests that come compressed are told as they were meant."""
    proxy(fresh, "/small", "say")
    patch = {"op": "replace", "path": "/minimumCompressionSize", "value": "100"}
    fresh.v1.update_rest_api(restApiId=fresh.id, patchOperations=[patch])
    fresh.deploy()
    body = "many words " * 50
    said = json.dumps({"statusCode": 200, "body": body}).encode()
    host = {"host": f"{fresh.id}.execute-api.{REGION}.amazonaws.com", "accept-encoding": "gzip"}
    for sent, coding in [(said, {}), (gzip.compress(said), {"content-encoding": "gzip"})]:
        connection = http.client.HTTPConnection(fresh.gateway.main, timeout=10)
        connection.request("POST", "/prod/small", sent, {**host, **coding})
        answer = connection.getresponse()
        assert (answer.status, answer.headers["content-encoding"]) == (200, "gzip")
        assert gzip.decompress(answer.read()).decode() == body
        connection.close()
