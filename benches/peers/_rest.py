"""Makes the REST API that a bench calls, over the management API of a gateway that has just started.

Its one method answers GET on / at the domain names localhost and 127.0.0.1, which is what load
generators on this machine say.
"""

import http.client
import json
import sys
import time

SIGNED = {
    "Authorization": "AWS4-HMAC-SHA256 Credential=AKID/20260101/eu-west-1/apigateway/aws4_request, "
    "SignedHeaders=host, Signature=0"
}

ASKED = """#set($name = $input.params('name'))
#set($agent = $input.params('User-Agent'))
{
  "method": "$context.httpMethod",
  "resource": "$context.resourcePath",
  "stage": "$context.stage",
  "source": "$context.identity.sourceIp",
#if($name != '')
  "name": "$util.escapeJavaScript($name)",
#end
  "agent": "$util.escapeJavaScript($agent)",
  "request": "$context.requestId"
}
"""

ANSWERED = """#set($text = $input.path('$'))
{
  "text": $input.json('$'),
  "length": $text.length(),
  "parts": [
#foreach($part in $text.split('m'))
    "$part"#if($foreach.hasNext),#end

#end
  ],
  "request": "$context.requestId"
}
"""


def ask(port, method, path, **body):
    """What the management API says to one call."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    connection.request(method, path, json.dumps(body) if body else None, SIGNED)
    answer = connection.getresponse()
    text = answer.read()
    if answer.status >= 300:
        raise SystemExit(f"{method} {path}: {answer.status} {text.decode()}")
    return json.loads(text) if text else {}


def integration(kind, upstream):
    """The integration of a kind of API, and its integration response, if it has one."""
    uri = f"http://127.0.0.1:{upstream}/"
    if kind == "mock":
        told = {"type": "MOCK", "requestTemplates": {"application/json": '{"statusCode": 200}'}}
        return told, {"responseTemplates": {"application/json": '{"message": "nobody was asked"}'}}
    if kind == "template":
        told = {"type": "HTTP", "httpMethod": "POST", "uri": uri, "requestTemplates": {"application/json": ASKED}}
        return told, {"responseTemplates": {"application/json": ANSWERED}}
    return {"type": "HTTP_PROXY", "httpMethod": "GET", "uri": uri}, None


def make(port, kind, upstream):
    """An API with a method of this kind, deployed and mapped."""
    made = ask(port, "POST", "/restapis", name="bench")
    api = made["id"]
    method = f"/restapis/{api}/resources/{made['rootResourceId']}/methods/GET"
    ask(port, "PUT", method, authorizationType="NONE")
    told, answered = integration(kind, upstream)
    ask(port, "PUT", f"{method}/integration", **told)
    if answered is not None:
        ask(port, "PUT", f"{method}/responses/200", responseModels={})
        ask(port, "PUT", f"{method}/integration/responses/200", **answered)
    cluster = {"cacheClusterEnabled": True, "cacheClusterSize": "0.5"} if kind == "cached" else {}
    ask(port, "POST", f"/restapis/{api}/deployments", stageName="prod", **cluster)
    if kind == "cached":
        # A setting of methods brings AWS's usual limits with it, which the load would reach.
        switched = [
            ("/*/*/caching/enabled", "true"),
            ("/*/*/caching/ttlInSeconds", "3600"),
            ("/*/*/throttling/rateLimit", "1000000"),
            ("/*/*/throttling/burstLimit", "1000000"),
        ]
        patches = [{"op": "replace", "path": path, "value": value} for path, value in switched]
        ask(port, "PATCH", f"/restapis/{api}/stages/prod", patchOperations=patches)
    for name in ("localhost", "127.0.0.1"):
        ask(port, "POST", "/domainnames", domainName=name, endpointConfiguration={"types": ["REGIONAL"]})
        ask(port, "POST", f"/domainnames/{name}/basepathmappings", restApiId=api, stage="prod")


def main():
    """PORT KIND UPSTREAM_PORT; waits for the management API first."""
    port, kind, upstream = int(sys.argv[1]), sys.argv[2], int(sys.argv[3])
    for _ in range(200):
        try:
            ask(port, "GET", "/restapis")
            break
        except OSError:
            time.sleep(0.05)
    make(port, kind, upstream)


if __name__ == "__main__":
    main()
