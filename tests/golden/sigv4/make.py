"""Writes vectors.json: requests signed by botocore, the oracle of `src/aws/sigv4`.

    pip install botocore && python3 tests/golden/sigv4/make.py > tests/golden/sigv4/vectors.json
"""

import datetime
import json
import sys

from botocore import auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

MOMENT = datetime.datetime(2015, 8, 30, 12, 36, 0)
auth.get_current_datetime = lambda *_, **__: MOMENT

KEY = ("AKIDEXAMPLEEXAMPLE01", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY")
TOKEN = "AQoDYXdzEPT//////////wEXAMPLEtc764b+NrCDSwoWh=="

PATHS = [
    "", "/", "//", "/a", "/a/", "/a//b", "///a///", "/./a/./b/.", "/../a/../b/..", "/a/b/../../c/",
    "/a%2Fb", "/a%2fb", "/a%20b", "/a b".replace(" ", "%20"), "/%E1%88%B4", "/ሴ/é", "/%25", "/%252F", "/%2e%2e/x",
    "/restapis/a1/resources/b2/methods/GET", "/tags/arn%3Aaws%3Aapigateway%3Aus-east-1%3A%3A%2Frestapis%2Fabc",
    "/-._~!$&'()*+,;=:@", "/A%C3%A9/%F0%9F%98%80", "/a;b=c/d,e", "/%7Bproxy%2B%7D", "/{id}", "/a|b", '/"q"', "/^`<>",
]
QUERIES = [
    "a=1", "b=2&a=1", "a=2&a=1", "a=1&a=1", "a", "a=", "=a", "a&a=&a=0", "A=1&a=1&B=1", "a=%20", "a=%2B", "a=%2F%3F%26",
    "a=b=c".replace("b=c", "b%3Dc"), "%C3%A9=%E1%88%B4", "a-b=1&a.b=1&a_b=1&a~b=1&ab=1", "limit=500&position=abc%3D%3D",
    "x=%25", "x=%00%7F", "aa=1&a=2", "a=10&a=9&a=-1", "a%5B%5D=1&a%5B0%5D=2", "mode=overwrite&failonwarnings=true",
]
HEADERS = [
    [("My-Header", "value")], [("my-header", "  a   b  ")], [("My-Header", "\ta\t\tb")], [("My-Header", "")],
    [("My-Header", "b"), ("my-header", "a")], [("Z", "1"), ("A", "2"), ("M-n", "3"), ("m", "4")],
    [("My-Header", '"a   b"')], [("My-Header", "é, ሴ")], [("Content-Type", "application/json; charset=utf-8")],
    [("User-Agent", "x/1"), ("Expect", "100-continue"), ("Connection", "keep-alive"), ("X-Amzn-Trace-Id", "Root=1")],
    [("X-Amz-Target", "Service.Op"), ("Accept", "application/json"), ("TE", "trailers"), ("Baggage", "a=b")],
    [("My-Header", "a,b"), ("My-Header", "c , d")], [("X-Apigw-Api-Id", "a1b2c3d4e5")], [("Date", "ignored")],
]
BODIES = ["", "{}", '{"name":"pets","description":"é ሴ 😀"}', "Action=GetCallerIdentity&Version=2011-06-15", "\n", "x" * 300]
HOSTS = ["http://example.amazonaws.com", "http://127.0.0.1:8081", "https://a1b2c3.execute-api.eu-west-1.amazonaws.com:443"]


def cases():
    for index, path in enumerate(PATHS):
        yield dict(path=path)
        yield dict(path=path, kind=auth.SigV4QueryAuth, expires=3600)
        yield dict(path=path, query=QUERIES[index % len(QUERIES)], service="apigateway", region="eu-west-1")
    for query in QUERIES:
        yield dict(query=query)
        yield dict(query=query, kind=auth.SigV4QueryAuth, expires=60)
    for headers in HEADERS:
        yield dict(headers=headers)
        yield dict(headers=headers, token=TOKEN, service="lambda")
    for index, body in enumerate(BODIES):
        for method in ("POST", "PUT", "PATCH", "DELETE"):
            yield dict(method=method, body=body, host=HOSTS[index % len(HOSTS)])
        yield dict(method="POST", body=body, host=HOSTS[2], unsigned=True)
        yield dict(method="POST", body=body, token=TOKEN, service="sts", region="us-east-1")
    for host in HOSTS:
        yield dict(host=host, token=TOKEN)
        yield dict(host=host, kind=auth.SigV4QueryAuth, expires=604800, token=TOKEN)
    for path in ("/", "/key", "/a%20b/%C3%A9", "/a//b/../c", "/%2F"):
        yield dict(path=path, service="s3", kind=auth.S3SigV4Auth)
        yield dict(path=path, service="s3", kind=auth.S3SigV4QueryAuth, expires=900)


def sign(number, method="GET", path="/", query="", headers=(), body="", host=HOSTS[0], service="execute-api",
         region="us-east-1", token=None, kind=auth.SigV4Auth, expires=None, unsigned=False):
    url = host + path + ("?" + query if query else "")
    request = AWSRequest(method=method, url=url, data=body.encode())
    for name, value in headers:
        request.headers.add_header(name, value)
    if unsigned:
        request.context["payload_signing_enabled"] = False
    given = [list(header) for header in headers if header[0] != "Date"]
    arguments = (Credentials(*KEY, token), service, region)
    signer = kind(*arguments, expires=expires) if expires else kind(*arguments)
    seen = {}
    plain = signer.string_to_sign

    def spy(request, canonical_request):
        seen["canonical_request"] = canonical_request
        seen["string_to_sign"] = plain(request, canonical_request)
        return seen["string_to_sign"]

    signer.string_to_sign = spy
    signer.add_auth(request)
    signed_url = request.url
    signed_query = signed_url.partition("?")[2]
    if expires:
        # botocore drops some parameters before it signs: what counts is what it left.
        query = "&".join(pair for pair in signed_query.split("&") if not pair.startswith("X-Amz-"))
    # What goes on the wire: botocore leaves the host header to its HTTP client.
    wire = [[name, value] for name, value in request.headers.items()]
    wire.append(["Host", auth._host_from_url(url)])
    return dict(
        name=f"{number} {kind.__name__} {method} {url} {headers or ''}", method=method, path=path, query=query,
        given=given, host=auth._host_from_url(url), body=body, service=service, region=region, token=token,
        expires=expires, unsigned=unsigned, dated=any(header[0] == "Date" for header in headers),
        wire_query=signed_query, wire_headers=wire, **seen)


if __name__ == "__main__":
    vectors = [sign(number, **case) for number, case in enumerate(cases())]
    document = dict(access_key_id=KEY[0], secret=KEY[1], epoch_seconds=1440938160, vectors=vectors)
    json.dump(document, sys.stdout, indent=1, ensure_ascii=False)
    print()
