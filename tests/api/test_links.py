"""VPC links and client certificates: made, changed, and used on the way to upstreams."""

import http.server
import json
import ssl
import subprocess
import threading
import time

import pytest
from conftest import Echo, Gateway, plain, refused

NLB = "arn:aws:elasticloadbalancing:eu-west-1:111111111111:loadbalancer/net/orders/50dc6c495c0c9188"
LISTENER = "arn:aws:elasticloadbalancing:eu-west-1:111111111111:listener/app/shop/50dc6c495c0c9188/0467ef3c8400ae65"


def test_a_vpc_link_of_the_first_service_is_available_at_once(v1):
    made = v1.create_vpc_link(name="orders", targetArns=[NLB], tags={"a": "b"})
    assert made["ResponseMetadata"]["HTTPStatusCode"] == 202
    link = made["id"]
    expected = {
        "id": link,
        "name": "orders",
        "status": "AVAILABLE",
        "statusMessage": "Your vpc link is ready for use",
        "tags": {"a": "b"},
        "targetArns": [NLB],
    }
    assert plain(made) == expected
    assert plain(v1.get_vpc_link(vpcLinkId=link)) == expected
    assert expected in v1.get_vpc_links()["items"]
    patches = [{"op": "replace", "path": "/description", "value": "d"}]
    assert v1.update_vpc_link(vpcLinkId=link, patchOperations=patches)["description"] == "d"
    v1.delete_vpc_link(vpcLinkId=link)
    missing = ("NotFoundException", 404, "Invalid Vpc Link identifier specified")
    for call in (v1.get_vpc_link, v1.delete_vpc_link):
        assert refused(call, vpcLinkId=link) == missing
    assert refused(v1.update_vpc_link, vpcLinkId=link, patchOperations=patches) == missing
    expected = ("BadRequestException", 400, "Name cannot be empty")
    assert refused(v1.create_vpc_link, name="", targetArns=[NLB]) == expected
    expected = ("BadRequestException", 400, "Invalid ARN. ARN is not well formed invalid-arn")
    assert refused(v1.create_vpc_link, name="a", targetArns=["invalid-arn"]) == expected


def test_a_vpc_link_of_the_second_service_is_available_at_once(v2):
    made = v2.create_vpc_link(Name="shop", SubnetIds=["subnet-1"], SecurityGroupIds=["sg-1"], Tags={"a": "b"})
    assert made["ResponseMetadata"]["HTTPStatusCode"] == 201
    link = made["VpcLinkId"]
    expected = {
        "CreatedDate": made["CreatedDate"],
        "Name": "shop",
        "SecurityGroupIds": ["sg-1"],
        "SubnetIds": ["subnet-1"],
        "Tags": {"a": "b"},
        "VpcLinkId": link,
        "VpcLinkStatus": "AVAILABLE",
        "VpcLinkStatusMessage": "VPC link is ready to route traffic",
        "VpcLinkVersion": "V2",
    }
    assert plain(made) == expected
    assert plain(v2.get_vpc_link(VpcLinkId=link)) == expected
    assert expected in v2.get_vpc_links()["Items"]
    assert v2.update_vpc_link(VpcLinkId=link, Name="store")["Name"] == "store"
    assert v2.delete_vpc_link(VpcLinkId=link)["ResponseMetadata"]["HTTPStatusCode"] == 202
    assert refused(v2.get_vpc_link, VpcLinkId=link)[:2] == ("NotFoundException", 404)


UPSTREAMS = """
[upstreams.orders]
vpc_link = "orders-link"
targets = ["{address}"]
[upstreams.shop]
vpc_link = "{listener}"
targets = ["{address}"]
"""


@pytest.fixture
def linked(tmp_path, upstream):
    """A gateway whose config has upstreams for two links."""
    address = upstream.removeprefix("http://")
    gateway = Gateway(tmp_path, UPSTREAMS.format(address=address, listener=LISTENER))
    yield gateway
    gateway.stop()


