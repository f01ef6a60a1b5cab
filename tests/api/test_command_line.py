"""The command line against a running gateway: apis, routes, deployments, rollback, env, backup, restore."""

import json
import os
import subprocess

import pytest
from conftest import ACCOUNT, BINARY, REGION, Gateway, free_port

ALICE, READER = "AKIDEXAMPLEEXAMPLE01", "AKIDEXAMPLEEXAMPLE02"
READ = '{ "Statement": { "Effect": "Allow", "Action": "apigateway:GET", "Resource": "*" } }'
KEYS = f"""
[management.keys.{ALICE}]
secret = "alice-secret"
account = "{ACCOUNT}"
name = "alice"
[management.keys.{READER}]
secret = "reader-secret"
account = "{ACCOUNT}"
name = "reader"
policy = '{READ}'
"""


def daemun(*words, code=0, **variables):
    """What a command prints, or its complaint when it has to fail."""
    environment = {"PATH": os.environ["PATH"], **variables}
    done = subprocess.run([BINARY, *words], capture_output=True, text=True, env=environment, timeout=60)
    assert done.returncode == code, done
    return done.stdout if code == 0 else done.stderr


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    """A gateway with a store, and what asks it."""
    folder = tmp_path_factory.mktemp("kept")
    gateway = Gateway(folder, 'data_dir = "data"', port=free_port())
    gateway.variables = {"AWS_ENDPOINT_URL": f"http://{gateway.management}"}
    yield gateway
    gateway.stop()


def rest_api(gateway, upstream, name):
    """A REST API with two deployments: the second one has one route more."""
    v1 = gateway.client("apigateway")
    api = v1.create_rest_api(name=name)["id"]
    root = v1.get_resources(restApiId=api)["items"][0]["id"]

    def add(path):
        resource = v1.create_resource(restApiId=api, parentId=root, pathPart=path)["id"]
        v1.put_method(restApiId=api, resourceId=resource, httpMethod="GET", authorizationType="NONE")
        v1.put_integration(restApiId=api, resourceId=resource, httpMethod="GET", type="HTTP_PROXY",
                           integrationHttpMethod="GET", uri=f"{upstream}/{path}")

    add("one")
    first = v1.create_deployment(restApiId=api, stageName="prod", description="first")["id"]
    add("two")
    second = v1.create_deployment(restApiId=api, stageName="prod", description="second")["id"]
    return api, first, second


def test_apis_and_routes_are_listed(kept, upstream):
    """All regions at once, for people and for programs; APIs of the config file among them."""
    api, _, second = rest_api(kept, upstream, "listed")
    elsewhere = kept.client("apigatewayv2", region="us-west-2")
    http = elsewhere.create_api(Name="far", ProtocolType="HTTP", Target=upstream)["ApiId"]
    lines = daemun("apis", **kept.variables).splitlines()
    assert lines[0].split() == ["API", "TYPE", "NAME", "REGION", "STAGES"]
    assert f"{api} REST listed {REGION} prod ({second})".split() in [line.split() for line in lines]
    assert any(line.split()[:4] == [http, "HTTP", "far", "us-west-2"] for line in lines)
    assert any(line.split()[:3] == ["fixed", "HTTP", "fixed"] and "(config file)" in line for line in lines)
    found = {item["id"]: item for item in json.loads(daemun("apis", "--json", **kept.variables))}
    assert found[api] == {
        "id": api, "name": "listed", "protocol": "REST", "account": ACCOUNT, "region": REGION,
        "stages": [{"name": "prod", "deployment": second}],
    }
    assert found["fixed"]["region"] is None
    text = daemun("routes", "listed", "prod", **kept.variables)
    rows = [line.split() for line in text.splitlines()[1:]]
    assert rows == [["GET", f"/{p}", "NONE", "HTTP_PROXY", f"{upstream}/{p}"] for p in ("one", "two")]
    routes = json.loads(daemun("routes", http, "$default", "--json", **kept.variables))
    assert [(route["method"], route["path"], route["uri"]) for route in routes] == [("", "$default", upstream)]
    text = daemun("routes", "fixed", "$default", **kept.variables)
    assert text.splitlines()[1].split()[:2] == ["GET", "/fixed"]


