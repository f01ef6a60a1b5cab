"""HTTP APIs through boto3: made, changed, served, deleted."""

import datetime
import http.client
import json
import socket
import threading

import pytest
from conftest import AUTHORIZER, REGION, free_port, plain, refused


@pytest.fixture
def api(v2):
    """The id of a fresh HTTP API."""
    made = v2.create_api(Name="pets", ProtocolType="HTTP")
    yield made["ApiId"]
    v2.delete_api(ApiId=made["ApiId"])


def test_an_api_has_awss_defaults(v2):
    made = v2.create_api(Name="a", ProtocolType="HTTP", Tags={"a": "b"})
    assert made["ResponseMetadata"]["HTTPStatusCode"] == 201
    assert made["ResponseMetadata"]["HTTPHeaders"]["x-amzn-requestid"]
    assert isinstance(made["CreatedDate"], datetime.datetime)
    api = made["ApiId"]
    expected = {
        "ApiEndpoint": f"https://{api}.execute-api.{REGION}.amazonaws.com",
        "ApiId": api,
        "ApiKeySelectionExpression": "$request.header.x-api-key",
        "CreatedDate": made["CreatedDate"],
        "DisableExecuteApiEndpoint": False,
        "IpAddressType": "ipv4",
        "Name": "a",
        "ProtocolType": "HTTP",
        "RouteSelectionExpression": "$request.method $request.path",
        "Tags": {"a": "b"},
    }
    assert plain(made) == expected
    assert plain(v2.get_api(ApiId=api)) == expected
    changed = v2.update_api(ApiId=api, Name="b", Description="d")
    assert (changed["Name"], changed["Description"], changed["Tags"]) == ("b", "d", {"a": "b"})
    assert v2.delete_api(ApiId=api)["ResponseMetadata"]["HTTPStatusCode"] == 204
    missing = ("NotFoundException", 404, f"Invalid API identifier specified {api}")
    assert refused(v2.get_api, ApiId=api) == missing
    assert refused(v2.delete_api, ApiId=api) == missing
    assert refused(v2.get_routes, ApiId=api) == missing


def test_a_wrong_protocol_is_refused(v2):
    expected = ("BadRequestException", 400, "Invalid protocol specified. Must be one of [HTTP, WEBSOCKET]")
    assert refused(v2.create_api, Name="a", ProtocolType="FTP") == expected


def test_lists_come_in_pages(gateway):
    v2 = gateway.client("apigatewayv2", region="ap-south-1")
    made = {v2.create_api(Name=f"p{index}", ProtocolType="HTTP")["ApiId"] for index in range(5)}
    first = v2.get_apis(MaxResults="2")
    assert len(first["Items"]) == 2
    pages = v2.get_paginator("get_apis").paginate(PaginationConfig={"PageSize": 2})
    seen = [item["ApiId"] for page in pages for item in page["Items"]]
    assert len(seen) == len(set(seen))
    assert made <= set(seen)


def test_resources_of_one_region_are_unknown_to_another(gateway, v2, api):
    other = gateway.client("apigatewayv2", region="us-west-2")
    assert refused(other.get_api, ApiId=api)[0] == "NotFoundException"


def test_quick_create_serves_at_once(gateway, v2, upstream):
    made = v2.create_api(Name="quick", ProtocolType="HTTP", Target=upstream)
    api = made["ApiId"]
    stage = v2.get_stage(ApiId=api, StageName="$default")
    assert (stage["AutoDeploy"], stage["ApiGatewayManaged"]) == (True, True)
    (route,) = v2.get_routes(ApiId=api)["Items"]
    assert (route["RouteKey"], route["ApiGatewayManaged"]) == ("$default", True)
    (integration,) = v2.get_integrations(ApiId=api)["Items"]
    assert (integration["IntegrationType"], integration["IntegrationMethod"]) == ("HTTP_PROXY", "ANY")
    assert route["Target"] == f"integrations/{integration['IntegrationId']}"
    status, headers, text = gateway.call_api("POST", api, "/a/b?c=d", body="hello")
    seen = json.loads(text)
    assert (status, seen["method"], seen["target"], seen["body"]) == (200, "POST", "/a/b?c=d", "hello")
    assert headers["Apigw-Requestid"]
    v2.delete_api(ApiId=api)
    assert gateway.call_api("GET", api, "/a")[0] == 404