def rest_api(v1, link, uri, **more):
    """The id of a REST API whose `GET /{id}` is asked over a link, and of its resource."""
    api = v1.create_rest_api(name="a")
    made = v1.create_resource(restApiId=api["id"], parentId=api["rootResourceId"], pathPart="{id}")
    place = {"restApiId": api["id"], "resourceId": made["id"], "httpMethod": "GET"}
    v1.put_method(**place, authorizationType="NONE", requestParameters={"method.request.path.id": True})
    v1.put_integration(
        **place,
        type="HTTP_PROXY",
        integrationHttpMethod="GET",
        uri=uri,
        connectionType="VPC_LINK",
        connectionId=link,
        requestParameters={"integration.request.path.id": "method.request.path.id"},
    )
    v1.create_deployment(restApiId=api["id"], stageName="prod", **more)
    return api["id"], made["id"]


def test_a_rest_api_asks_the_upstream_of_its_link(linked):
    v1 = linked.client("apigateway")
    link = v1.create_vpc_link(name="orders-link", targetArns=[NLB])["id"]
    uri = "http://orders.internal:8080/v2/{id}"
    api, resource = rest_api(v1, link, uri)
    status, _, text = linked.call_api("GET", api, "/prod/7?a=b")
    seen = json.loads(text)
    assert (status, seen["target"]) == (200, "/v2/7?a=b")
    headers = {name.lower(): value for name, value in seen["headers"].items()}
    assert headers["host"] == "orders.internal:8080"
    variable, _ = rest_api(v1, "${stageVariables.link}", uri, variables={"link": link})
    assert linked.call_api("GET", variable, "/prod/8")[0] == 200
    refusal = refused(v1.delete_vpc_link, vpcLinkId=link)
    expected = f"Cannot delete vpc link. Vpc link '{link}', is referenced in [GET:{resource}] in format of [Method:Resource]."
    assert refusal == ("BadRequestException", 400, expected)


def test_a_link_without_an_upstream_says_what_to_write(linked):
    v1 = linked.client("apigateway")
    link = v1.create_vpc_link(name="lost", targetArns=[NLB])["id"]
    api, _ = rest_api(v1, link, "http://lost.internal/{id}")
    status, _, text = linked.call_api("GET", api, "/prod/7")
    assert status == 501
    assert 'vpc_link = \\"lost\\"' in text
    # The same link under a name that the config knows.
    patches = [{"op": "replace", "path": "/name", "value": "orders-link"}]
    v1.update_vpc_link(vpcLinkId=link, patchOperations=patches)
    assert linked.call_api("GET", api, "/prod/7")[0] == 200


def test_an_upstream_that_the_config_gains_serves_its_link(linked, upstream):
    v1 = linked.client("apigateway")
    link = v1.create_vpc_link(name="later", targetArns=[NLB])["id"]
    api, _ = rest_api(v1, link, "http://later.internal/{id}")
    assert linked.call_api("GET", api, "/prod/7")[0] == 501
    address = upstream.removeprefix("http://")
    with linked.file.open("a") as file:
        file.write(f'[upstreams.later]\nvpc_link = "later"\ntargets = ["{address}"]\n')
    for _ in range(100):
        if linked.call_api("GET", api, "/prod/7")[0] == 200:
            break
        time.sleep(0.1)
    assert linked.call_api("GET", api, "/prod/7")[0] == 200


