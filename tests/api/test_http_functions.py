"""Functions behind HTTP APIs: events of both payload formats, key by key, and what becomes of their output."""

import base64
import http.client
import json
import re
import sys

import pytest
from conftest import ACCOUNT, REGION, Gateway

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
'''


@pytest.fixture(scope="module")
def gateway(tmp_path_factory):
    """A gateway with two functions."""
    folder = tmp_path_factory.mktemp("functions")
    (folder / "code").mkdir()
    (folder / "code" / "index.py").write_text(HANDLER)
    functions = "".join(
        f'[functions.{name}]\nruntime = "python3.12"\ninterpreter = "{sys.executable}"\n'
        f'handler = "index.{name}"\ncode = "code"\nconcurrency = 2\n'
        for name in ("echo", "say")
    )
    gateway = Gateway(folder, functions)
    yield gateway
    gateway.stop()


@pytest.fixture(scope="module")
def api(gateway):
    """An HTTP API with a route to each function in both formats."""
    v2 = gateway.client("apigatewayv2")
    cors = {"AllowOrigins": ["https://a.example"], "ExposeHeaders": ["x-b"]}
    api = v2.create_api(Name="f", ProtocolType="HTTP", CorsConfiguration=cors)["ApiId"]
    for stage in ("s", "$default"):
        v2.create_stage(ApiId=api, StageName=stage, AutoDeploy=True, StageVariables={"v": "1"})
    for name in ("echo", "say"):
        for version in ("1.0", "2.0"):
            integration = v2.create_integration(
                ApiId=api,
                IntegrationType="AWS_PROXY",
                IntegrationUri=f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{name}",
                PayloadFormatVersion=version,
            )["IntegrationId"]
            key = f"ANY /{name}{version[0]}/{{id}}/{{rest+}}"
            v2.create_route(ApiId=api, RouteKey=key, Target=f"integrations/{integration}")
    return api


def echo(gateway, api, version, target, method="GET", stage="/s", **more):
    """The event that a call makes."""
    status, _, text = gateway.call_api(method, api, f"{stage}/echo{version}{target}", **more)
    assert status == 200, text
    return json.loads(text)


def test_the_event_of_format_2_has_awss_keys(gateway, api):
    """Every key, its casing and its value; what is empty is missing."""
    headers = {"X-Own": "One", "Cookie": "a=1; b=2", "User-Agent": "tester", "x-forwarded-for": "9.9.9.9"}
    event = echo(gateway, api, 2, "/7/x/y%20z?a=1&b=x%20y&a=2&c", headers=headers)
    host = f"{api}.execute-api.{REGION}.amazonaws.com"
    sent = event.pop("headers")
    assert (sent["x-own"], sent["host"], sent["user-agent"]) == ("One", host, "tester")
    assert sent["x-forwarded-for"].endswith("127.0.0.1")
    assert re.fullmatch("Root=1-[0-9a-f]{8}-[0-9a-f]{24}", sent["x-amzn-trace-id"])
    assert sent["x-forwarded-proto"] == "http" and sent["x-forwarded-port"] == gateway.main.split(":")[1]
    assert all(name == name.lower() for name in sent) and "cookie" not in sent
    context = event.pop("requestContext")
    assert re.fullmatch(r"\d\d/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d \+0000", context.pop("time"))
    assert isinstance(context.pop("timeEpoch"), int)
    assert re.fullmatch(r"[A-Za-z0-9_-]{15}=", context.pop("requestId"))
    assert context == {
        "accountId": ACCOUNT,
        "apiId": api,
        "domainName": host,
        "domainPrefix": api,
        "http": {
            "method": "GET",
            "path": "/s/echo2/7/x/y%20z",
            "protocol": "HTTP/1.1",
            "sourceIp": "127.0.0.1",
            "userAgent": "tester",
        },
        "routeKey": "ANY /echo2/{id}/{rest+}",
        "stage": "s",
    }
    assert event == {
        "version": "2.0",
        "routeKey": "ANY /echo2/{id}/{rest+}",
        "rawPath": "/s/echo2/7/x/y%20z",
        "rawQueryString": "a=1&b=x%20y&a=2&c",
        "cookies": ["a=1", "b=2"],
        "queryStringParameters": {"a": "1,2", "b": "x y", "c": ""},
        "pathParameters": {"id": "7", "rest": "x/y z"},
        "stageVariables": {"v": "1"},
        "isBase64Encoded": False,
    }


def test_the_default_stage_is_not_in_the_path(gateway, api):
    """And a call without anything has no empty keys."""
    event = echo(gateway, api, 2, "/7/x", stage="")
    assert (event["rawPath"], event["requestContext"]["stage"]) == ("/echo2/7/x", "$default")
    assert "cookies" not in event and "queryStringParameters" not in event and "body" not in event
    assert event["rawQueryString"] == ""


def test_the_event_of_format_1_has_awss_keys(gateway, api):
    """Single and multiple values side by side; what is empty is null."""
    event = echo(gateway, api, 1, "/7/x?a=1&a=2", "POST", headers={"X-Own": "One"}, body="text")
    context = event.pop("requestContext")
    assert (event["version"], event["resource"], event["path"]) == ("1.0", "/echo1/{id}/{rest+}", "/echo1/7/x")
    assert (event["httpMethod"], event["body"], event["isBase64Encoded"]) == ("POST", "text", False)
    assert event["queryStringParameters"] == {"a": "2"}
    assert event["multiValueQueryStringParameters"] == {"a": ["1", "2"]}
    assert event["pathParameters"] == {"id": "7", "rest": "x"}
    assert event["stageVariables"] == {"v": "1"}
    own = [name for name in event["headers"] if name.lower() == "x-own"]
    assert [event["multiValueHeaders"][name] for name in own] == [["One"]]
    assert (context["apiId"], context["stage"], context["httpMethod"]) == (api, "s", "POST")
    assert context["identity"]["sourceIp"] == "127.0.0.1"
    assert context["resourcePath"] == "/echo1/{id}/{rest+}"


@pytest.mark.parametrize(
    ("media", "body", "is_binary"),
    [
        ("application/json", b'{"a":"\xc3\xa4"}', False),
        ("text/plain", b"text", False),
        ("application/octet-stream", b"\x00\xff\x80", True),
        ("image/png", b"\x89PNG", True),
    ],
)
def test_bodies_that_are_no_text_travel_in_base64(gateway, api, media, body, is_binary):
    """By their media type."""
    event = echo(gateway, api, 2, "/7/x", "POST", headers={"content-type": media}, body=body)
    expected = base64.b64encode(body).decode() if is_binary else body.decode()
    assert (event["body"], event["isBase64Encoded"]) == (expected, is_binary)


def say(gateway, api, output, version=2, **more):
    """The answer to an output: status, headers as pairs in lower case, text."""
    connection_headers = {"content-type": "application/json", **more}
    target = f"/s/say{version}/1/x"
    return gateway.call_api("POST", api, target, headers=connection_headers, body=json.dumps(output))


@pytest.mark.parametrize(
    ("output", "status", "media", "body"),
    [
        ({"message": "hi"}, 200, "application/json", '{"message": "hi"}'),
        ("text", 200, "application/json", "text"),
        ([1, 2], 200, "application/json", "[1, 2]"),
        ({"statusCode": 201, "body": "made"}, 201, "text/plain; charset=utf-8", "made"),
        ({"statusCode": "202"}, 202, "text/plain; charset=utf-8", ""),
        ({"statusCode": 200, "headers": {"Content-Type": "a/b"}, "body": "x"}, 200, "a/b", "x"),
        ({"statusCode": 200, "body": "aGk=", "isBase64Encoded": True}, 200, "text/plain; charset=utf-8", "hi"),
    ],
)
def test_an_output_of_format_2_is_an_answer(gateway, api, output, status, media, body):
    """With a status it says all by itself, without one it is the body."""
    found, headers, text = say(gateway, api, output)
    headers = {name.lower(): value for name, value in headers.items()}
    assert (found, headers["content-type"]) == (status, media)
    spaceless = text.replace(" ", "") if media == "application/json" else text
    assert spaceless == (body.replace(" ", "") if media == "application/json" else body)
    assert len(headers["apigw-requestid"]) == 16


@pytest.mark.parametrize(
    "output",
    [
        {"statusCode": "none"},
        {"statusCode": 99},
        {"statusCode": 200, "headers": "none"},
        {"statusCode": 200, "headers": {"a": ["b"]}},
        {"statusCode": 200, "headers": {"a b": "c"}},
        {"statusCode": 200, "cookies": "a=1"},
        {"statusCode": 200, "body": "!", "isBase64Encoded": True},
        "raise",
    ],
)
def test_an_output_that_makes_no_sense_is_an_internal_error(gateway, api, output):
    """500 with AWS's capital letters, in both formats."""
    for version in (1, 2):
        if (version, "cookies" in output) == (1, True):
            continue
        status, _, text = say(gateway, api, output, version)
        assert (status, text) == (500, '{"message":"Internal Server Error"}'), (version, output)


def test_each_cookie_is_a_field_of_its_own(gateway, api):
    """Cookies of the output become `Set-Cookie`."""
    output = {"statusCode": 200, "cookies": ["a=1; Path=/", "b=2"], "headers": {"x-b": True}, "body": ""}
    connection = http.client.HTTPConnection(gateway.main, timeout=10)
    host = f"{api}.execute-api.{REGION}.amazonaws.com"
    connection.request("POST", "/s/say2/1/x", body=json.dumps(output), headers={"host": host, "content-type": "application/json"})
    answer = connection.getresponse()
    answer.read()
    cookies = [value for name, value in answer.getheaders() if name.lower() == "set-cookie"]
    assert (cookies, answer.getheader("x-b")) == (["a=1; Path=/", "b=2"], "true")
    connection.close()


def test_cors_of_the_api_goes_before_that_of_a_function(gateway, api):
    """What the function says about origins is left out."""
    output = {"statusCode": 200, "headers": {"Access-Control-Allow-Origin": "*", "Apigw-Requestid": "mine"}, "body": "x"}
    _, headers, _ = say(gateway, api, output, origin="https://a.example")
    headers = {name.lower(): value for name, value in headers.items()}
    assert headers["access-control-allow-origin"] == "https://a.example"
    assert headers["access-control-expose-headers"] == "x-b"
    assert headers["apigw-requestid"] != "mine"
    _, headers, _ = say(gateway, api, output, origin="https://b.example")
    assert "access-control-allow-origin" not in {name.lower() for name in headers}


@pytest.fixture
def mapped(gateway, api):
    """Makes a route to a function with mappings, in the place of the one before."""
    v2 = gateway.client("apigatewayv2")
    made = []

    def clear():
        for route, integration in made:
            v2.delete_route(ApiId=api, RouteId=route)
            v2.delete_integration(ApiId=api, IntegrationId=integration)
        made.clear()

    def make(function, version="2.0", **mappings):
        clear()
        integration = v2.create_integration(
            ApiId=api,
            IntegrationType="AWS_PROXY",
            IntegrationUri=f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{function}",
            PayloadFormatVersion=version,
            **mappings,
        )["IntegrationId"]
        target = f"integrations/{integration}"
        route = v2.create_route(ApiId=api, RouteKey="ANY /mapped/{id}", Target=target)["RouteId"]
        made.append((route, integration))

    yield make
    clear()


def test_a_function_is_told_what_mappings_made_of_the_request(gateway, api, mapped):
    """Headers, query and path of the event; its context stays that of the client."""
    changes = {
        "append:header.both": "${stageVariables.v}",
        "overwrite:header.user-agent": "$request.body.agent",
        "remove:header.gone": "''",
        "append:querystring.q": "x y",
        "overwrite:path": "/other/${request.path.id}",
    }
    headers = {"Both": "sent", "User-Agent": "tester", "Gone": "1", "content-type": "application/json"}
    for version in ("2.0", "1.0"):
        mapped("echo", version, RequestParameters=changes)
        status, _, text = gateway.call_api(
            "POST", api, "/s/mapped/7%2F8?q=1", headers=headers, body=json.dumps({"agent": "mapped"})
        )
        assert status == 200, text
        event = json.loads(text)
        sent = {name.lower(): value for name, value in event["headers"].items()}
        assert (sent["both"], sent["user-agent"]) == ("sent,1", "mapped")
        assert "gone" not in sent
        if version == "2.0":
            assert (event["rawPath"], event["rawQueryString"]) == ("/other/7%2F8", "q=1&q=x%20y")
            assert event["queryStringParameters"] == {"q": "1,x y"}
            assert event["requestContext"]["http"]["path"] == "/s/mapped/7%2F8"
        else:
            assert event["path"] == "/other/7%2F8"
            assert event["multiValueQueryStringParameters"] == {"q": ["1", "x y"]}


def test_the_answer_of_a_function_is_mapped_by_its_status(gateway, api, mapped):
    """Headers and status; other statuses stay as they are."""
    mapped(
        "say",
        ResponseParameters={
            "404": {
                "overwrite:statuscode": "410",
                "append:header.why": "$response.body.reason",
                "remove:header.secret": "''",
                "append:header.old": "${response.header.old}!",
            }
        },
    )

    def say(output):
        status, headers, text = gateway.call_api(
            "POST", api, "/s/mapped/1", headers={"content-type": "application/json"}, body=json.dumps(output)
        )
        return status, {name.lower(): value for name, value in headers.items()}, text

    output = {"statusCode": 404, "headers": {"Secret": "s", "Old": "o"}, "body": '{"reason":"gone"}'}
    status, headers, text = say(output)
    assert (status, headers["why"], headers["old"], text) == (410, "gone", "o,o!", '{"reason":"gone"}')
    assert "secret" not in headers
    status, headers, _ = say({**output, "statusCode": 403})
    assert (status, headers["secret"]) == (403, "s") and "why" not in headers