def test_a_route_that_is_refused_says_so(kept):
    """What is deployed and cannot be served is no secret."""
    v1 = kept.client("apigateway")
    api = v1.create_rest_api(name="refused")["id"]
    root = v1.get_resources(restApiId=api)["items"][0]["id"]
    v1.put_method(restApiId=api, resourceId=root, httpMethod="GET", authorizationType="NONE")
    link = v1.create_vpc_link(name="nowhere", targetArns=[f"arn:aws:elasticloadbalancing:{REGION}:{ACCOUNT}:loadbalancer/net/n/1"])
    v1.put_integration(restApiId=api, resourceId=root, httpMethod="GET", type="HTTP_PROXY", integrationHttpMethod="GET",
                       uri="http://orders/", connectionType="VPC_LINK", connectionId=link["id"])
    v1.create_deployment(restApiId=api, stageName="prod")
    (route,) = json.loads(daemun("routes", api, "prod", "--json", **kept.variables))
    assert (route["integration"], bool(route["refused"])) == ("HTTP_PROXY", True)
    assert "refused: " in daemun("routes", api, "prod", **kept.variables)


def test_a_stage_goes_back_and_forth(kept, upstream):
    """Rolling back serves the older deployment at once."""
    api, first, second = rest_api(kept, upstream, "moved")

    def status():
        return kept.call_api("GET", api, "/prod/two")[0]

    assert status() == 200
    lines = daemun("deployments", api, "prod", **kept.variables).splitlines()
    assert sorted(line.split()[0] for line in lines[1:]) == sorted([first, second])
    live = [line.split() for line in lines if " live " in line]
    assert [row[0] for row in live] == [second]
    said = daemun("rollback", api, "prod", first, **kept.variables)
    assert said == f"stage prod of API {api} serves {first} now, and not {second}\n"
    assert status() == 403
    shown = json.loads(daemun("deployments", api, "prod", "--json", **kept.variables))
    assert {item["id"]: item["live"] for item in shown} == {first: True, second: False}
    assert {item["description"] for item in shown} == {"first", "second"}
    assert "already" in daemun("rollback", api, "prod", first, **kept.variables)
    moved = json.loads(daemun("rollback", "moved", "prod", second, "--json", **kept.variables))
    assert moved == {"api": api, "stage": "prod", "deployment": second, "before": first}
    assert status() == 200


def test_an_http_api_goes_back_in_its_own_region(kept, upstream):
    """The region is the API's, not the caller's."""
    v2 = kept.client("apigatewayv2", region="ap-south-1")
    api = v2.create_api(Name="http", ProtocolType="HTTP")["ApiId"]
    target = v2.create_integration(ApiId=api, IntegrationType="HTTP_PROXY", IntegrationMethod="ANY",
                                   PayloadFormatVersion="1.0", IntegrationUri=upstream)["IntegrationId"]
    v2.create_stage(ApiId=api, StageName="live")
    deployments = []
    for path in ("/a", "/b"):
        v2.create_route(ApiId=api, RouteKey=f"GET {path}", Target=f"integrations/{target}")
        deployments.append(v2.create_deployment(ApiId=api, StageName="live")["DeploymentId"])
    assert kept.call_api("GET", api, "/live/b")[0] == 200
    daemun("rollback", api, "live", deployments[0], **kept.variables)
    assert kept.call_api("GET", api, "/live/b")[0] == 404
    assert v2.get_stage(ApiId=api, StageName="live")["DeploymentId"] == deployments[0]


def test_mistakes_are_named(kept, upstream):
    """No gateway, no API, no stage, no deployment, not ours to change."""
    port = free_port()
    said = daemun("apis", "--endpoint", f"http://127.0.0.1:{port}", code=1)
    assert f"no daemun answers on http://127.0.0.1:{port}" in said
    assert "there is no API nowhere" in daemun("routes", "nowhere", "prod", code=1, **kept.variables)
    api, first, _ = rest_api(kept, upstream, "mistaken")
    assert f"API {api} has no stage test; it has prod" in daemun("routes", api, "test", code=1, **kept.variables)
    assert "has no deployment none" in daemun("rollback", api, "prod", "none", code=1, **kept.variables)
    assert "config file" in daemun("rollback", "fixed", "$default", first, code=1, **kept.variables)
    assert "https://a" in daemun("apis", "--endpoint", "https://a", code=1)
    said = daemun("apis", "--endpoint", f"http://{kept.main}", code=1)
    assert "404" in said or "403" in said
    assert "none.toml" in daemun("apis", "--config", "none.toml", code=1)
    daemun("routes", api, code=2)


def test_env_sends_tools_to_the_gateway(kept, tmp_path):
    """A shell that evaluates it needs no flags for AWS's command line."""
    script = f'eval "$({BINARY} env)" && aws apigatewayv2 get-apis --query "Items[].ApiId"'
    environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "AWS_ENDPOINT_URL": f"http://{kept.management}"}
    done = subprocess.run(["sh", "-c", script], capture_output=True, text=True, env=environment)
    assert done.returncode == 0 and "fixed" in done.stdout, done
    printed = daemun("env", "--config", str(kept.file), AWS_ACCESS_KEY_ID="mine", AWS_REGION=REGION)
    url = f"http://{kept.management}"
    expected = [f"export AWS_ENDPOINT_URL_{name}={url}" for name in ("APIGATEWAYV2", "API_GATEWAY")]
    assert [line for line in printed.splitlines() if "APIGATEWAY" in line or "API_GATEWAY" in line] == expected
    assert "AWS_ACCESS_KEY_ID" not in printed and f"export AWS_DEFAULT_REGION={REGION}" in printed