def test_a_route_is_live_when_it_is_acknowledged(gateway, v2, upstream, api):
    integration = v2.create_integration(
        ApiId=api,
        IntegrationType="HTTP_PROXY",
        IntegrationUri=upstream + "/animals/{id}",
        IntegrationMethod="POST",
        PayloadFormatVersion="1.0",
    )
    expected = {
        "ConnectionType": "INTERNET",
        "IntegrationId": integration["IntegrationId"],
        "IntegrationMethod": "POST",
        "IntegrationType": "HTTP_PROXY",
        "IntegrationUri": upstream + "/animals/{id}",
        "PayloadFormatVersion": "1.0",
        "TimeoutInMillis": 30000,
    }
    assert plain(integration) == expected
    v2.create_stage(ApiId=api, StageName="prod", AutoDeploy=True)
    target = f"integrations/{integration['IntegrationId']}"
    route = v2.create_route(ApiId=api, RouteKey="GET /pets/{id}", Target=target)
    expected = {
        "ApiKeyRequired": False,
        "AuthorizationType": "NONE",
        "RouteId": route["RouteId"],
        "RouteKey": "GET /pets/{id}",
        "Target": target,
    }
    assert plain(route) == expected
    status, _, text = gateway.call_api("GET", api, "/prod/pets/7")
    assert (status, json.loads(text)["target"], json.loads(text)["method"]) == (200, "/animals/7", "POST")
    for path in (f"/_aws/execute-api/{api}/prod/pets/7", f"/restapis/{api}/prod/_user_request_/pets/7"):
        status, _, text = gateway.call("GET", path)
        assert (status, json.loads(text)["target"]) == (200, "/animals/7"), path
    assert gateway.call_api("GET", api, "/prod/nothing")[::2] == (404, '{"message":"Not Found"}')
    assert gateway.call_api("GET", api, "/pets/7")[::2] == (404, '{"message":"Not Found"}')
    v2.update_route(ApiId=api, RouteId=route["RouteId"], RouteKey="GET /cats/{id}")
    assert gateway.call_api("GET", api, "/prod/pets/7")[0] == 404
    assert gateway.call_api("GET", api, "/prod/cats/7")[0] == 200
    in_use = refused(v2.delete_integration, ApiId=api, IntegrationId=integration["IntegrationId"])
    assert in_use[:2] == ("ConflictException", 409)
    v2.delete_route(ApiId=api, RouteId=route["RouteId"])
    v2.delete_integration(ApiId=api, IntegrationId=integration["IntegrationId"])
    v2.update_api(ApiId=api, DisableExecuteApiEndpoint=True)
    assert gateway.call_api("GET", api, "/prod/cats/7")[0] == 404


def test_changes_are_invisible_until_they_are_deployed(gateway, v2, upstream, api):
    integration = v2.create_integration(
        ApiId=api, IntegrationType="HTTP_PROXY", IntegrationUri=upstream, IntegrationMethod="ANY", PayloadFormatVersion="1.0"
    )
    target = f"integrations/{integration['IntegrationId']}"
    none = refused(v2.create_deployment, ApiId=api)
    assert none == ("BadRequestException", 400, "At least one route is required before deploying the Api.")
    v2.create_route(ApiId=api, RouteKey="GET /one", Target=target)
    v2.create_stage(ApiId=api, StageName="prod")
    assert gateway.call_api("GET", api, "/prod/one")[0] == 404
    first = v2.create_deployment(ApiId=api, StageName="prod", Description="first")
    assert (first["AutoDeployed"], first["DeploymentStatus"]) == (False, "DEPLOYED")
    assert v2.get_stage(ApiId=api, StageName="prod")["DeploymentId"] == first["DeploymentId"]
    assert gateway.call_api("GET", api, "/prod/one")[0] == 200
    v2.create_route(ApiId=api, RouteKey="GET /two", Target=target)
    assert gateway.call_api("GET", api, "/prod/two")[0] == 404
    second = v2.create_deployment(ApiId=api, StageName="prod")
    assert gateway.call_api("GET", api, "/prod/two")[0] == 200
    v2.update_stage(ApiId=api, StageName="prod", DeploymentId=first["DeploymentId"])
    assert gateway.call_api("GET", api, "/prod/two")[0] == 404
    assert gateway.call_api("GET", api, "/prod/one")[0] == 200
    in_use = refused(v2.delete_deployment, ApiId=api, DeploymentId=first["DeploymentId"])
    assert in_use == (
        "BadRequestException",
        400,
        "Active stages pointing to this deployment must be moved or deleted",
    )
    v2.delete_deployment(ApiId=api, DeploymentId=second["DeploymentId"])
    assert [item["DeploymentId"] for item in v2.get_deployments(ApiId=api)["Items"]] == [first["DeploymentId"]]
    v2.delete_stage(ApiId=api, StageName="prod")
    assert gateway.call_api("GET", api, "/prod/one")[0] == 404


