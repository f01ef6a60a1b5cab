"""APIs called by custom domains, by the hosts that AWS gives them, and by private endpoints."""

import contextlib
import json
import socket
import ssl
import subprocess
import sys

import pytest
from conftest import REGION, Gateway, refused

FORBIDDEN = (403, '{"message":"Forbidden"}')
NOT_FOUND = (404, '{"message":"Not Found"}')


def mock_api(v1, stages, **more):
    """The id of a REST API whose `/{proxy+}` and `/` answer 200, with these stages."""
    api = v1.create_rest_api(name="mock", **more)
    resources = [api["rootResourceId"]]
    made = v1.create_resource(restApiId=api["id"], parentId=api["rootResourceId"], pathPart="{proxy+}")
    resources.append(made["id"])
    for resource in resources:
        place = {"restApiId": api["id"], "resourceId": resource, "httpMethod": "GET"}
        v1.put_method(**place, authorizationType="NONE")
        v1.put_integration(**place, type="MOCK", requestTemplates={"application/json": '{"statusCode": 200}'})
        v1.put_method_response(**place, statusCode="200")
        v1.put_integration_response(**place, statusCode="200", responseTemplates={"application/json": '{"from": "mock"}'})
    for stage in stages:
        v1.create_deployment(restApiId=api["id"], stageName=stage)
    return api["id"]


@pytest.fixture
def http(v2, upstream):
    """The id of an HTTP API that passes everything on, with stages `$default` and `beta`."""
    api = v2.create_api(Name="echo", ProtocolType="HTTP", Target=upstream)["ApiId"]
    v2.create_stage(ApiId=api, StageName="beta", AutoDeploy=True)
    yield api
    v2.delete_api(ApiId=api)


@pytest.fixture
def rest(v1):
    """The id of a REST API with stages `prod` and `dev`."""
    api = mock_api(v1, ["prod", "dev"])
    yield api
    v1.delete_rest_api(restApiId=api)


@contextlib.contextmanager
def domain(v1, name, **more):
    """A domain name for as long as a test needs it."""
    v1.create_domain_name(domainName=name, endpointConfiguration={"types": ["REGIONAL"]}, **more)
    try:
        yield name
    finally:
        v1.delete_domain_name(domainName=name)


def called(gateway, host, path, **headers):
    """Status and text."""
    return gateway.call("GET", path, host=host, headers=headers)[::2]


def target(gateway, host, path):
    """The target that the upstream saw."""
    status, text = called(gateway, host, path)
    assert status == 200, (status, text)
    return json.loads(text)["target"]


def test_the_longest_mapping_wins_and_changes_act_at_once(gateway, v1, v2, http, rest):
    with domain(v1, "long.example.com") as host:
        assert called(gateway, host, "/x") == FORBIDDEN
        v2.create_api_mapping(DomainName=host, ApiId=http, Stage="$default", ApiMappingKey="shop")
        deep = v2.create_api_mapping(DomainName=host, ApiId=http, Stage="beta", ApiMappingKey="shop/v1")
        assert target(gateway, host, "/shop/x?y=1") == "/x?y=1"
        assert target(gateway, host.upper() + ":80", "/shop/v1/x") == "/x"
        assert target(gateway, host, "/shop/v10/x") == "/v10/x"
        assert called(gateway, host, "/Shop/x") == FORBIDDEN
        assert called(gateway, host, "/x") == FORBIDDEN
        v1.create_base_path_mapping(domainName=host, restApiId=rest, stage="prod")
        assert called(gateway, host, "/x") == (200, '{"from": "mock"}')
        v2.delete_api_mapping(DomainName=host, ApiMappingId=deep["ApiMappingId"])
        assert target(gateway, host, "/shop/v1/x") == "/v1/x"
        patches = [{"op": "replace", "path": "/basePath", "value": "store"}]
        v1.update_base_path_mapping(domainName=host, basePath="shop", patchOperations=patches)
        assert target(gateway, host, "/store/x") == "/x"
        assert called(gateway, host, "/shop/x") == (200, '{"from": "mock"}')
        assert called(gateway, host, "/ping") == (200, "healthy")
        assert called(gateway, host, "/sping") == (200, "healthy")
    assert called(gateway, "long.example.com", "/x") == NOT_FOUND


