"""Who may manage: keys, signatures, policies, accounts and regions."""

import datetime
import json
import subprocess
import time
import urllib.parse

import boto3
import botocore.auth
import botocore.awsrequest
import botocore.config
import botocore.credentials
import botocore.exceptions
import pytest
from conftest import ACCOUNT, BINARY, REGION, Gateway, free_port, refused

OTHER_ACCOUNT = "222222222222"
ALICE, BOB, READER, WRITER = (f"AKIDEXAMPLEEXAMPLE{n:02}" for n in range(4))
READ_ONLY = {
    "Version": "2012-10-17",
    "Statement": [
        {"Effect": "Allow", "Action": "apigateway:GET", "Resource": "arn:aws:apigateway:*::/*"},
        {"Effect": "Deny", "Action": "*", "Resource": "*", "Condition": {"NotIpAddress": {"aws:SourceIp": "127.0.0.0/8"}}},
    ],
}
ONE_API = {
    "Version": "2012-10-17",
    "Statement": {
        "Effect": "Allow",
        "Action": ["apigateway:GET", "apigateway:PATCH", "apigateway:PUT"],
        "Resource": ["arn:aws:apigateway:{region}::/restapis/{api}*", "arn:aws:apigateway:{region}::/tags/*{api}"],
    },
}
KEYS = f"""
[management.keys.{ALICE}]
secret = "alice-secret"
account = "{ACCOUNT}"
name = "alice"
[management.keys.{BOB}]
secret_file = "bob.secret"
account = "{OTHER_ACCOUNT}"
name = "bob"
[management.keys.{READER}]
secret = "reader-secret"
name = "reader"
policy = '{json.dumps(READ_ONLY)}'
[management.keys.{WRITER}]
secret = "writer-secret"
name = "writer"
policy_file = "writer.json"
"""


def one_api(api):
    """The policy that lets its holder change one REST API."""
    text = json.dumps(ONE_API)
    return text.replace("{region}", REGION).replace("{api}", api)


@pytest.fixture(scope="module")
def guarded(tmp_path_factory):
    """A gateway that checks four keys."""
    folder = tmp_path_factory.mktemp("guarded")
    (folder / "bob.secret").write_text("bob-secret\n")
    (folder / "writer.json").write_text(one_api("none"))
    gateway = Gateway(folder, KEYS)
    yield gateway
    gateway.stop()


def client(gateway, service, key, secret, region=REGION):
    """A client that signs with this key."""
    return boto3.client(
        service,
        region_name=region,
        endpoint_url=f"http://{gateway.management}",
        aws_access_key_id=key,
        aws_secret_access_key=secret,
        config=botocore.config.Config(retries={"max_attempts": 0}),
    )


def signed(gateway, method="GET", path="/restapis", body=b"", at=None, service="apigateway", **headers):
    """The headers of a request that alice has signed at a moment."""
    request = botocore.awsrequest.AWSRequest(method, f"http://{gateway.management}{path}", data=body, headers=headers)
    credentials = botocore.credentials.Credentials(ALICE, "alice-secret")
    at = at or datetime.datetime.now(datetime.timezone.utc)
    signer = botocore.auth.SigV4Auth(credentials, service, REGION)
    request.context["timestamp"] = at.strftime("%Y%m%dT%H%M%SZ")
    request.headers["host"] = gateway.management
    request.headers["x-amz-date"] = request.context["timestamp"]
    text = signer.string_to_sign(request, signer.canonical_request(request))
    names = signer.signed_headers(signer.headers_to_sign(request))
    request.headers["authorization"] = (
        f"AWS4-HMAC-SHA256 Credential={signer.scope(request)}, SignedHeaders={names}, "
        f"Signature={signer.signature(text, request)}"
    )
    return dict(request.headers.items())


def answer(gateway, method="GET", path="/restapis", body=b"", headers=None):
    """Status, error type and message of a raw request."""
    headers = {"authorization": "", **(headers or {})}
    status, found, text = gateway.raw(method, path, body=body, headers=headers)
    return status, found.get("x-amzn-errortype"), json.loads(text).get("message", "")


