"""Whom integrations believe: `tlsConfig` of REST APIs and of private integrations of HTTP APIs."""

import ssl
import subprocess
import threading
import time

import pytest
from conftest import Echo, Gateway
from rest import Many

LISTENER = "arn:aws:elasticloadbalancing:eu-west-1:111111111111:listener/app/shop/50dc6c495c0c9188/0467ef3c8400ae65"
AUTHORITY = ["-addext", "basicConstraints=critical,CA:TRUE", "-addext", "keyUsage=critical,keyCertSign"]
KEY = "-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes".split()


def openssl(*arguments):
    """One run of the tool."""
    subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True)


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    """A folder with an authority of nobody's: `ca.pem` and `ca.key`."""
    folder = tmp_path_factory.mktemp("authority")
    files = ["-keyout", folder / "ca.key", "-out", folder / "ca.pem"]
    # -addext adds to what the tool's own configuration says, so that is left out.
    (folder / "bare.cnf").write_text("[req]\ndistinguished_name=name\n[name]\n")
    names = ["-config", folder / "bare.cnf", "-subj", "/CN=Nobody's authority"]
    openssl("req", "-x509", *KEY, "-days", 10, *files, *names, *AUTHORITY)
    return folder


def signed(authority, name, shows_root=True, days=10):
    """A file with a certificate of the authority and the file of its key."""
    chain, key = authority / f"{name}-{shows_root}-{days}.pem", authority / f"{name}.key"
    request, names = authority / f"{name}.csr", authority / f"{name}.ext"
    openssl("req", *KEY, "-keyout", key, "-out", request, "-subj", "/CN=x")
    names.write_text(f"subjectAltName={name}\nbasicConstraints=CA:FALSE\n")
    own = ["-CA", authority / "ca.pem", "-CAkey", authority / "ca.key", "-CAcreateserial"]
    openssl("x509", "-req", "-in", request, *own, "-days", days, "-extfile", names, "-out", chain)
    if shows_root:
        chain.write_text(chain.read_text() + (authority / "ca.pem").read_text())
    return chain, key


def alone(authority, name, is_authority):
    """A certificate that signs itself, and its key."""
    files = authority / f"alone-{is_authority}.pem", authority / "alone.key"
    more = AUTHORITY if is_authority else ["-addext", "basicConstraints=critical,CA:FALSE"]
    names = ["-config", authority / "bare.cnf", "-subj", "/CN=Alone", "-addext", f"subjectAltName={name}"]
    openssl("req", "-x509", *KEY, "-days", 10, "-keyout", files[1], "-out", files[0], *names, *more)
    return files


@pytest.fixture
def backends():
    """Starts backends with a certificate each; their ports."""
    servers = []

    def start(files, wanted=None):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*files)
        if wanted:
            context.verify_mode = ssl.CERT_REQUIRED
            context.load_verify_locations(wanted)
        server = Many(("127.0.0.1", 0), Echo)
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        server.handle_error = lambda *_: None
        threading.Thread(target=server.serve_forever, daemon=True).start()
        servers.append(server)
        return server.server_port

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def proxied(v1, port, kind="HTTP_PROXY", stage="prod", **more):
    """The id of a REST API that asks a backend of this machine by its address."""
    api = v1.create_rest_api(name="a")
    place = {"restApiId": api["id"], "resourceId": api["rootResourceId"], "httpMethod": "GET"}
    v1.put_method(**place, authorizationType="NONE")
    uri = f"https://127.0.0.1:{port}/x"
    v1.put_integration(**place, type=kind, integrationHttpMethod="GET", uri=uri, **more)
    if kind == "HTTP":
        v1.put_method_response(**place, statusCode="200")
        v1.put_integration_response(**place, statusCode="200")
    v1.create_deployment(restApiId=api["id"], stageName=stage)
    return api["id"]


ADDRESS, OTHER = "IP:127.0.0.1", "IP:127.0.0.9"


