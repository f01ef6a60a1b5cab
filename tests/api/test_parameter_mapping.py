"""Parameter mapping of HTTP APIs: requests and answers changed on their way, through boto3 and real calls."""

import json
import re

import pytest
from conftest import refused

INVALID = "Invalid mapping expression specified: Validation Result: warnings : [], errors : [{}]"


@pytest.fixture(scope="module")
def api(v2):
    """An HTTP API with a stage that deploys itself."""
    made = v2.create_api(Name="mapped", ProtocolType="HTTP")["ApiId"]
    v2.create_stage(ApiId=made, StageName="s", AutoDeploy=True, StageVariables={"place": "here"})
    yield made
    v2.delete_api(ApiId=made)


@pytest.fixture
def route(v2, api, upstream):
    """Makes a route with mappings and takes it away again."""
    made = []

    def make(key="ANY /m/{id}/{rest+}", path="/base", **mappings):
        integration = v2.create_integration(
            ApiId=api,
            IntegrationType="HTTP_PROXY",
            IntegrationUri=upstream + path,
            IntegrationMethod="ANY",
            PayloadFormatVersion="1.0",
            **mappings,
        )["IntegrationId"]
        target = f"integrations/{integration}"
        made.append((v2.create_route(ApiId=api, RouteKey=key, Target=target)["RouteId"], integration))
        return integration

    yield make
    for route_id, integration in made:
        v2.delete_route(ApiId=api, RouteId=route_id)
        v2.delete_integration(ApiId=api, IntegrationId=integration)


def ask(gateway, api, target, method="GET", **more):
    """Status, headers in lower case, and what the upstream saw."""
    status, headers, text = gateway.call_api(method, api, "/s" + target, **more)
    seen = json.loads(text) if text.startswith("{") else {}
    seen["headers"] = {name.lower(): value for name, value in seen.get("headers", {}).items()}
    return status, {name.lower(): value for name, value in headers.items()}, seen


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("$request.header.X-Own", "one,two"),
        ("$request.querystring.q", "a b,c"),
        ("$request.querystring.Q", None),
        ("$request.path", "/m/7/x/y%20z"),
        ("$request.path.id", "7"),
        ("$request.path.rest", "x/y z"),
        ("$request.path.none", None),
        ("$request.header.none", None),
        ("$stageVariables.place", "here"),
        ("$stageVariables.none", None),
        ("$context.stage", "s"),
        ("$context.httpMethod", "POST"),
        ("$context.routeKey", "ANY /m/{id}/{rest+}"),
        ("$context.identity.sourceIp", "127.0.0.1"),
        ("$context.path", "/s/m/7/x/y%20z"),
        ("$request.body.a.b", "text"),
        ("$request.body.list[1]", "2"),
        ("$request.body.list[*]", '[1,2,{"c":true}]'),
        ("$request.body.list[2]", '{"c":true}'),
        ("$request.body.nothing", None),
        ("$request.body", '{"a":{"b":"text"},"list":[1,2,{"c":true}],"nothing":null}'),
        ("fixed", "fixed"),
        ("${request.path.id}-${context.stage}-${request.body.a.b}!", "7-s-text!"),
        ("${stageVariables.none}x", "x"),
    ],
)
def test_a_value_is_found_where_it_is_said_to_be(gateway, api, route, value, expected):
    """Every kind of source, joined by commas where there are several."""
    route(RequestParameters={"append:header.mapped": value})
    body = json.dumps({"a": {"b": "text"}, "list": [1, 2, {"c": True}], "nothing": None}, separators=(",", ":"))
    status, _, seen = ask(
        gateway,
        api,
        "/m/7/x/y%20z?q=a%20b&q=c",
        "POST",
        headers={"X-Own": "one,two", "content-type": "application/json"},
        body=body,
    )
    assert (status, seen["headers"].get("mapped")) == (200, expected)
    assert seen["body"] == body