def test_a_mapping_without_a_stage_takes_it_from_the_path(gateway, v1, rest):
    with domain(v1, "staged.example.com") as host:
        v1.create_base_path_mapping(domainName=host, basePath="all", restApiId=rest)
        for stage in ("prod", "dev"):
            assert called(gateway, host, f"/all/{stage}/x")[0] == 200
        assert called(gateway, host, "/all/test/x") == FORBIDDEN
        v1.delete_stage(restApiId=rest, stageName="dev")
        assert called(gateway, host, "/all/dev/x") == FORBIDDEN


def test_a_wildcard_serves_what_no_exact_domain_does(gateway, v1, v2, http):
    with domain(v1, "*.wild.example.com") as wild, domain(v1, "own.wild.example.com") as own:
        v2.create_api_mapping(DomainName=wild, ApiId=http, Stage="$default")
        assert target(gateway, "a.wild.example.com", "/x") == "/x"
        assert called(gateway, own, "/x") == FORBIDDEN
        assert called(gateway, "wild.example.com", "/x") == NOT_FOUND


def test_rules_decide_by_header_and_base_path(gateway, v1, v2, http, rest):
    with domain(v1, "rules.example.com") as host:
        other = mock_api(v1, ["prod"])
        action = {"InvokeApi": {"ApiId": rest, "Stage": "prod", "StripBasePath": True}}
        header = {"MatchHeaders": {"AnyOf": [{"Header": "X-Version", "ValueGlob": "beta*"}]}}
        path = {"MatchBasePaths": {"AnyOf": ["users"]}}
        v2.create_api_mapping(DomainName=host, ApiId=http, Stage="$default")
        v2.create_routing_rule(DomainName=host, Actions=[action], Conditions=[header, path], Priority=20)
        assert target(gateway, host, "/users/7") == "/users/7"
        assert json.loads(called(gateway, host, "/users/7", **{"x-version": "beta2"})[1])["target"] == "/users/7"
        mode = [{"op": "replace", "path": "/routingMode", "value": "ROUTING_RULE_THEN_BASE_PATH_MAPPING"}]
        v1.update_domain_name(domainName=host, patchOperations=mode)
        assert called(gateway, host, "/users/7", **{"x-version": "beta2"}) == (200, '{"from": "mock"}')
        assert target(gateway, host, "/users/7") == "/users/7"
        assert json.loads(called(gateway, host, "/u", **{"x-version": "beta2"})[1])["target"] == "/u"
        v2.update_domain_name(DomainName=host, RoutingMode="ROUTING_RULE_ONLY")
        assert called(gateway, host, "/users/7") == FORBIDDEN
        v2.create_routing_rule(DomainName=host, Actions=[{"InvokeApi": {"ApiId": other, "Stage": "prod"}}], Conditions=[], Priority=30)
        assert called(gateway, host, "/users/7")[0] == 200
        v2.update_domain_name(DomainName=host, RoutingMode="API_MAPPING_ONLY")
        assert target(gateway, host, "/users/7") == "/users/7"
    v1.delete_rest_api(restApiId=other)


def test_a_domain_with_mutual_tls_lets_nobody_in_without_tls(gateway, v1, v2, http, truststore):
    trust = {"truststoreUri": truststore}
    with domain(v1, "mutual.example.com", mutualTlsAuthentication=trust) as host:
        v2.create_api_mapping(DomainName=host, ApiId=http, Stage="$default")
        assert called(gateway, host, "/x") == FORBIDDEN
        v2.update_domain_name(DomainName=host, MutualTlsAuthentication={"TruststoreUri": ""})
        assert target(gateway, host, "/x") == "/x"


