"""Custom domains that ask clients for certificates, and those that ask for newer versions of TLS."""

import contextlib
import json
import socket
import ssl
import subprocess
import sys
import time
from functools import partial

import pytest
from conftest import ACCOUNT, REGION, Gateway, authority, refused

FORBIDDEN = (403, '{"message":"Forbidden"}')

# In the order of the certificate; what divides attributes is escaped.
SUBJECT = "C=DE,O=Pets\\, Inc.,CN=good"

FUNCTION = '''
import json

def tell(event, context):
    return {"statusCode": 200, "body": json.dumps(event["requestContext"])}
'''

MORE = """
data_dir = "{folder}/data"
truststores."s3://other/" = "truststores"
truststores."s3://one/exact.pem" = "truststores/trust.pem"
[logging]
access_log = "{folder}/access.log"
[listeners.secure]
address = "127.0.0.1:{port}"
[[listeners.secure.tls.certificates]]
certificate = "{folder}/server.pem"
private_key = "{folder}/server.key"
[listeners.closed]
address = "127.0.0.1:{closed}"
[listeners.closed.tls]
client_authorities = "{folder}/truststores/trust.pem"
certificates = [{{ certificate = "{folder}/server.pem", private_key = "{folder}/server.key" }}]
[functions.tell]
runtime = "python3.12"
interpreter = "{python}"
handler = "index.tell"
code = "code"
"""


CERT = "$context.identity.clientCert"
LOG = f"$context.requestId|{CERT}.subjectDN|{CERT}.serialNumber|{CERT}.validity.notAfter"


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def issue(folder, signer, name, days=5):
    """A client's certificate that `signer` signed, with its key, as one PEM file."""
    request = ["openssl", "req", "-newkey", "rsa:2048", "-nodes", "-subj", f"/C=DE/O=Pets, Inc./CN={name}"]
    subprocess.run(
        [*request, "-keyout", folder / f"{name}.key", "-out", folder / f"{name}.csr"], check=True, capture_output=True
    )
    # With an extension it is of version 3; older ones are not accepted.
    (folder / "v3.ext").write_text("basicConstraints = CA:FALSE\n")
    sign = ["openssl", "x509", "-req", "-in", folder / f"{name}.csr", "-days", str(days), "-set_serial", "4711", "-extfile", folder / "v3.ext"]
    by = ["-CA", folder / f"{signer}.pem", "-CAkey", folder / f"{signer}.key", "-out", folder / f"{name}.pem"]
    subprocess.run([*sign, *by], check=True, capture_output=True)
    both = folder / f"{name}.both.pem"
    both.write_text((folder / f"{name}.pem").read_text() + (folder / f"{name}.key").read_text())
    return both