@pytest.mark.parametrize(
    "why, certificate, is_believed",
    [
        ("an authority that is shown", lambda folder: signed(folder, ADDRESS), True),
        ("no authority is shown", lambda folder: signed(folder, ADDRESS, shows_root=False), False),
        ("another name", lambda folder: signed(folder, OTHER), False),
        ("its own authority", lambda folder: alone(folder, ADDRESS, True), True),
        ("its own authority with another name", lambda folder: alone(folder, OTHER, True), False),
        ("signed by itself without being an authority", lambda folder: alone(folder, ADDRESS, False), False),
    ],
)
@pytest.mark.parametrize("kind", ["HTTP", "HTTP_PROXY"])
def test_any_authority_is_believed_where_the_integration_says_so(
    gateway, v1, authority, backends, kind, why, certificate, is_believed
):
    """AWS: dates, host name and the presence of a root count; who the root is does not."""
    port = backends(certificate(authority))
    asked = proxied(v1, port, kind, tlsConfig={"insecureSkipVerification": True})
    status = gateway.call_api("GET", asked, "/prod")[0]
    assert status == (200 if is_believed else 504), why
    # Without the setting nobody believes it.
    for more in ({}, {"tlsConfig": {"insecureSkipVerification": False}}):
        strict = proxied(v1, port, kind, **more)
        assert gateway.call_api("GET", strict, "/prod")[0] == 504


def test_what_is_over_is_not_believed(gateway, v1, authority, backends):
    """A certificate of any authority that is valid for no more than the second it was made in."""
    files = signed(authority, ADDRESS, days=0)
    time.sleep(1.5)
    asked = proxied(v1, backends(files), tlsConfig={"insecureSkipVerification": True})
    assert gateway.call_api("GET", asked, "/prod")[0] == 504


def test_a_stage_shows_its_certificate_to_whom_it_does_not_know(gateway, v1, authority, backends, tmp_path):
    """Both ways at once: any authority is believed, and the backend asks who calls."""
    made = v1.generate_client_certificate()
    own = tmp_path / "client.pem"
    own.write_text(made["pemEncodedCertificate"])
    port = backends(signed(authority, ADDRESS), wanted=own)
    api = proxied(v1, port, tlsConfig={"insecureSkipVerification": True})
    assert gateway.call_api("GET", api, "/prod")[0] >= 500
    patches = [{"op": "replace", "path": "/clientCertificateId", "value": made["clientCertificateId"]}]
    v1.update_stage(restApiId=api, stageName="prod", patchOperations=patches)
    assert gateway.call_api("GET", api, "/prod")[0] == 200
    resource = v1.get_resources(restApiId=api)["items"][0]["id"]
    place = {"restApiId": api, "resourceId": resource, "httpMethod": "GET"}
    patches = [{"op": "replace", "path": "/tlsConfig/insecureSkipVerification", "value": "false"}]
    v1.update_integration(**place, patchOperations=patches)
    v1.create_deployment(restApiId=api, stageName="prod")
    assert gateway.call_api("GET", api, "/prod")[0] == 504


UPSTREAM = """
[upstreams.shop]
vpc_link = "{listener}"
targets = ["127.0.0.1:{port}"]
tls = {{ ca_file = "{file}" }}
"""


def test_a_private_integration_verifies_the_name_that_it_names(authority, backends, tmp_path):
    """`serverNameToVerify`, which is also what the backend is greeted with."""
    port = backends(signed(authority, "DNS:shop.internal"))
    text = UPSTREAM.format(listener=LISTENER, port=port, file=authority / "ca.pem")
    gateway = Gateway(tmp_path, text)
    try:
        v2 = gateway.client("apigatewayv2")
        link = v2.create_vpc_link(Name="any", SubnetIds=["subnet-1"])["VpcLinkId"]
        for name, expected in [("shop.internal", 200), ("other.internal", 502), ("no name!", 501)]:
            api = v2.create_api(Name="a", ProtocolType="HTTP")["ApiId"]
            made = v2.create_integration(
                ApiId=api,
                IntegrationType="HTTP_PROXY",
                IntegrationMethod="ANY",
                IntegrationUri=LISTENER,
                ConnectionType="VPC_LINK",
                ConnectionId=link,
                PayloadFormatVersion="1.0",
                TlsConfig={"ServerNameToVerify": name},
            )
            v2.create_route(ApiId=api, RouteKey="$default", Target=f"integrations/{made['IntegrationId']}")
            v2.create_stage(ApiId=api, StageName="$default", AutoDeploy=True)
            status, _, text = gateway.call_api("GET", api, "/pets?a=b")
            assert status in (expected, 503) if expected == 502 else status == expected, (name, text)
            if expected == 200:
                assert '"target": "/pets?a=b"' in text
    finally:
        gateway.stop()
