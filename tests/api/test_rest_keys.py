"""API keys and usage plans at the calls of REST APIs: who gets in, how fast, how often."""

import datetime
import time

import pytest
from rest import Api

FORBIDDEN = (403, '{"message":"Forbidden"}')
THROTTLED = (429, '{"message":"Too Many Requests"}')
EXCEEDED = (429, '{"message":"Limit Exceeded"}')


@pytest.fixture
def api(gateway, v1):
    """An API with a method that needs a key and one that does not."""
    made = Api(gateway, v1)
    made.mock("/closed", body="in", method={"apiKeyRequired": True})
    made.mock("/open", body="in")
    made.deploy()
    yield made
    made.delete()


class Plan:
    """A usage plan with keys for the stage `prod` of an API."""

    def __init__(self, v1, api, **more):
        self.v1 = v1
        stage = {"apiId": api.id, "stage": "prod", **more.pop("stage", {})}
        self.id = v1.create_usage_plan(name="plan", apiStages=[stage], **more)["id"]

    def key(self, enabled=True):
        """A fresh key of the plan: its id and value."""
        made = self.v1.create_api_key(name="caller", enabled=enabled)
        self.v1.create_usage_plan_key(usagePlanId=self.id, keyId=made["id"], keyType="API_KEY")
        return made["id"], made["value"]


def ask(api, key=None, path="/closed"):
    """Status and text of a call with a key."""
    return api.call("GET", path, headers={"x-api-key": key} if key else {})[::2]


def used(v1, plan, key, expected):
    """Waits until GetUsage tells this of a key: what the cores count is kept once a second."""
    today = datetime.datetime.now(datetime.timezone.utc).date().isoformat()
    until = time.time() + 10
    while time.time() < until:
        usage = v1.get_usage(usagePlanId=plan.id, startDate=today, endDate=today)
        if usage["items"].get(key) == [expected]:
            return
        time.sleep(0.1)
    raise AssertionError(usage)


def test_only_a_key_of_a_plan_of_this_stage_gets_in(api, v1):
    """No key, an unknown one, one of no plan, a disabled one: 403; changes act at once."""
    assert ask(api) == FORBIDDEN
    assert ask(api, "unknown-unknown-unknown") == FORBIDDEN
    assert api.call("GET", "/closed")[1]["x-amzn-errortype"] == "ForbiddenException"
    assert ask(api, path="/open") == (200, "in")
    plan = Plan(v1, api)
    lonely = v1.create_api_key(name="lonely", enabled=True)["value"]
    assert ask(api, lonely) == FORBIDDEN
    key, value = plan.key()
    assert ask(api, value) == (200, "in")
    enabled = [{"op": "replace", "path": "/enabled", "value": "false"}]
    v1.update_api_key(apiKey=key, patchOperations=enabled)
    assert ask(api, value) == FORBIDDEN
    v1.update_api_key(apiKey=key, patchOperations=[{**enabled[0], "value": "true"}])
    assert ask(api, value) == (200, "in")
    v1.update_usage_plan(
        usagePlanId=plan.id, patchOperations=[{"op": "remove", "path": "/apiStages", "value": f"{api.id}:prod"}]
    )
    assert ask(api, value) == FORBIDDEN


def test_a_plan_is_a_throttle_for_each_of_its_keys(api, v1):
    """The burst is exact, and each key has its own."""
    plan = Plan(v1, api, throttle={"rateLimit": 0.001, "burstLimit": 2})
    (_, one), (_, two) = plan.key(), plan.key()
    assert [ask(api, one)[0] for _ in range(3)] == [200, 200, 429]
    assert ask(api, one) == THROTTLED
    assert ask(api, two)[0] == 200
    assert ask(api, path="/open")[0] == 200


def test_a_plan_may_throttle_single_methods(api, v1):
    """A throttle of a method of a stage counts before that of the plan."""
    limits = {"/closed/GET": {"rateLimit": 0.001, "burstLimit": 1}}
    plan = Plan(v1, api, stage={"throttle": limits}, throttle={"rateLimit": 100, "burstLimit": 100})
    _, value = plan.key()
    assert [ask(api, value)[0] for _ in range(2)] == [200, 429]


def test_a_quota_ends_and_can_be_raised_at_once(api, v1):
    """429 with AWS's words; what is granted or raised counts without a deployment."""
    plan = Plan(v1, api, quota={"limit": 2, "period": "MONTH"})
    key, value = plan.key()
    assert [ask(api, value)[0] for _ in range(2)] == [200, 200]
    assert ask(api, value) == EXCEEDED
    used(v1, plan, key, [2, 0])
    v1.update_usage(
        usagePlanId=plan.id, keyId=key, patchOperations=[{"op": "replace", "path": "/remaining", "value": "1"}]
    )
    raised = [{"op": "replace", "path": "/quota/limit", "value": "4"}]
    v1.update_usage_plan(usagePlanId=plan.id, patchOperations=raised)
    assert [ask(api, value)[0] for _ in range(4)] == [200, 200, 200, 429]


def test_what_keys_use_is_told(api, v1):
    """GetUsage shows the requests of a key by day; those without a key are nobody's."""
    plan = Plan(v1, api, quota={"limit": 10, "period": "DAY"})
    key, value = plan.key()
    for _ in range(3):
        assert ask(api, value)[0] == 200
        ask(api, path="/open")
    used(v1, plan, key, [3, 7])


def test_settings_of_methods_throttle_the_stage(api, v1):
    """`*/*` and single methods, without a deployment."""
    def limit(path, burst):
        v1.update_stage(
            restApiId=api.id,
            stageName="prod",
            patchOperations=[
                {"op": "replace", "path": f"{path}/throttling/rateLimit", "value": "0.001"},
                {"op": "replace", "path": f"{path}/throttling/burstLimit", "value": str(burst)},
            ],
        )

    limit("/~1open/GET", 1)
    assert [ask(api, path="/open")[0] for _ in range(2)] == [200, 429]
    status, headers, text = api.call("GET", "/open")
    assert (status, text) == THROTTLED
    assert headers["x-amzn-errortype"] == "TooManyRequestsException"


def test_a_key_that_an_authorizer_has_to_say_is_none_of_the_client_s(api, v1):
    """Without one the method is closed, whatever key is sent; others are open."""
    api.mock("/authorized", body="in", method={"apiKeyRequired": True})
    api.mock("/anybody", body="in")
    v1.update_rest_api(
        restApiId=api.id, patchOperations=[{"op": "replace", "path": "/apiKeySource", "value": "AUTHORIZER"}]
    )
    template = {"application/json": "$context.error.responseType"}
    api.deploy()
    plan = v1.create_usage_plan(name="p", apiStages=[{"apiId": api.id, "stage": "prod"}])
    key = v1.create_api_key(name="k", enabled=True)
    v1.create_usage_plan_key(usagePlanId=plan["id"], keyId=key["id"], keyType="API_KEY")
    for headers in [{}, {"x-api-key": key["value"]}]:
        status, given, text = api.call("GET", "/authorized", headers=headers)
        assert (status, text) == (403, '{"message":"Forbidden"}')
        assert given["x-amzn-errortype"] == "ForbiddenException"
        assert api.call("GET", "/anybody", headers=headers)[::2] == (200, "in")
    v1.put_gateway_response(restApiId=api.id, responseType="INVALID_API_KEY", statusCode="401", responseTemplates=template)
    api.deploy()
    assert api.call("GET", "/authorized")[::2] == (401, "INVALID_API_KEY")