def test_stage_settings_act_at_once(gateway, v2, upstream, api):
    integration = v2.create_integration(
        ApiId=api,
        IntegrationType="HTTP_PROXY",
        IntegrationUri=upstream + "/${stageVariables.place}",
        IntegrationMethod="GET",
        PayloadFormatVersion="1.0",
    )
    v2.create_route(ApiId=api, RouteKey="GET /x", Target=f"integrations/{integration['IntegrationId']}")
    stage = v2.create_stage(ApiId=api, StageName="s", AutoDeploy=True, StageVariables={"place": "here"})
    assert stage["StageVariables"] == {"place": "here"}
    assert json.loads(gateway.call_api("GET", api, "/s/x")[2])["target"] == "/here"
    v2.update_stage(ApiId=api, StageName="s", StageVariables={"place": "there"})
    assert json.loads(gateway.call_api("GET", api, "/s/x")[2])["target"] == "/there"
    v2.update_stage(
        ApiId=api, StageName="s", RouteSettings={"GET /x": {"ThrottlingBurstLimit": 0, "ThrottlingRateLimit": 0.0}}
    )
    assert gateway.call_api("GET", api, "/s/x")[0] == 429
    v2.delete_route_settings(ApiId=api, StageName="s", RouteKey="GET /x")
    assert gateway.call_api("GET", api, "/s/x")[0] == 200


def test_what_cannot_be_served_is_refused_when_it_is_written(v2, upstream, api):
    v2.create_stage(ApiId=api, StageName="s", AutoDeploy=True)
    integration = v2.create_integration(
        ApiId=api,
        IntegrationType="HTTP_PROXY",
        IntegrationUri=upstream + "/{unknown}",
        IntegrationMethod="GET",
        PayloadFormatVersion="1.0",
    )
    target = f"integrations/{integration['IntegrationId']}"
    code, status, message = refused(v2.create_route, ApiId=api, RouteKey="GET /x", Target=target)
    assert (code, status) == ("BadRequestException", 400)
    assert "GET /x" in message and "unknown" in message
    assert v2.get_routes(ApiId=api)["Items"] == []


def test_wrong_input_is_refused(v2, api):
    wrong_key = refused(v2.create_route, ApiId=api, RouteKey="GET pets")
    assert wrong_key[:2] == ("BadRequestException", 400)
    assert "route key" in wrong_key[2]
    v2.create_route(ApiId=api, RouteKey="GET /pets")
    twice = refused(v2.create_route, ApiId=api, RouteKey="GET /pets")
    assert twice == ("ConflictException", 409, "Route with key GET /pets already exists for this API")
    assert refused(v2.create_route, ApiId=api, RouteKey="GET /a", Target="integrations/none")[0] == "BadRequestException"
    assert refused(v2.get_route, ApiId=api, RouteId="nothing")[0] == "NotFoundException"
    assert refused(v2.create_stage, ApiId=api, StageName="a b")[0] == "BadRequestException"
    v2.create_stage(ApiId=api, StageName="a")
    assert refused(v2.create_stage, ApiId=api, StageName="a")[0] == "ConflictException"
    assert refused(v2.create_integration, ApiId=api, IntegrationType="HTTP_PROXY")[0] == "BadRequestException"