def test_a_host_has_one_owner(gateway, v1):
    with domain(v1, "mine.example.com"):
        other = gateway.client("apigateway", region="us-west-2")
        refusal = refused(other.create_domain_name, domainName="mine.example.com")
        assert refusal[:2] == ("ConflictException", 409)
    assert refused(v1.create_domain_name, domainName="not a name")[:2] == ("BadRequestException", 400)


def test_a_disabled_endpoint_leaves_the_domain(gateway, v1, v2, http, rest):
    with domain(v1, "only.example.com") as host:
        v2.create_api_mapping(DomainName=host, ApiId=http, Stage="$default", ApiMappingKey="http")
        v1.create_base_path_mapping(domainName=host, basePath="rest", restApiId=rest, stage="prod")
        v2.update_api(ApiId=http, DisableExecuteApiEndpoint=True)
        patches = [{"op": "replace", "path": "/disableExecuteApiEndpoint", "value": "true"}]
        v1.update_rest_api(restApiId=rest, patchOperations=patches)
        assert gateway.call_api("GET", http, "/x")[::2] == NOT_FOUND
        status, headers, text = gateway.call_api("GET", rest, "/prod/x")
        assert (status, text) == FORBIDDEN
        assert headers["x-amzn-ErrorType"] == "ForbiddenException"
        assert gateway.call("GET", f"/_aws/execute-api/{rest}/prod/x")[::2] == FORBIDDEN
        assert called(gateway, host, "/http/x")[0] == 200
        assert called(gateway, host, "/rest/x")[0] == 200


def test_slashes_around_a_stage_make_no_difference(gateway, rest):
    for path in ("/prod/x", "//prod/x", "/prod//x"):
        assert gateway.call_api("GET", rest, path)[0] == 200, path
    assert gateway.call_api("GET", rest, "//test/x")[::2] == FORBIDDEN


def test_private_apis_are_reached_by_their_endpoints(gateway, v1):
    api = mock_api(v1, ["prod"], endpointConfiguration={"types": ["PRIVATE"]})
    suffix = f"execute-api.{REGION}.amazonaws.com"
    for host in (f"{api}.{suffix}", f"{api}-vpce-0a1b.{suffix}"):
        assert called(gateway, host, "/prod/x")[0] == 200, host
    endpoint = f"vpce-0a1b-c.execute-api.{REGION}.vpce.amazonaws.com"
    assert called(gateway, endpoint, "/prod/x", **{"x-apigw-api-id": api})[0] == 200
    assert called(gateway, endpoint, "/prod/x")[0] == 404
    v1.delete_rest_api(restApiId=api)


def test_a_list_of_suffixes_narrows_the_hosts(tmp_path, upstream):
    gateway = Gateway(tmp_path, 'execute_api_suffixes = ["gateway.example.com"]')
    try:
        api = gateway.client("apigatewayv2").create_api(Name="a", ProtocolType="HTTP", Target=upstream)["ApiId"]
        assert called(gateway, f"{api}.execute-api.gateway.example.com", "/x")[0] == 200
        assert called(gateway, f"{api}.execute-api.elsewhere.example.com", "/x")[0] == 404
    finally:
        gateway.stop()


def certificate(folder, name):
    """A certificate that signs itself, and its key, both PEM."""
    command = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 10".split()
    files = ["-keyout", str(folder / "new.key"), "-out", str(folder / "new.pem")]
    names = ["-subj", f"/CN={name}", "-addext", f"subjectAltName=DNS:{name}"]
    subprocess.run([*command, *files, *names], check=True, capture_output=True)
    return (folder / "new.pem").read_text(), (folder / "new.key").read_text()


TLS = """
[listeners.secure]
address = "127.0.0.1:{port}"
[[listeners.secure.tls.certificates]]
certificate = "{folder}/own.pem"
private_key = "{folder}/own.key"
"""