def test_accounts_and_regions_know_nothing_of_each_other(guarded):
    """What one account made in one region exists for nobody else."""
    alice = client(guarded, "apigateway", ALICE, "alice-secret")
    bob = client(guarded, "apigateway", BOB, "bob-secret")
    elsewhere = client(guarded, "apigateway", ALICE, "alice-secret", "us-west-2")
    api = alice.create_rest_api(name="alice's")["id"]
    other = bob.create_rest_api(name="bob's")["id"]
    assert [item["id"] for item in alice.get_rest_apis()["items"]] == [api]
    assert [item["id"] for item in bob.get_rest_apis()["items"]] == [other]
    assert elsewhere.get_rest_apis()["items"] == []
    unknown = ("NotFoundException", 404, "Invalid API identifier specified {}:{}")
    for who, account in [(bob, OTHER_ACCOUNT), (elsewhere, ACCOUNT)]:
        code, status, message = refused(who.get_rest_api, restApiId=api)
        assert (code, status, message) == (unknown[0], unknown[1], unknown[2].format(account, api))
        assert refused(who.delete_rest_api, restApiId=api)[0] == "NotFoundException"
    http = client(guarded, "apigatewayv2", BOB, "bob-secret").create_api(Name="b", ProtocolType="HTTP")["ApiId"]
    assert refused(client(guarded, "apigatewayv2", ALICE, "alice-secret").get_api, ApiId=http)[0] == "NotFoundException"
    alice.delete_rest_api(restApiId=api)
    bob.delete_rest_api(restApiId=other)


def test_wrong_keys_are_refused_in_words_of_aws(guarded):
    """An unknown key, a wrong secret, another's secret."""
    nobody = client(guarded, "apigateway", "AKIDEXAMPLENOBODY", "x")
    assert refused(nobody.get_rest_apis) == (
        "UnrecognizedClientException", 403, "The security token included in the request is invalid."
    )
    wrong = client(guarded, "apigateway", ALICE, "bob-secret")
    code, status, message = refused(wrong.get_rest_apis)
    assert (code, status) == ("InvalidSignatureException", 403)
    assert message.startswith("The request signature we calculated does not match the signature you provided.")
    assert "The Canonical String for this request should have been" in message


def test_time_has_to_be_right_within_five_minutes(guarded):
    """Clocks may differ by less than five minutes, as in AWS."""
    now = datetime.datetime.now(datetime.timezone.utc)
    for minutes, expected in [(-4, ""), (4, ""), (-6, "Signature expired: "), (6, "Signature not yet current: ")]:
        at = now + datetime.timedelta(minutes=minutes)
        status, kind, message = answer(guarded, headers=signed(guarded, at=at))
        assert message.startswith(expected), (minutes, message)
        assert (status, kind) == ((403, "InvalidSignatureException") if expected else (200, None))
    message = answer(guarded, headers=signed(guarded, at=now - datetime.timedelta(minutes=6)))[2]
    assert message.endswith("- 5 min.)")


def test_unsigned_and_half_signed_requests_are_refused(guarded):
    """Nothing, a bearer, parts that are missing, another service."""
    missing = (403, "MissingAuthenticationTokenException", "Missing Authentication Token")
    assert answer(guarded) == missing
    assert answer(guarded, path="/nothing") == missing
    whole = signed(guarded)
    for headers, expected in [
        ({"authorization": "Bearer x"}, "IncompleteSignatureException"),
        ({"authorization": "AWS4-HMAC-SHA256 Credential=a"}, "IncompleteSignatureException"),
        ({**whole, "authorization": whole["authorization"].rsplit(",", 1)[0]}, "IncompleteSignatureException"),
        ({**whole, "authorization": whole["authorization"][:-1] + "z"}, "InvalidSignatureException"),
        ({**whole, "host": "other.example"}, "InvalidSignatureException"),
    ]:
        status, kind, _ = answer(guarded, headers=headers)
        assert (status, kind) == (403, expected), headers
    status, kind, message = answer(guarded, headers=signed(guarded, service="s3"))
    assert (status, kind) == (403, "InvalidSignatureException")
    assert "Credential should be scoped to correct service: 'apigateway'" in message and "'s3'" in message