def test_cors_is_part_of_an_api(v2):
    cors = {"AllowOrigins": ["https://a.example"], "AllowMethods": ["GET"], "MaxAge": 300}
    made = v2.create_api(Name="a", ProtocolType="HTTP", CorsConfiguration=cors)
    assert made["CorsConfiguration"] == cors
    v2.delete_cors_configuration(ApiId=made["ApiId"])
    assert "CorsConfiguration" not in v2.get_api(ApiId=made["ApiId"])
    both = {"AllowOrigins": ["*"], "AllowCredentials": True}
    assert refused(v2.create_api, Name="a", ProtocolType="HTTP", CorsConfiguration=both)[0] == "BadRequestException"
    v2.delete_api(ApiId=made["ApiId"])


def test_browsers_are_answered_by_the_gateway(gateway, v2, upstream):
    cors = {
        "AllowOrigins": ["https://a.example"],
        "AllowMethods": ["GET", "PUT"],
        "AllowHeaders": ["x-a"],
        "ExposeHeaders": ["x-b"],
        "AllowCredentials": True,
        "MaxAge": 300,
    }
    api = v2.create_api(Name="a", ProtocolType="HTTP", CorsConfiguration=cors, Target=upstream)["ApiId"]

    def ask(method, origin, **more):
        headers = {"origin": origin, **more}
        status, headers, _ = gateway.call_api(method, api, "/x", headers=headers)
        return status, {name.lower()[15:]: value for name, value in headers.items() if name.lower().startswith("access-")}

    wish = {"access-control-request-method": "PUT"}
    allowed = {"allow-origin": "https://a.example", "allow-credentials": "true"}
    preflight = {**allowed, "allow-methods": "GET,PUT", "allow-headers": "x-a", "max-age": "300"}
    assert ask("OPTIONS", "https://a.example", **wish) == (204, preflight)
    assert ask("OPTIONS", "https://b.example", **wish) == (204, {})
    assert ask("GET", "https://a.example") == (200, {**allowed, "expose-headers": "x-b"})
    assert ask("GET", "https://b.example") == (200, {})
    v2.delete_cors_configuration(ApiId=api)
    assert ask("GET", "https://b.example") == (200, {"allow-origin": "https://upstream.example"})
    v2.delete_api(ApiId=api)


def test_tags_go_by_arn(v2, api):
    arn = f"arn:aws:apigateway:{REGION}::/apis/{api}"
    v2.tag_resource(ResourceArn=arn, Tags={"a": "1", "b": "2"})
    v2.untag_resource(ResourceArn=arn, TagKeys=["a"])
    assert v2.get_tags(ResourceArn=arn)["Tags"] == {"b": "2"}
    assert v2.get_api(ApiId=api)["Tags"] == {"b": "2"}
    v2.create_stage(ApiId=api, StageName="s")
    v2.tag_resource(ResourceArn=f"{arn}/stages/s", Tags={"c": "3"})
    assert v2.get_stage(ApiId=api, StageName="s")["Tags"] == {"c": "3"}


def test_authorizers_models_and_responses_are_kept(v2, api):
    jwt = {"Audience": ["a"], "Issuer": "https://issuer.example"}
    made = v2.create_authorizer(
        ApiId=api, AuthorizerType="JWT", IdentitySource=["$request.header.Authorization"], Name="j", JwtConfiguration=jwt
    )
    assert made["JwtConfiguration"] == jwt
    v2.update_authorizer(ApiId=api, AuthorizerId=made["AuthorizerId"], Name="k")
    assert [item["Name"] for item in v2.get_authorizers(ApiId=api)["Items"]] == ["k"]
    needs = refused(
        v2.create_authorizer, ApiId=api, AuthorizerType="REQUEST", IdentitySource=[], Name="r", AuthorizerUri=AUTHORIZER
    )
    assert needs[2] == "AuthorizerPayloadFormatVersion is a required parameter for REQUEST authorizer"
    v2.delete_authorizer(ApiId=api, AuthorizerId=made["AuthorizerId"])
    model = v2.create_model(ApiId=api, Name="Pet", Schema="{}", ContentType="application/json")
    v2.update_model(ApiId=api, ModelId=model["ModelId"], Description="d")
    assert v2.get_model(ApiId=api, ModelId=model["ModelId"])["Description"] == "d"
    assert refused(v2.create_model, ApiId=api, Name="Pet", Schema="{}")[0] == "ConflictException"
    v2.delete_model(ApiId=api, ModelId=model["ModelId"])