def test_headers_are_added_replaced_and_removed(gateway, api, route):
    """Names in any case; what is not there cannot be renamed."""
    route(
        RequestParameters={
            "append:header.new": "$request.header.old",
            "remove:header.OLD": "''",
            "append:header.Both": "added",
            "overwrite:header.user-agent": "mapped",
            "overwrite:header.host": "host.example",
            "append:header.gone": "$request.header.gone",
        }
    )
    _, _, seen = ask(gateway, api, "/m/1/2", headers={"Old": "value", "both": "sent", "User-Agent": "tester"})
    sent = seen["headers"]
    assert (sent["new"], sent["both"], sent["user-agent"], sent["host"]) == ("value", "sent,added", "mapped", "host.example")
    assert "old" not in sent and "gone" not in sent


def test_queries_are_added_replaced_and_removed(gateway, api, route):
    """Names with their case, values encoded; the query of the URI counts too."""
    route(
        path="/base?own=1",
        RequestParameters={
            "append:querystring.a": "x y&z",
            "overwrite:querystring.b": "$request.querystring.a",
            "remove:querystring.c": "''",
            "overwrite:querystring.own": "2",
        },
    )
    _, _, seen = ask(gateway, api, "/m/1/2?a=1&b=2&c=3&C=4&a=5")
    path, _, query = seen["target"].partition("?")
    assert path == "/base"
    assert sorted(query.split("&")) == ["C=4", "a=1", "a=5", "a=x%20y%26z", "b=1%2C5", "own=2"]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("$request.path", "/m/a%2Fb/c/d"),
        ("/x/${request.path.id}/${stageVariables.place}", "/x/a%2Fb/here"),
        ("no-slash", "/no-slash"),
        ("/a b?c#d", "/a%20b%3Fc%23d"),
        ("$request.header.none", "/base"),
        ("$request.header.evil", "/x%20HTTP/1.1"),
    ],
)
def test_the_path_is_overwritten_without_the_stage(gateway, api, route, value, expected):
    """What is encoded stays so, and what cannot stand in a path is encoded."""
    route(RequestParameters={"overwrite:path": value})
    _, _, seen = ask(gateway, api, "/m/a%2Fb/c/d?q=1", headers={"evil": "/x HTTP/1.1"})
    assert seen["target"] == expected + "?q=1"


def test_the_body_still_goes_on_when_a_mapping_reads_it(gateway, api, route):
    """Chunked and long ones too; a pick sees the first 100 KB."""
    route(RequestParameters={"append:header.first": "$request.body.first", "append:header.last": "$request.body.last"})
    body = json.dumps({"first": "1", "big": "x" * 300_000, "last": "2"})
    _, _, seen = ask(gateway, api, "/m/1/2", "POST", body=body)
    assert (seen["headers"]["first"], seen["headers"].get("last")) == ("1", None)
    assert seen["body"] == body
    status, _, seen = ask(gateway, api, "/m/1/2", "POST", body=iter([b'{"first":', b'"3"}']))
    assert (status, seen["headers"]["first"]) == (200, "3")
    assert seen["body"] == '{"first":"3"}'


def test_a_value_from_a_body_cannot_begin_a_header(gateway, api, route):
    """Control characters become blanks."""
    route(RequestParameters={"append:header.mapped": "$request.body.a"})
    _, _, seen = ask(gateway, api, "/m/1/2", "POST", body=json.dumps({"a": "x\r\nEvil: 1\u0000"}))
    assert seen["headers"]["mapped"] == "x  Evil: 1"
    assert "evil" not in seen["headers"]


def test_answers_are_changed_by_their_status(gateway, api, route):
    """Headers added, joined, replaced and removed, only where the status is the one named."""
    route(
        ResponseParameters={
            "200": {
                "append:header.stage": "$context.stage",
                "append:header.kind": "${response.header.content-type}; ${stageVariables.place}",
                "overwrite:header.content-type": "text/plain",
                "remove:header.Server": "''",
                "append:header.set-cookie": "a=1",
                "overwrite:header.seen": "$response.body.method",
            },
            "404": {"append:header.never": "1"},
        }
    )
    status, headers, seen = ask(gateway, api, "/m/1/2")
    assert (status, seen["method"]) == (200, "GET")
    assert headers["stage"] == "s"
    assert headers["kind"] == "application/json; here"
    assert headers["content-type"] == "text/plain"
    assert headers["set-cookie"] == "a=1"
    assert headers["seen"] == "GET"
    assert "server" not in headers and "never" not in headers
    assert re.fullmatch(r"[A-Za-z0-9_-]{15}=", headers["apigw-requestid"])