def test_the_body_is_what_was_signed(guarded):
    """Another body than the signed one changes nothing; an unsigned one is allowed when that is signed."""
    body = b'{"name": "signed"}'
    headers = signed(guarded, "POST", body=body)
    assert answer(guarded, "POST", body=b'{"name": "forged"}', headers=headers)[1] == "InvalidSignatureException"
    named = {"X-Amz-Content-SHA256": "0" * 64}
    headers = signed(guarded, "POST", body=body, **named)
    assert answer(guarded, "POST", body=body, headers=headers)[1] == "InvalidSignatureException"
    headers = signed(guarded, "POST", body=body, **{"X-Amz-Content-SHA256": "UNSIGNED-PAYLOAD"})
    assert answer(guarded, "POST", body=b'{"name": "unsigned"}', headers=headers)[0] == 201
    headers = signed(guarded, "POST", body=body)
    headers["x-amz-content-sha256"] = "UNSIGNED-PAYLOAD"
    assert answer(guarded, "POST", body=b'{"name": "forged"}', headers=headers)[1] == "InvalidSignatureException"
    alice = client(guarded, "apigateway", ALICE, "alice-secret")
    made = alice.get_rest_apis()["items"]
    assert [item["name"] for item in made] == ["unsigned"]
    alice.delete_rest_api(restApiId=made[0]["id"])


def test_presigned_urls_are_good_for_their_time(guarded):
    """A signature in the query works until it expires, and for its own path only."""
    def presigned(seconds, path="/restapis", ago=0):
        url = f"http://{guarded.management}{path}"
        request = botocore.awsrequest.AWSRequest("GET", url)
        credentials = botocore.credentials.Credentials(ALICE, "alice-secret")
        signer = botocore.auth.SigV4QueryAuth(credentials, "apigateway", REGION, expires=seconds)
        past = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(seconds=ago)
        stamp = past.strftime("%Y%m%dT%H%M%SZ")
        request.context["timestamp"] = stamp
        signer._modify_request_before_signing(request)
        parts = urllib.parse.urlsplit(request.url)
        query = dict(urllib.parse.parse_qsl(parts.query), **{"X-Amz-Date": stamp})
        request.url = parts._replace(query=urllib.parse.urlencode(query)).geturl()
        text = signer.string_to_sign(request, signer.canonical_request(request))
        signer._inject_signature_to_request(request, signer.signature(text, request))
        return request.url.split(guarded.management)[1]

    assert answer(guarded, path=presigned(60))[0] == 200
    assert answer(guarded, path=presigned(3600, ago=1800))[0] == 200
    status, kind, message = answer(guarded, path=presigned(60, ago=90))
    assert (status, kind) == (403, "InvalidSignatureException")
    assert message.startswith("Signature expired: ")
    assert answer(guarded, path=presigned(60) + "&limit=1")[1] == "InvalidSignatureException"
    moved = presigned(60).replace("/restapis", "/apikeys")
    assert answer(guarded, path=moved)[1] == "InvalidSignatureException"
    assert answer(guarded, path=presigned(604801))[1] == "IncompleteSignatureException"
    twice = answer(guarded, path=presigned(60), headers=signed(guarded))
    assert twice[1] == "InvalidSignatureException" and twice[2].startswith("Found both")


def test_a_policy_that_reads_changes_nothing(guarded):
    """A key whose policy allows `apigateway:GET` alone."""
    v1 = client(guarded, "apigateway", READER, "reader-secret")
    v2 = client(guarded, "apigatewayv2", READER, "reader-secret")
    assert v1.get_rest_apis()["items"] == []
    assert [item["ApiId"] for item in v2.get_apis()["Items"]] == ["fixed"]
    who = "User: arn:aws:iam::111111111111:user/reader is not authorized to perform: "
    why = " because no identity-based policy allows the {} action"
    for call, arguments, action, path in [
        (v1.create_rest_api, {"name": "a"}, "apigateway:POST", "/restapis"),
        (v1.delete_rest_api, {"restApiId": "a/b"}, "apigateway:DELETE", "/restapis/a%2Fb"),
        (v1.put_method, {"restApiId": "a", "resourceId": "r", "httpMethod": "GET", "authorizationType": "NONE"},
         "apigateway:PUT", "/restapis/a/resources/r/methods/GET"),
        (v1.tag_resource, {"resourceArn": f"arn:aws:apigateway:{REGION}::/restapis/a", "tags": {"a": "b"}},
         "apigateway:PUT", f"/tags/arn%3Aaws%3Aapigateway%3A{REGION}%3A%3A%2Frestapis%2Fa"),
        (v2.create_api, {"Name": "a", "ProtocolType": "HTTP"}, "apigateway:POST", "/apis"),
        (v2.update_stage, {"ApiId": "a", "StageName": "$default"}, "apigateway:PATCH", "/apis/a/stages/$default"),
        (v2.untag_resource, {"ResourceArn": f"arn:aws:apigateway:{REGION}::/apis/a", "TagKeys": ["a"]},
         "apigateway:DELETE", f"/tags/arn%3Aaws%3Aapigateway%3A{REGION}%3A%3A%2Fapis%2Fa"),
        # An operation that is not served is denied all the same.
        (v2.import_api, {"Body": "{}"}, "apigateway:PUT", "/apis"),
    ]:
        code, status, message = refused(call, **arguments)
        assert (code, status) == ("AccessDeniedException", 403)
        resource = f"arn:aws:apigateway:{REGION}::{path}"
        assert message == f"{who}{action} on resource: {resource}{why.format(action)}"