def test_commands_sign_where_keys_are_checked(tmp_path):
    """With keys of the environment or of the config file; policies hold for them too."""
    gateway = Gateway(tmp_path, KEYS, port=free_port())
    config = str(gateway.file)
    try:
        endpoint = {"AWS_ENDPOINT_URL": f"http://{gateway.management}"}
        said = daemun("apis", code=1, **endpoint)
        assert "UnrecognizedClientException" in said and "AWS_ACCESS_KEY_ID" in said
        alice = {"AWS_ACCESS_KEY_ID": ALICE, "AWS_SECRET_ACCESS_KEY": "alice-secret"}
        assert "fixed" in daemun("apis", **endpoint, **alice)
        wrong = daemun("apis", code=1, **endpoint, **{**alice, "AWS_SECRET_ACCESS_KEY": "x"})
        assert "InvalidSignatureException" in wrong and "Canonical" not in wrong
        assert "fixed" in daemun("apis", "--config", config)
        assert "fixed" in daemun("apis", "--config", config, "--key", READER)
        assert "no key AKIAX" in daemun("apis", "--config", config, "--key", "AKIAX", code=1)
        printed = json.loads(daemun("env", "--config", config, "--key", READER, "--json"))
        assert printed["AWS_ACCESS_KEY_ID"] == READER and printed["AWS_SECRET_ACCESS_KEY"] == "reader-secret"
        assert "AWS_ACCESS_KEY_ID" not in daemun("env", "--config", config)
        v1 = subprocess.run(["aws", "apigateway", "create-rest-api", "--name", "a"], capture_output=True, text=True,
                            env={"PATH": os.environ["PATH"], "HOME": str(tmp_path), **endpoint, **alice,
                                 "AWS_DEFAULT_REGION": REGION})
        api = json.loads(v1.stdout)["id"]
        assert api in daemun("apis", "--config", config, "--key", READER)
        subprocess.run(["aws", "apigateway", "delete-rest-api", "--rest-api-id", api], check=True,
                       env={"PATH": os.environ["PATH"], "HOME": str(tmp_path), **endpoint, **alice, "AWS_DEFAULT_REGION": REGION})
    finally:
        gateway.stop()


def test_a_backup_of_a_running_gateway_comes_back(tmp_path, upstream):
    """Online; what is made after it is not in it; a running gateway is not restored over."""
    gateway = Gateway(tmp_path, 'data_dir = "data"', port=free_port())
    variables = {"AWS_ENDPOINT_URL": f"http://{gateway.management}"}
    config, file = str(gateway.file), str(tmp_path / "copy.db")
    try:
        api, _, _ = rest_api(gateway, upstream, "kept")
        said = daemun("backup", file, **variables)
        assert f"to {file}: " in said and "records" in said
        as_json = json.loads(daemun("backup", file, "--config", config, "--json"))
        assert as_json["records"] > 5 and as_json["to"] == file
        later = gateway.client("apigateway").create_rest_api(name="later")["id"]
        gateway.client("apigateway").delete_rest_api(restApiId=api)
        said = daemun("restore", file, "--config", config, code=1)
        assert "is in use by another daemun" in said
        assert later in daemun("apis", **variables)
        gateway.stop()
        said = daemun("restore", file, "--config", config)
        assert "daemun.db.replaced" in said
        gateway.start()
        listed = daemun("apis", **variables)
        assert api in listed and later not in listed
        assert gateway.call_api("GET", api, "/prod/two")[0] == 200
    finally:
        gateway.stop()
    assert "--config or --data-dir" in daemun("restore", file, code=1)
    (tmp_path / "no.db").write_text("nothing")
    assert "no.db" in daemun("restore", str(tmp_path / "no.db"), "--data-dir", str(tmp_path / "data"), code=1)
    assert "nowhere" in daemun("backup", file, "--data-dir", str(tmp_path / "nowhere"), code=1)


def test_a_gateway_that_keeps_nothing_has_no_backup(gateway, tmp_path):
    """In memory there is nothing to copy."""
    said = daemun("backup", str(tmp_path / "b"), code=1, AWS_ENDPOINT_URL=f"http://{gateway.management}")
    assert "keeps nothing" in said