def test_apis_of_the_config_file_are_shown_and_not_changed(gateway, v2):
    assert gateway.call("GET", "/fixed")[::2] == (200, "fixed")
    assert "fixed" in [item["ApiId"] for item in v2.get_apis()["Items"]]
    assert v2.get_routes(ApiId="fixed")["Items"][0]["RouteKey"] == "GET /fixed"
    for call, more in [
        (v2.update_api, {"Name": "x"}),
        (v2.delete_api, {}),
        (v2.create_route, {"RouteKey": "GET /x"}),
        (v2.delete_stage, {"StageName": "$default"}),
    ]:
        code, status, message = refused(call, ApiId="fixed", **more)
        assert (code, status) == ("ConflictException", 409)
        assert "config file" in message
    assert gateway.call("GET", "/fixed")[0] == 200


def test_responses_of_websocket_apis_are_kept(v2):
    api = v2.create_api(Name="w", ProtocolType="WEBSOCKET", RouteSelectionExpression="$request.body.action")
    assert api["ApiEndpoint"].startswith("wss://")
    api = api["ApiId"]
    integration = v2.create_integration(ApiId=api, IntegrationType="MOCK")
    assert integration["IntegrationResponseSelectionExpression"] == "${integration.response.statuscode}"
    where = {"ApiId": api, "IntegrationId": integration["IntegrationId"]}
    made = v2.create_integration_response(**where, IntegrationResponseKey="$default")
    own = {**where, "IntegrationResponseId": made["IntegrationResponseId"]}
    v2.update_integration_response(**own, TemplateSelectionExpression="x")
    assert v2.get_integration_response(**own)["TemplateSelectionExpression"] == "x"
    assert len(v2.get_integration_responses(**where)["Items"]) == 1
    v2.delete_integration_response(**own)
    route = v2.create_route(ApiId=api, RouteKey="join", RequestParameters={"route.request.querystring.a": {"Required": True}})
    where = {"ApiId": api, "RouteId": route["RouteId"]}
    v2.delete_route_request_parameter(**where, RequestParameterKey="route.request.querystring.a")
    assert v2.get_route(**where)["RequestParameters"] == {}
    made = v2.create_route_response(**where, RouteResponseKey="$default")
    own = {**where, "RouteResponseId": made["RouteResponseId"]}
    v2.update_route_response(**own, ModelSelectionExpression="m")
    assert v2.get_route_response(**own)["ModelSelectionExpression"] == "m"
    assert len(v2.get_route_responses(**where)["Items"]) == 1
    v2.delete_route_response(**own)
    assert v2.get_models(ApiId=api)["Items"] == []
    v2.delete_api(ApiId=api)