def test_clients_of_other_services_hear_that_they_are_not_served(gateway):
    """In the protocol that they can read."""
    for service, call in [("iam", "list_users"), ("cloudformation", "list_stacks")]:
        code, status, message = refused(getattr(gateway.client(service), call))
        assert (code, status) == ("InvalidSignatureException", 403)
        assert f"'{service}' is not served" in message
    odd = {"content-type": "application/x-www-form-urlencoded", "authorization": "x Credential=a/b/c/<&>/aws4_request"}
    assert gateway.raw("POST", "/", headers=odd)[2].count("&lt;&amp;&gt;") == 1


def test_callers_are_told_who_they_are(gateway, guarded):
    """GetCallerIdentity of STS, which no policy can forbid; other operations are none."""
    said = gateway.client("sts").get_caller_identity()
    assert said["ResponseMetadata"]["HTTPHeaders"]["x-amzn-requestid"] == said["ResponseMetadata"]["RequestId"]
    del said["ResponseMetadata"]
    assert said == {"Account": ACCOUNT, "Arn": f"arn:aws:iam::{ACCOUNT}:root", "UserId": ACCOUNT}
    for key, account, name in [(ALICE, ACCOUNT, "alice"), (BOB, OTHER_ACCOUNT, "bob"), (READER, ACCOUNT, "reader")]:
        said = guarded.client("sts", key=key, secret=f"{name}-secret").get_caller_identity()
        arn = f"arn:aws:iam::{account}:user/{name}"
        assert (said["Account"], said["Arn"], said["UserId"]) == (account, arn, key)
    wrong = guarded.client("sts", key=ALICE, secret="wrong")
    assert refused(wrong.get_caller_identity)[:2] == ("InvalidSignatureException", 403)
    code, status, message = refused(gateway.client("sts").get_session_token)
    assert (code, status) == ("InvalidAction", 400) and "GetSessionToken for version 2011-06-15" in message
    signed = {"authorization": f"AWS4-HMAC-SHA256 Credential=AKID/20260101/{REGION}/sts/aws4_request"}
    status, _, text = gateway.raw("GET", "/?Action=GetCallerIdentity&Version=2011-06-15", headers=signed)
    assert status == 200 and f"<Account>{ACCOUNT}</Account>" in text
    status, _, text = gateway.raw("POST", "/", headers=signed)
    assert status == 400 and "<Code>MissingAction</Code>" in text
    status, _, text = gateway.raw("POST", "/", b"Action=%3CX%3E&", headers=signed)
    assert status == 400 and "operation &lt;X&gt; for" in text