class Site:
    """A gateway that speaks TLS, the authorities of its clients, and three APIs."""

    def __init__(self, folder):
        self.folder = folder
        self.trust = folder / "truststores"
        for name in ("trust", "stranger"):
            authority(self.trust, name)
        authority(folder, "server")
        (folder / "code").mkdir()
        (folder / "code" / "index.py").write_text(FUNCTION)
        self.port, self.closed = free_port(), free_port()
        more = MORE.format(folder=folder, port=self.port, closed=self.closed, python=sys.executable)
        self.gateway = Gateway(folder, more)
        self.good = issue(self.trust, "trust", "good")
        self.bad = issue(self.trust, "stranger", "bad")
        self.connect()
        self.rest = self.make_rest()
        self.http = self.make_http()

    def connect(self):
        self.v1, self.v2 = (self.gateway.client(service) for service in ("apigateway", "apigatewayv2"))

    def make_rest(self):
        api = self.v1.create_rest_api(name="a")
        place = {"restApiId": api["id"], "resourceId": api["rootResourceId"], "httpMethod": "GET"}
        self.v1.put_method(**place, authorizationType="NONE")
        self.v1.put_integration(**place, type="MOCK", requestTemplates={"application/json": '{"statusCode": 200}'})
        self.v1.put_method_response(**place, statusCode="200")
        shown = '{"subject": "$util.escapeJavaScript($context.identity.clientCert.subjectDN)", '
        shown += '"after": "$context.identity.clientCert.validity.notAfter"}'
        self.v1.put_integration_response(**place, statusCode="200", responseTemplates={"application/json": shown})
        self.v1.create_deployment(restApiId=api["id"], stageName="prod")
        return api["id"]

    def make_http(self):
        api = self.v2.create_api(Name="f", ProtocolType="HTTP")["ApiId"]
        log = {"DestinationArn": f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:a", "Format": LOG}
        self.v2.create_stage(ApiId=api, StageName="$default", AutoDeploy=True, AccessLogSettings=log)
        for version in ("1.0", "2.0"):
            integration = self.v2.create_integration(
                ApiId=api,
                IntegrationType="AWS_PROXY",
                IntegrationUri=f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:tell",
                PayloadFormatVersion=version,
            )["IntegrationId"]
            self.v2.create_route(ApiId=api, RouteKey=f"GET /{version[0]}", Target=f"integrations/{integration}")
        return api

    @contextlib.contextmanager
    def domain(self, name, uri="s3://other/trust.pem", api=None, stage="prod", **more):
        """A domain that leads to an API, for as long as a test needs it."""
        if uri:
            more["mutualTlsAuthentication"] = {"truststoreUri": uri}
        made = self.v1.create_domain_name(domainName=name, endpointConfiguration={"types": ["REGIONAL"]}, **more)
        self.v2.create_api_mapping(DomainName=name, ApiId=api or self.rest, Stage=stage)
        try:
            yield made
        finally:
            self.v1.delete_domain_name(domainName=name)

    def context(self, certificate=None, most=None):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        if certificate:
            context.load_cert_chain(certificate)
        if most:
            context.maximum_version = most
        return context

    def ask(self, sni, certificate=None, host=None, path="/", most=None, port=None, context=None, session=None):
        """Status and text of a request, or none where TLS did not come about; and the session."""
        context = context or self.context(certificate, most)
        try:
            with socket.create_connection(("127.0.0.1", port or self.port), 10) as plain:
                with context.wrap_socket(plain, server_hostname=sni, session=session) as secure:
                    request = f"GET {path} HTTP/1.1\r\nHost: {host or sni}\r\nConnection: close\r\n\r\n"
                    secure.sendall(request.encode())
                    text = b""
                    while more := secure.recv(65536):
                        text += more
                    self.session, self.is_resumed = secure.session, secure.session_reused
                    head, _, body = text.decode().partition("\r\n\r\n")
                    return int(head.split(" ")[1]), body
        except (ssl.SSLError, ConnectionError):
            return None


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    site = Site(tmp_path_factory.mktemp("site"))
    yield site
    site.gateway.stop()


@pytest.mark.parametrize("most", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_only_who_shows_a_trusted_certificate_gets_in(site, most):
    name = "mutual.example.com"
    with site.domain(name):
        assert site.ask(name, site.good, most=most)[0] == 200
        assert site.ask(name, None, most=most) is None
        assert site.ask(name, site.bad, most=most) is None
        assert site.ask(name, issue(site.trust, "trust", "late", days=-1), most=most) is None
        # The rest of the listener goes on as it was.
        assert site.ask("elsewhere.example.com", None, most=most)[0] == 404
    assert site.ask(name, None, most=most)[0] in (403, 404)


def test_another_name_in_the_handshake_is_no_way_in(site):
    with site.domain("mutual.example.com"), site.domain("second.example.com", "s3://other/stranger.pem"):
        assert site.ask("second.example.com", site.bad)[0] == 200
        assert site.ask("second.example.com", site.bad, host="mutual.example.com") == FORBIDDEN
        assert site.ask("elsewhere.example.com", site.good, host="mutual.example.com") == FORBIDDEN
        assert site.ask(None, site.good, host="mutual.example.com") == FORBIDDEN
        assert site.ask("MUTUAL.example.com", site.good, host="Mutual.Example.COM:443")[0] == 200
        status, _, body = site.gateway.call("GET", "/", host="mutual.example.com")
        assert (status, body) == FORBIDDEN
        # The API's own host is open, as in AWS, unless `disableExecuteApiEndpoint` closes it.
        assert site.ask("x.example.com", None, host=f"{site.rest}.execute-api.{REGION}.amazonaws.com", path="/prod")[0] == 200


def test_a_wildcard_asks_all_but_those_with_a_domain_of_their_own(site):
    with site.domain("*.wild.example.com"), site.domain("open.wild.example.com", uri=None):
        assert site.ask("a.wild.example.com") is None
        assert site.ask("a.b.wild.example.com") is None
        assert site.ask("a.wild.example.com", site.good)[0] == 200
        assert site.ask("a.wild.example.com", site.good, host="b.wild.example.com")[0] == 200
        assert site.ask("open.wild.example.com")[0] == 200
        assert site.ask("open.wild.example.com", site.good, host="a.wild.example.com") == FORBIDDEN


@pytest.mark.parametrize("most", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_no_session_of_before_gets_in(site, most):
    name = "later.example.com"
    context = site.context(None, most)
    with site.domain(name, uri=None):
        assert site.ask(name, context=context)[0] == 200
        session = site.session
        assert site.ask(name, context=context, session=session)[0] == 200 and site.is_resumed
        site.v2.update_domain_name(DomainName=name, MutualTlsAuthentication={"TruststoreUri": "s3://other/trust.pem"})
        assert site.ask(name, context=context, session=session) is None
        trusted = site.context(site.good, most)
        assert site.ask(name, context=trusted)[0] == 200
        session = site.session
        patch = [{"op": "replace", "path": "/mutualTlsAuthentication/truststoreUri", "value": "s3://other/stranger.pem"}]
        site.v1.update_domain_name(domainName=name, patchOperations=patch)
        assert site.ask(name, context=trusted, session=session) is None
        assert site.ask(name, site.bad, most=most)[0] == 200
        assert not site.is_resumed


def test_a_connection_of_before_gets_in_no_more(site):
    name = "soon.example.com"
    with site.domain(name, uri=None):
        with socket.create_connection(("127.0.0.1", site.port), 10) as plain:
            with site.context().wrap_socket(plain, server_hostname=name) as secure:
                request = f"GET / HTTP/1.1\r\nHost: {name}\r\n\r\n".encode()
                secure.sendall(request)
                assert b" 200 " in secure.recv(65536)
                site.v2.update_domain_name(DomainName=name, MutualTlsAuthentication={"TruststoreUri": "s3://one/exact.pem"})
                secure.sendall(request)
                assert b" 403 " in secure.recv(65536)


def test_the_certificate_is_told(site):
    pem = (site.trust / "good.pem").read_text()
    with site.domain("told.example.com"):
        shown = json.loads(site.ask("told.example.com", site.good)[1])
        assert shown["subject"] == SUBJECT and shown["after"].endswith(" GMT")
    with site.domain("events.example.com", api=site.http, stage="$default"):
        first = json.loads(site.ask("events.example.com", site.good, path="/1")[1])
        cert = first["identity"]["clientCert"]
        second = json.loads(site.ask("events.example.com", site.good, path="/2")[1])
        assert second["authentication"] == {"clientCert": cert}
        assert list(cert) == ["clientCertPem", "issuerDN", "serialNumber", "subjectDN", "validity"]
        assert cert["clientCertPem"] == pem
        assert (cert["issuerDN"], cert["serialNumber"]) == ("CN=trust", "4711")
        assert cert["subjectDN"] == SUBJECT
        text = subprocess.run(
            ["openssl", "x509", "-noout", "-dates", "-in", site.trust / "good.pem"], capture_output=True, text=True, check=True
        ).stdout
        dates = dict(line.split("=") for line in text.strip().split("\n"))
        assert cert["validity"] == dates
    own = json.loads(site.ask("x.example.com", None, host=f"{site.http}.execute-api.{REGION}.amazonaws.com", path="/2")[1])
    assert "authentication" not in own
    until = time.monotonic() + 10
    line = f"|{SUBJECT}|4711|{cert['validity']['notAfter']}\n".replace("\\", "\\x5C")
    while line not in (log := (site.folder / "access.log").read_text()):
        assert time.monotonic() < until, log
        time.sleep(0.05)


def test_a_truststore_is_read_when_it_is_named(site):
    (site.trust / "mixed.pem").write_text(
        "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n" + (site.trust / "trust.pem").read_text()
    )
    (site.trust / "empty.pem").write_text("nothing")
    with site.domain("mixed.example.com", "s3://other/mixed.pem") as made:
        warnings = ["Certificate 1 is not valid X.509"]
        assert made["mutualTlsAuthentication"]["truststoreWarnings"] == warnings
        assert "truststorePem" not in str(made) and "BEGIN" not in str(site.v1.get_domain_names())
        shown = site.v2.get_domain_name(DomainName="mixed.example.com")
        assert shown["MutualTlsAuthentication"]["TruststoreWarnings"] == warnings
        assert site.ask("mixed.example.com", site.good)[0] == 200
        # What is in the file now does not matter until the domain is told.
        (site.trust / "mixed.pem").write_text((site.trust / "stranger.pem").read_text())
        site.gateway.stop()
        site.gateway.start()
        site.connect()
        assert site.ask("mixed.example.com", site.good)[0] == 200
        patch = [{"op": "replace", "path": "/mutualTlsAuthentication/truststoreVersion", "value": "2"}]
        changed = site.v1.update_domain_name(domainName="mixed.example.com", patchOperations=patch)
        assert changed["mutualTlsAuthentication"] == {"truststoreUri": "s3://other/mixed.pem", "truststoreVersion": "2"}
        assert site.ask("mixed.example.com", site.good) is None
        assert site.ask("mixed.example.com", site.bad)[0] == 200
        for uri, expected in [
            ("s3://unknown/a.pem", "management.truststores"),
            ("s3://other/../server.key", "management.truststores"),
            ("s3://other/none.pem", "No such file"),
            ("s3://other/empty.pem", "BEGIN CERTIFICATE"),
            ("https://a/b.pem", "s3://"),
        ]:
            for call in (
                partial(site.v1.create_domain_name, domainName="n.example.com", mutualTlsAuthentication={"truststoreUri": uri}),
                partial(
                    site.v2.update_domain_name, DomainName="mixed.example.com", MutualTlsAuthentication={"TruststoreUri": uri}
                ),
            ):
                refusal = refused(call)
                assert refusal[:2] == ("BadRequestException", 400) and "truststoreUri" in refusal[2]
                assert expected in refusal[2], refusal
    with site.domain("file.example.com", f"file://{site.trust}/trust.pem"):
        assert site.ask("file.example.com", site.good)[0] == 200


def test_a_security_policy_asks_for_its_versions(site):
    old, new = ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3
    for policy, speaks_old in [
        ("TLS_1_0", True),
        ("TLS_1_2", True),
        ("SecurityPolicy_TLS13_1_2_2021_06", True),
        ("SecurityPolicy_TLS13_1_3_2025_09", False),
        ("SecurityPolicy_TLS13_1_3_FIPS_2025_09", False),
        ("SecurityPolicy_TLS13_2025_EDGE", False),
    ]:
        with site.domain("policy.example.com", uri=None, securityPolicy=policy):
            assert site.ask("policy.example.com", most=new)[0] == 200
            assert (site.ask("policy.example.com", most=old) is not None) == speaks_old, policy
            assert site.ask("elsewhere.example.com", most=old)[0] == 404


def test_a_listener_can_ask_everybody(site):
    assert site.ask("own.example.com", site.good, path="/fixed", port=site.closed) == (200, "fixed")
    for certificate in (None, site.bad):
        assert site.ask("own.example.com", certificate, path="/fixed", port=site.closed) is None
    with site.domain("mutual.example.com", "s3://other/stranger.pem"):
        assert site.ask("own.example.com", site.good, host="mutual.example.com", port=site.closed) == FORBIDDEN
        assert site.ask("mutual.example.com", site.bad, port=site.closed)[0] == 200


def test_a_hello_in_pieces_is_understood(site):
    """The ClientHello comes byte by byte, in records of a few bytes each."""
    with site.domain("pieces.example.com"):
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        client = site.context(site.good).wrap_bio(incoming, outgoing, server_hostname="pieces.example.com")
        with socket.create_connection(("127.0.0.1", site.port), 10) as plain:
            plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            is_first = True
            while True:
                try:
                    client.do_handshake()
                    done = True
                except ssl.SSLWantReadError:
                    done = False
                flight = outgoing.read()
                if is_first:
                    is_first, payload = False, flight[5:]
                    for start in range(0, len(payload), 50):
                        part = payload[start : start + 50]
                        plain.sendall(flight[:3] + len(part).to_bytes(2, "big") + part[:7])
                        plain.sendall(part[7:])
                elif flight:
                    plain.sendall(flight)
                if done:
                    break
                got = plain.recv(65536)
                assert got, "the gateway hung up"
                incoming.write(got)
            client.write(b"GET / HTTP/1.1\r\nHost: pieces.example.com\r\n\r\n")
            plain.sendall(outgoing.read())
            incoming.write(plain.recv(65536))
            assert b" 200 " in client.read(65536)