def test_integrations_deployments_and_stages_are_updated(v2, upstream, api):
    made = v2.create_integration(
        ApiId=api, IntegrationType="HTTP_PROXY", IntegrationUri=upstream, IntegrationMethod="GET", PayloadFormatVersion="1.0"
    )
    where = {"ApiId": api, "IntegrationId": made["IntegrationId"]}
    v2.update_integration(**where, RequestParameters={"append:header.a": "1", "append:header.b": "2"})
    changed = v2.update_integration(**where, RequestParameters={"append:header.a": "", "append:header.c": "3"})
    assert changed["RequestParameters"] == {"append:header.b": "2", "append:header.c": "3"}
    v2.update_integration(**where, RequestParameters={"append:header.b": "", "append:header.c": ""})
    v2.create_route(ApiId=api, RouteKey="GET /", Target=f"integrations/{made['IntegrationId']}")
    deployment = {"ApiId": api, "DeploymentId": v2.create_deployment(ApiId=api)["DeploymentId"]}
    assert v2.update_deployment(**deployment, Description="d")["Description"] == "d"
    log = {"DestinationArn": "arn:aws:logs:eu-west-1:111111111111:log-group:l", "Format": "$context.requestId"}
    v2.create_stage(ApiId=api, StageName="s", AccessLogSettings=log)
    assert v2.get_stages(ApiId=api)["Items"][0]["AccessLogSettings"] == log
    why = "Access Log format must contain $context.requestId or $context.extendedRequestId"
    bare = log | {"Format": "$context.status"}
    assert refused(v2.update_stage, ApiId=api, StageName="s", AccessLogSettings=bare)[2] == why
    v2.delete_access_log_settings(ApiId=api, StageName="s")
    assert "AccessLogSettings" not in v2.get_stage(ApiId=api, StageName="s")


@pytest.fixture
def served(v2, api):
    """Makes routes to URIs in a stage `s` that deploys itself."""
    v2.create_stage(ApiId=api, StageName="s", AutoDeploy=True)

    def make(key, uri, **more):
        integration = v2.create_integration(
            ApiId=api,
            IntegrationType="HTTP_PROXY",
            IntegrationUri=uri,
            IntegrationMethod="ANY",
            PayloadFormatVersion="1.0",
            **more,
        )["IntegrationId"]
        v2.create_route(ApiId=api, RouteKey=key, Target=f"integrations/{integration}")

    return make


def test_a_backend_that_cannot_be_reached_is_an_unavailable_service(gateway, api, served):
    """No connection, no answer in time and nonsense for an answer: 503, and no word about why."""
    with socket.create_server(("127.0.0.1", 0)) as silent, socket.create_server(("127.0.0.1", 0)) as rude:
        served("GET /closed", f"http://127.0.0.1:{free_port()}")
        served("GET /silent", f"http://127.0.0.1:{silent.getsockname()[1]}", TimeoutInMillis=100)
        served("GET /rude", f"http://127.0.0.1:{rude.getsockname()[1]}")

        def speak():
            connection = rude.accept()[0]
            connection.recv(1000)
            connection.sendall(b"nonsense\r\n\r\n")
            connection.close()

        threading.Thread(target=speak, daemon=True).start()
        for path in ("closed", "silent", "rude"):
            status, headers, text = gateway.call_api("GET", api, f"/s/{path}")
            assert (status, text) == (503, '{"message":"Service Unavailable"}'), path
            assert headers["Content-Type"] == "application/json"
            assert len(headers["Apigw-Requestid"]) == 16


def test_timeouts_are_at_least_50_milliseconds(v2, api, upstream):
    """A shorter one is refused by the service; boto3's own check is passed by."""
    status, _, text = refuse_timeout(v2, api, upstream, 49)
    assert (status, "timeoutInMillis" in text) == (400, True)
    assert refuse_timeout(v2, api, upstream, 50)[0] == 201


def refuse_timeout(v2, api, upstream, ms):
    """Status, headers and text of an attempt with this timeout."""
    host = v2.meta.endpoint_url.removeprefix("http://")
    connection = http.client.HTTPConnection(host, timeout=10)
    body = {
        "integrationType": "HTTP_PROXY",
        "integrationUri": upstream,
        "integrationMethod": "GET",
        "payloadFormatVersion": "1.0",
        "timeoutInMillis": ms,
    }
    credential = f"AKID/20260101/{REGION}/apigateway/aws4_request"
    signed = {"authorization": f"AWS4-HMAC-SHA256 Credential={credential}, SignedHeaders=host, Signature=0"}
    connection.request("POST", f"/v2/apis/{api}/integrations", body=json.dumps(body), headers=signed)
    answer = connection.getresponse()
    text = answer.read().decode()
    connection.close()
    return answer.status, dict(answer.getheaders()), text