def test_a_listener_on_all_addresses_keeps_its_keys(tmp_path):
    """Without keys it does not start there, and a reload without keys does not open it."""
    port = free_port()
    gateway = Gateway(tmp_path, KEYS.split("[management.keys.AKIDEXAMPLEEXAMPLE01]")[0], port=port)
    gateway.stop()
    config = gateway.file.read_text()
    everywhere = config.replace(f"127.0.0.1:{port}", f"0.0.0.0:{port}")
    without = config.split("[management.keys")[0] + config[config.index("[apis.fixed"):]
    gateway.file.write_text(without.replace(f"127.0.0.1:{port}", f"0.0.0.0:{port}"))
    refused_start = subprocess.run([BINARY, "serve", str(gateway.file)], capture_output=True, text=True, timeout=30)
    assert refused_start.returncode == 1
    assert "management.address: 0.0.0.0" in refused_start.stderr and "management.keys" in refused_start.stderr
    gateway.file.write_text(everywhere)
    gateway.start()
    try:
        gateway.management = f"127.0.0.1:{port}"
        assert client(gateway, "apigateway", ALICE, "alice-secret").get_rest_apis()["items"] == []
        nobody = client(gateway, "apigateway", "AKIDEXAMPLENOBODY", "x")
        gateway.file.write_text(without)
        deadline = time.monotonic() + 10
        while not any("keys before stay" in line for line in gateway.said):
            assert time.monotonic() < deadline, gateway.said
            time.sleep(0.05)
        assert refused(nobody.get_rest_apis)[0] == "UnrecognizedClientException"
        assert client(gateway, "apigateway", ALICE, "alice-secret").get_rest_apis()["items"] == []
    finally:
        gateway.stop()


def test_pages_in_a_browser_are_kept_out(gateway):
    """Without keys, a page of another origin can neither change nor read anything."""
    query = f"X-Amz-Credential=AKID%2F20260101%2F{REGION}%2Fapigateway%2Faws4_request"
    page = {"origin": "https://evil.example", "content-type": "text/plain"}
    kind, message = answer(gateway, "POST", f"/restapis?{query}", b'{"name": "forged"}', page)[1:]
    assert kind == "AccessDeniedException" and "evil.example" in message
    assert answer(gateway, path=f"/restapis?{query}", headers={"host": "evil.example"})[1] == "AccessDeniedException"
    status, _, _ = gateway.raw("OPTIONS", "/restapis", headers={**page, "access-control-request-method": "POST"})
    assert status == 403
    assert answer(gateway, path=f"/restapis?{query}")[0] == 200


def test_younger_families_have_actions_of_their_own(guarded):
    """Portals and routing rules go by the name of the operation, not by the HTTP method."""
    v2 = client(guarded, "apigatewayv2", READER, "reader-secret")
    for call, arguments, action, path in [
        (v2.list_portals, {}, "ListPortals", "portals"),
        (v2.get_portal, {"PortalId": "p"}, "GetPortal", "portals/p"),
        (v2.list_routing_rules, {"DomainName": "a.example"}, "ListRoutingRules", "domainnames/a.example/routingrules"),
    ]:
        code, _, message = refused(call, **arguments)
        resource = f"arn:aws:apigateway:{REGION}:{ACCOUNT}:/{path}"
        assert code == "AccessDeniedException" and f"perform: apigateway:{action} on resource: {resource} " in message


def test_keys_and_policies_change_with_the_config(guarded):
    """A policy file and a new key hold as soon as they are written."""
    alice = client(guarded, "apigateway", ALICE, "alice-secret")
    writer = client(guarded, "apigateway", WRITER, "writer-secret")
    mine, other = (alice.create_rest_api(name=name)["id"] for name in "ab")

    def rename(api):
        changes = [{"op": "replace", "path": "/name", "value": "c"}]
        return lambda: writer.update_rest_api(restApiId=api, patchOperations=changes)

    assert refused(rename(mine))[0] == "AccessDeniedException"
    (guarded.file.parent / "writer.json").write_text(one_api(mine))
    deadline = time.monotonic() + 10
    while True:
        try:
            rename(mine)()
            break
        except botocore.exceptions.ClientError:
            assert time.monotonic() < deadline
            time.sleep(0.05)
    assert refused(rename(other))[0] == "AccessDeniedException"
    assert refused(writer.get_rest_apis)[0] == "AccessDeniedException"
    arn = f"arn:aws:apigateway:{REGION}::/restapis/{mine}"
    writer.tag_resource(resourceArn=arn, tags={"a": "b"})
    assert writer.get_tags(resourceArn=arn)["tags"] == {"a": "b"}