@pytest.mark.parametrize(("value", "expected"), [("403", 403), ("$stageVariables.place", 200), ("204", 204), ("599", 599)])
def test_the_status_is_overwritten(gateway, api, route, value, expected):
    """With a number from 200 to 599; a status without a body gets none."""
    route(ResponseParameters={"200": {"overwrite:statuscode": value}})
    status, headers, seen = ask(gateway, api, "/m/1/2")
    assert status == expected
    assert ("method" in seen) == (expected != 204)
    status, _, _ = ask(gateway, api, "/m/1/2")
    assert status == expected


def test_both_directions_work_together_on_one_connection(gateway, api, route):
    """The connection to the upstream goes on after an answer that was held in memory."""
    route(
        RequestParameters={"append:header.x": "$request.body.x"},
        ResponseParameters={"200": {"append:header.y": "$response.body.headers.x", "overwrite:statuscode": "201"}},
    )
    for number in range(20):
        status, headers, _ = ask(gateway, api, "/m/1/2", "PUT", body=json.dumps({"x": number}))
        assert (status, headers["y"]) == (201, str(number))
    status, headers, _ = ask(gateway, api, "/m/1/2", "HEAD")
    assert (status, headers.get("y")) == (201, None)


@pytest.mark.parametrize(
    ("mappings", "what"),
    [
        ({"RequestParameters": {"append:header.Authorization": "x"}}, "Operations on header Authorization are restricted"),
        ({"RequestParameters": {"append:header.x-amz-date": "x"}}, "Operations on header x-amz-date are restricted"),
        ({"RequestParameters": {"append:path": "x"}}, "Invalid mapping expression parameter specified: append:path"),
        ({"RequestParameters": {"append:header.a": "$request.body..a"}}, "Invalid mapping expression specified: $request.body..a"),
        ({"RequestParameters": {"append:header.a": "$context.none"}}, "Invalid mapping expression specified: $context.none"),
        ({"ResponseParameters": {"200": {"append:querystring.a": "x"}}}, "Invalid mapping expression parameter specified: append:querystring.a"),
        ({"ResponseParameters": {"200": {"remove:header.via": "''"}}}, "Operations on header via are restricted"),
        ({"ResponseParameters": {"199": {"append:header.a": "x"}}}, "Invalid status code specified: 199"),
    ],
)
def test_a_mapping_that_cannot_be_is_refused_when_it_is_written(v2, api, upstream, mappings, what):
    """Reserved headers, unknown targets and sources, statuses out of range."""
    wrong = refused(
        v2.create_integration,
        ApiId=api,
        IntegrationType="HTTP_PROXY",
        IntegrationUri=upstream,
        IntegrationMethod="GET",
        PayloadFormatVersion="1.0",
        **mappings,
    )
    assert wrong == ("BadRequestException", 400, INVALID.format(what))


def test_mappings_are_merged_and_taken_away(gateway, v2, api, route):
    """An empty value takes a mapping away, an empty table all of a status."""
    integration = route(
        RequestParameters={"append:header.a": "1", "append:header.b": "2"},
        ResponseParameters={"200": {"append:header.c": "3"}, "404": {"append:header.d": "4"}},
    )
    where = {"ApiId": api, "IntegrationId": integration}
    changed = v2.update_integration(
        **where, RequestParameters={"append:header.a": ""}, ResponseParameters={"200": {}, "404": {"append:header.e": "5"}}
    )
    assert changed["RequestParameters"] == {"append:header.b": "2"}
    assert changed["ResponseParameters"].keys() == {"404"}
    _, headers, seen = ask(gateway, api, "/m/1/2")
    assert "a" not in seen["headers"] and seen["headers"]["b"] == "2"
    assert "c" not in headers