def test_an_http_api_asks_the_upstream_of_its_listener(linked):
    v2 = linked.client("apigatewayv2")
    link = v2.create_vpc_link(Name="any", SubnetIds=["subnet-1"])["VpcLinkId"]
    api = v2.create_api(Name="a", ProtocolType="HTTP")["ApiId"]
    made = v2.create_integration(
        ApiId=api,
        IntegrationType="HTTP_PROXY",
        IntegrationMethod="ANY",
        IntegrationUri=LISTENER,
        ConnectionType="VPC_LINK",
        ConnectionId=link,
        PayloadFormatVersion="1.0",
    )
    target = f"integrations/{made['IntegrationId']}"
    for key in ("GET /pets/{id}", "$default"):
        v2.create_route(ApiId=api, RouteKey=key, Target=target)
    for stage in ("$default", "beta"):
        v2.create_stage(ApiId=api, StageName=stage, AutoDeploy=True)
    for path in ("/pets/7?a=b", "/else", "/beta/pets/7", "/"):
        status, _, text = linked.call_api("GET", api, path)
        assert (status, json.loads(text)["target"]) == (200, path), path


def test_requests_over_a_link_are_mapped_as_others_are(linked):
    v2 = linked.client("apigatewayv2")
    link = v2.create_vpc_link(Name="any", SubnetIds=["subnet-1"])["VpcLinkId"]
    api = v2.create_api(Name="a", ProtocolType="HTTP")["ApiId"]
    made = v2.create_integration(
        ApiId=api,
        IntegrationType="HTTP_PROXY",
        IntegrationMethod="POST",
        IntegrationUri=LISTENER,
        ConnectionType="VPC_LINK",
        ConnectionId=link,
        PayloadFormatVersion="1.0",
        RequestParameters={
            "overwrite:path": "/inner/${request.path.id}",
            "append:querystring.stage": "$stageVariables.colour",
            "remove:querystring.secret": "''",
            "overwrite:header.x-route": "$context.routeKey",
            "append:header.x-from": "$request.querystring.a",
        },
        ResponseParameters={"200": {"overwrite:statuscode": "203", "append:header.x-seen": "$context.stage"}},
    )
    v2.create_route(ApiId=api, RouteKey="ANY /pets/{id}", Target=f"integrations/{made['IntegrationId']}")
    for stage in ("$default", "beta"):
        v2.create_stage(ApiId=api, StageName=stage, AutoDeploy=True, StageVariables={"colour": "red"})
    for start, stage in (("", "$default"), ("/beta", "beta")):
        status, headers, text = linked.call_api("GET", api, f"{start}/pets/7?a=b&secret=c", headers={"x-from": "z"})
        seen = json.loads(text)
        headers = {name.lower(): value for name, value in headers.items()}
        assert (status, headers["x-seen"]) == (203, stage)
        assert (seen["method"], seen["target"]) == ("POST", "/inner/7?a=b&stage=red")
        sent = {name.lower(): value for name, value in seen["headers"].items()}
        assert sent["x-route"] == "ANY /pets/{id}" and sent["x-from"] in ("z,b", "z, b", "b")
        assert sent["host"] == f"{api}.execute-api.eu-west-1.amazonaws.com"


def test_a_rest_api_asks_the_listener_that_its_integration_names(linked):
    """`integrationTarget`: a link of the second service, and behind it the listener."""
    v1, v2 = linked.client("apigateway"), linked.client("apigatewayv2")
    link = v2.create_vpc_link(Name="any", SubnetIds=["subnet-1"])["VpcLinkId"]
    api = v1.create_rest_api(name="a")
    place = {"restApiId": api["id"], "resourceId": api["rootResourceId"], "httpMethod": "GET"}
    v1.put_method(**place, authorizationType="NONE")
    made = v1.put_integration(
        **place,
        type="HTTP_PROXY",
        integrationHttpMethod="GET",
        uri="http://shop.internal/x",
        connectionType="VPC_LINK",
        connectionId=link,
        integrationTarget=LISTENER,
    )
    assert made["integrationTarget"] == v1.get_integration(**place)["integrationTarget"] == LISTENER
    v1.create_deployment(restApiId=api["id"], stageName="prod")
    status, _, text = linked.call_api("GET", api["id"], "/prod")
    assert (status, json.loads(text)["target"]) == (200, "/x")
    patches = [{"op": "replace", "path": "/integrationTarget", "value": LISTENER + "0"}]
    assert v1.update_integration(**place, patchOperations=patches)["integrationTarget"] == LISTENER + "0"
    v1.create_deployment(restApiId=api["id"], stageName="prod")
    assert linked.call_api("GET", api["id"], "/prod")[0] == 501