def test_policies_ask_for_tags(tmp_path):
    """`aws:ResourceTag`, which what lies below an API inherits, `aws:RequestTag` and `aws:TagKeys`."""
    only_team = {
        "Version": "2012-10-17",
        "Statement": [
            {"Effect": "Allow", "Action": "apigateway:*", "Resource": "*", "Condition": {"StringEquals": {"aws:ResourceTag/team": "pets"}}},
            {
                "Effect": "Allow",
                "Action": "apigateway:POST",
                "Resource": ["arn:aws:apigateway:*::/restapis", "arn:aws:apigateway:*::/apis"],
                "Condition": {
                    "StringEquals": {"aws:RequestTag/team": "pets"},
                    "ForAllValues:StringEquals": {"aws:TagKeys": ["team", "cost"]},
                },
            },
            {"Effect": "Deny", "Action": ["apigateway:PUT", "apigateway:DELETE"], "Resource": "arn:aws:apigateway:*::/tags/*",
             "Condition": {"ForAnyValue:StringEquals": {"aws:TagKeys": "team"}}},
        ],
    }
    keys = f"""
[management.keys.{ALICE}]
secret = "alice-secret"
name = "alice"
[management.keys.{READER}]
secret = "reader-secret"
name = "reader"
policy = '{json.dumps(only_team)}'
"""
    gateway = Gateway(tmp_path, keys)
    try:
        alice = client(gateway, "apigateway", ALICE, "alice-secret")
        v1, v2 = (client(gateway, service, READER, "reader-secret") for service in ("apigateway", "apigatewayv2"))
        other = alice.create_rest_api(name="other", tags={"team": "shop"})["id"]
        for tags in (None, {"team": "shop"}, {"team": "pets", "more": "a"}):
            given = {"tags": tags} if tags else {}
            assert refused(lambda: v1.create_rest_api(name="a", **given))[0] == "AccessDeniedException", tags
        made = v1.create_rest_api(name="a", tags={"team": "pets", "cost": "1"})
        place = {"restApiId": made["id"], "resourceId": made["rootResourceId"], "httpMethod": "GET"}
        v1.put_method(**place, authorizationType="NONE")
        assert v1.get_method(**place)["authorizationType"] == "NONE"
        for call in (v1.get_rest_api, v1.delete_rest_api, v1.get_resources):
            assert refused(call, restApiId=other)[0] == "AccessDeniedException"
        api = v2.create_api(Name="b", ProtocolType="HTTP", Tags={"team": "pets"})["ApiId"]
        assert v2.get_routes(ApiId=api)["Items"] == []
        # A stage has tags of its own.
        alice_v2 = client(gateway, "apigatewayv2", ALICE, "alice-secret")
        alice_v2.create_stage(ApiId=api, StageName="s", Tags={"team": "shop"})
        assert refused(v2.get_stage, ApiId=api, StageName="s")[0] == "AccessDeniedException"
        arn = f"arn:aws:apigateway:{REGION}::/restapis/{made['id']}"
        v1.tag_resource(resourceArn=arn, tags={"cost": "2"})
        assert refused(v1.tag_resource, resourceArn=arn, tags={"team": "pets"})[0] == "AccessDeniedException"
        assert refused(v1.untag_resource, resourceArn=arn, tagKeys=["cost", "team"])[0] == "AccessDeniedException"
        v1.untag_resource(resourceArn=arn, tagKeys=["cost"])
        assert v1.get_tags(resourceArn=arn)["tags"] == {"team": "pets"}
        strange = f"arn:aws:apigateway:{REGION}::/restapis/{other}"
        assert refused(v1.tag_resource, resourceArn=strange, tags={"cost": "2"})[0] == "AccessDeniedException"
    finally:
        gateway.stop()


def test_whoever_may_invoke_a_function_may_do_no_more(tmp_path):
    """Both ways to invoke are `lambda:InvokeFunction`, as on AWS."""
    policy = {"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "lambda:InvokeFunction", "Resource": "*"}}
    keys = f"""
[management.keys.{READER}]
secret = "reader-secret"
name = "reader"
policy = '{json.dumps(policy)}'
"""
    gateway = Gateway(tmp_path, keys)
    try:
        functions = client(gateway, "lambda", READER, "reader-secret")
        assert refused(functions.get_function, FunctionName="none")[0] == "AccessDeniedException"
        assert refused(functions.invoke, FunctionName="none")[0] == "ResourceNotFoundException"
        streamed = functions.invoke_with_response_stream
        assert refused(streamed, FunctionName="none")[0] == "ResourceNotFoundException"
    finally:
        gateway.stop()