def test_a_domain_is_served_with_the_certificate_that_it_came_with(tmp_path, upstream):
    own, key = certificate(tmp_path, "own.example.com")
    (tmp_path / "own.pem").write_text(own)
    (tmp_path / "own.key").write_text(key)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    more = f'data_dir = "{tmp_path}/data"' + TLS.format(port=port, folder=tmp_path)
    gateway = Gateway(tmp_path, more)

    def shown(name):
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        with socket.create_connection(("127.0.0.1", port)) as plain:
            with context.wrap_socket(plain, server_hostname=name) as secure:
                secure.sendall(f"GET /x HTTP/1.1\r\nHost: {name}\r\nConnection: close\r\n\r\n".encode())
                status = int(secure.recv(65536).split(b" ")[1])
                return ssl.DER_cert_to_PEM_cert(secure.getpeercert(True)).strip(), status

    try:
        v1, v2 = gateway.client("apigateway"), gateway.client("apigatewayv2")
        api = v2.create_api(Name="a", ProtocolType="HTTP", Target=upstream)["ApiId"]
        assert shown("tls.example.com")[0] == own.strip()
        pem, secret = certificate(tmp_path, "tls.example.com")
        made = v1.create_domain_name(
            domainName="tls.example.com",
            certificateName="mine",
            certificateBody=pem,
            certificatePrivateKey=secret,
        )
        assert made["certificateName"] == "mine" and made["certificateUploadDate"]
        assert "PRIVATE" not in str(made) and "PRIVATE" not in str(v1.get_domain_names())
        v2.create_api_mapping(DomainName="tls.example.com", ApiId=api, Stage="$default")
        assert shown("tls.example.com") == (pem.strip(), 200)
        assert shown("own.example.com")[0] == own.strip()
        gateway.stop()
        gateway.start()
        assert shown("tls.example.com") == (pem.strip(), 200)
        v1 = gateway.client("apigateway")
        v1.delete_domain_name(domainName="tls.example.com")
        assert shown("tls.example.com")[0] == own.strip()
        create = v1.create_domain_name
        for (body, private), expected in [
            ((pem, secret), "not for other.example.com"),
            (("nonsense", secret), "BEGIN CERTIFICATE"),
            ((certificate(tmp_path, "other.example.com")[0], secret), "does not belong"),
        ]:
            refusal = refused(
                create,
                domainName="other.example.com",
                certificateName="a",
                certificateBody=body,
                certificatePrivateKey=private,
            )
            assert refusal[:2] == ("BadRequestException", 400)
            assert expected in refusal[2]
    finally:
        gateway.stop()


FUNCTION = """
import json
def handler(event, context):
    seen = [event["path"], event["requestContext"]["path"], event["resource"]]
    return {"statusCode": 200, "body": json.dumps(seen)}
"""


def test_events_show_the_path_with_the_base_path_of_a_domain(tmp_path):
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "index.py").write_text(FUNCTION)
    lines = f'runtime = "python3.11"\ncode = "{tmp_path}/code"\ninterpreter = "{sys.executable}"\ntimeout = "10s"'
    gateway = Gateway(tmp_path, f"[functions.paths]\n{lines}")
    try:
        v1 = gateway.client("apigateway")
        api = v1.create_rest_api(name="a")
        made = v1.create_resource(restApiId=api["id"], parentId=api["rootResourceId"], pathPart="pets")
        place = {"restApiId": api["id"], "resourceId": made["id"], "httpMethod": "GET"}
        v1.put_method(**place, authorizationType="NONE")
        function = f"arn:aws:lambda:{REGION}:111111111111:function:paths"
        uri = f"arn:aws:apigateway:{REGION}:lambda:path/2015-03-31/functions/{function}/invocations"
        v1.put_integration(**place, type="AWS_PROXY", integrationHttpMethod="POST", uri=uri)
        v1.create_deployment(restApiId=api["id"], stageName="prod")
        status, _, text = gateway.call_api("GET", api["id"], "/prod/pets")
        assert (status, json.loads(text)) == (200, ["/pets", "/prod/pets", "/pets"])
        with domain(v1, "events.example.com") as host:
            v1.create_base_path_mapping(domainName=host, basePath="v1", restApiId=api["id"], stage="prod")
            status, text = called(gateway, host, "/v1/pets")
            assert (status, json.loads(text)) == (200, ["/v1/pets", "/v1/pets", "/pets"])
    finally:
        gateway.stop()