def test_client_certificates_are_really_made(v1, tmp_path):
    made = v1.generate_client_certificate(description="d", tags={"a": "b"})
    assert made["ResponseMetadata"]["HTTPStatusCode"] == 201
    certificate = made["clientCertificateId"]
    assert (made["expirationDate"] - made["createdDate"]).days == 365
    assert sorted(plain(made)) == [
        "clientCertificateId", "createdDate", "description", "expirationDate", "pemEncodedCertificate", "tags",
    ]
    file = tmp_path / "client.pem"
    file.write_text(made["pemEncodedCertificate"])
    command = ["openssl", "x509", "-in", str(file), "-noout", "-text"]
    text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    assert "Public-Key: (2048 bit)" in text and "TLS Web Client Authentication" in text
    assert plain(v1.get_client_certificate(clientCertificateId=certificate)) == plain(made)
    assert plain(made) in v1.get_client_certificates()["items"]
    patches = [{"op": "replace", "path": "/description", "value": "e"}]
    changed = v1.update_client_certificate(clientCertificateId=certificate, patchOperations=patches)
    assert changed["description"] == "e"
    v1.delete_client_certificate(clientCertificateId=certificate)
    expected = ("NotFoundException", 404, "Invalid Client Certificate identifier specified")
    assert refused(v1.get_client_certificate, clientCertificateId=certificate) == expected


def certificate(folder, name):
    """Writes a certificate that signs itself, and its key."""
    command = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 10".split()
    files = ["-keyout", str(folder / "server.key"), "-out", str(folder / "server.pem")]
    names = ["-subj", f"/CN={name}", "-addext", f"subjectAltName=DNS:{name}"]
    subprocess.run([*command, *files, *names], check=True, capture_output=True)


def test_a_stage_shows_its_certificate_to_its_backends(tmp_path):
    certificate(tmp_path, "backend.internal")
    tls = '[upstreams.backend.tls]\ninsecure_skip_verification = true\n'
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Echo)
    address = f"127.0.0.1:{server.server_port}"
    gateway = Gateway(tmp_path, f'[upstreams.backend]\ntargets = ["{address}"]\n{tls}')
    try:
        v1 = gateway.client("apigateway")
        made = v1.generate_client_certificate()
        own = tmp_path / "client.pem"
        own.write_text(made["pemEncodedCertificate"])
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(tmp_path / "server.pem", tmp_path / "server.key")
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(own)
        server.socket = context.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        api = v1.create_rest_api(name="a")
        place = {"restApiId": api["id"], "resourceId": api["rootResourceId"], "httpMethod": "GET"}
        v1.put_method(**place, authorizationType="NONE")
        v1.put_integration(**place, type="HTTP_PROXY", integrationHttpMethod="GET", uri="https://backend/x")
        for stage in ("prod", "bare"):
            v1.create_deployment(restApiId=api["id"], stageName=stage)
        patches = [{"op": "replace", "path": "/clientCertificateId", "value": made["clientCertificateId"]}]
        v1.update_stage(restApiId=api["id"], stageName="prod", patchOperations=patches)
        assert gateway.call_api("GET", api["id"], "/bare")[0] >= 500
        status, _, text = gateway.call_api("GET", api["id"], "/prod")
        assert (status, json.loads(text)["target"]) == (200, "/x")
        assert refused(v1.delete_client_certificate, clientCertificateId=made["clientCertificateId"])[1] == 400
    finally:
        gateway.stop()
        server.shutdown()