def test_stages_are_found_by_name_before_the_default_one(gateway, v2, api, served, upstream):
    """A first segment that names a stage is that stage; all else is `$default`'s."""
    served("GET /x", upstream + "/named")
    served("$default", upstream)
    v2.create_stage(ApiId=api, StageName="$default", AutoDeploy=True)
    for path, expected in [
        ("/s/x", "/named"),
        ("/x", "/named"),
        ("/s/other", "/other"),
        ("/sx/other?q=1", "/sx/other?q=1"),
        ("/s", "/"),
        ("/", "/"),
    ]:
        status, _, text = gateway.call_api("GET", api, path)
        assert (status, json.loads(text)["target"]) == (200, expected), path


def test_throttles_of_all_routes_and_of_one(gateway, v2, api, served, upstream):
    """The settings of a route go before those of the stage."""
    served("GET /one", upstream)
    served("GET /two", upstream)
    never = {"ThrottlingBurstLimit": 0, "ThrottlingRateLimit": 0.0}
    often = {"ThrottlingBurstLimit": 100, "ThrottlingRateLimit": 100.0}
    v2.update_stage(ApiId=api, StageName="s", DefaultRouteSettings=never, RouteSettings={"GET /two": often})
    refused_call = gateway.call_api("GET", api, "/s/one")
    assert refused_call[::2] == (429, '{"message":"Too Many Requests"}')
    assert gateway.call_api("GET", api, "/s/two")[0] == 200
    v2.update_stage(ApiId=api, StageName="s", DefaultRouteSettings=often)
    assert gateway.call_api("GET", api, "/s/one")[0] == 200


def test_origins_may_have_wildcards(gateway, v2, upstream):
    """Of a scheme, and of all names below one; any origin gets no credentials."""
    cors = {"AllowOrigins": ["https://*.a.example", "http://*"], "AllowMethods": ["*"], "AllowHeaders": ["*"]}
    api = v2.create_api(Name="w", ProtocolType="HTTP", CorsConfiguration=cors, Target=upstream)["ApiId"]

    def allowed(origin, method="GET", **more):
        answer = gateway.call_api(method, api, "/x", headers={"origin": origin, **more})[1]
        return {name.lower(): value for name, value in answer.items()}.get("access-control-allow-origin")

    assert allowed("https://b.a.example") == "https://b.a.example"
    assert allowed("https://a.example") is None
    assert allowed("http://any.example") == "http://any.example"
    wish = {"access-control-request-method": "PATCH"}
    assert allowed("http://any.example", "OPTIONS", **wish) == "http://any.example"
    v2.update_api(ApiId=api, CorsConfiguration={"AllowOrigins": ["*"]})
    assert allowed("https://c.example") == "*"
    both = {"AllowOrigins": ["*"], "AllowCredentials": True}
    assert refused(v2.update_api, ApiId=api, CorsConfiguration=both)[0] == "BadRequestException"
    wrong = refused(v2.update_api, ApiId=api, CorsConfiguration={"AllowOrigins": ["a.example"]})
    assert wrong[2] == "Invalid format for origin a.example. Format should be {scheme}://{host}[:{port}]"
    v2.delete_api(ApiId=api)


def test_a_preflight_needs_no_route(gateway, v2):
    """Also where the only route is for another path; a plain OPTIONS is a request like any other."""
    cors = {"AllowOrigins": ["https://a.example"], "AllowMethods": ["GET"], "MaxAge": 0}
    api = v2.create_api(Name="p", ProtocolType="HTTP", CorsConfiguration=cors)["ApiId"]
    v2.create_stage(ApiId=api, StageName="$default", AutoDeploy=True)
    v2.create_route(ApiId=api, RouteKey="GET /x")
    asked = {"origin": "https://a.example", "access-control-request-method": "GET"}
    status, headers, text = gateway.call_api("OPTIONS", api, "/nothing", headers=asked)
    assert (status, text, headers.get("access-control-max-age")) == (204, "", "0")
    assert gateway.call_api("OPTIONS", api, "/nothing", headers={"origin": "https://a.example"})[0] == 404
    v2.delete_api(ApiId=api)
