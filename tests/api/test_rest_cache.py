"""The cache of a stage in the calls of REST APIs: what is kept, for whom, for how long, and who asks."""

import concurrent.futures
import http.client
import json
import threading
import time
import urllib.request

import pytest
from conftest import REGION, Gateway, free_port
from rest import Api


@pytest.fixture
def make(gateway, v1, backend):
    """Makes APIs and takes them away again; the upstream says 200 again."""
    made = []

    def api(**more):
        made.append(Api(gateway, v1, **more))
        return made[-1]

    backend.answers()
    yield api
    for one in made:
        one.delete()


def cached_api(make, v1, backend, kind="HTTP_PROXY", **settings):
    """An API whose stage keeps the answers of GET /a by the query `q`."""
    api = make()
    declared = {"method.request.querystring.q": False}
    responses = {"200": {}} if kind == "HTTP" else None
    keys = {"cacheKeyParameters": ["method.request.querystring.q"]}
    for verb in ["GET", "POST"]:
        api.method("/a", verb, responses, {"requestParameters": declared}, type=kind, uri=backend.url + "/a", **keys)
    api.deploy(cacheClusterEnabled=True, cacheClusterSize="0.5")
    wanted = {"caching/enabled": "true", "caching/ttlInSeconds": "300", **settings}
    patches = [{"op": "replace", "path": f"/*/*/{name}", "value": value} for name, value in wanted.items()]
    v1.update_stage(restApiId=api.id, stageName="prod", patchOperations=patches)
    return api


@pytest.mark.parametrize("kind", ["HTTP", "HTTP_PROXY"])
def test_answers_are_kept_by_their_keys(make, v1, backend, kind):
    """One call for each value of the key parameters; only GET unless a method says more; flushed at once."""
    api = cached_api(make, v1, backend, kind)
    start = backend.count()
    for query, calls in [("?q=1", 1), ("?q=1&other=2", 1), ("?q=2", 2), ("?q=1", 2)]:
        assert api.call("GET", "/a" + query)[0] == 200
        assert backend.count() - start == calls, query
    api.call("POST", "/a?q=1")
    api.call("POST", "/a?q=1")
    assert backend.count() - start == 4
    v1.flush_stage_cache(restApiId=api.id, stageName="prod")
    api.call("GET", "/a?q=1")
    assert backend.count() - start == 5
    backend.answers(500, b"failed")
    for _ in range(2):
        api.call("GET", "/a?q=9")
    assert backend.count() - start == (6 if kind == "HTTP" else 7)


def test_kept_answers_end_with_their_time(make, v1, backend):
    """The time to live of the method's settings."""
    api = cached_api(make, v1, backend, **{"caching/ttlInSeconds": "1"})
    start = backend.count()
    api.call("GET", "/a")
    api.call("GET", "/a")
    assert backend.count() - start == 1
    time.sleep(1.1)
    api.call("GET", "/a")
    assert backend.count() - start == 2


def test_who_wants_a_fresh_answer_gets_it_if_allowed(make, v1, backend):
    """`Cache-Control: max-age=0` under each strategy."""
    fresh = {"Cache-Control": "max-age=0"}
    name = "caching/requireAuthorizationForCacheControl"
    api = cached_api(make, v1, backend, **{name: "false"})
    start = backend.count()
    for headers in [{}, fresh, {}]:
        assert api.call("GET", "/a", headers=headers)[0] == 200
    assert backend.count() - start == 2
    for strategy, status, warned in [
        ("FAIL_WITH_403", 403, False),
        ("SUCCEED_WITH_RESPONSE_HEADER", 200, True),
        ("SUCCEED_WITHOUT_RESPONSE_HEADER", 200, False),
    ]:
        more = {name: "true", "caching/unauthorizedCacheControlHeaderStrategy": strategy}
        api = cached_api(make, v1, backend, **more)
        api.call("GET", "/a")
        start = backend.count()
        got, headers, _ = api.call("GET", "/a", headers=fresh)
        assert (got, "warning" in headers, backend.count() - start) == (status, warned, 0), strategy


def test_concurrent_misses_make_one_call(make, v1, backend):
    """Those who come while somebody asks wait for the answer."""
    api = cached_api(make, v1, backend)
    start = backend.count()
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        statuses = list(pool.map(lambda _: api.call("GET", "/a?q=many")[0], range(16)))
    assert statuses == [200] * 16
    assert backend.count() - start == 1


@pytest.fixture(scope="module", params=["auto", "epoll"])
def cores(request, tmp_path_factory):
    """A gateway with three cores that may serve stale answers."""
    folder = tmp_path_factory.mktemp("cores")
    gateway = Gateway(folder, more="stale_while_revalidate = true", workers=3, driver=request.param)
    yield gateway
    gateway.stop()


@pytest.fixture
def shared(cores, backend):
    """An API of that gateway, by the settings of its cache."""
    made = []
    v1 = cores.client("apigateway")

    def api(**settings):
        made.append(cached_api(lambda: Api(cores, v1), v1, backend, **settings))
        return made[-1]

    backend.answers()
    yield api
    backend.gate.set()
    for one in made:
        one.delete()


def at_once(api, path, count=30, headers=None):
    """Statuses and bodies of as many calls, each on a connection of its own, all under way together."""
    start = threading.Barrier(count)

    def call(_):
        connection = http.client.HTTPConnection(api.gateway.main, timeout=20)
        connection.connect()
        start.wait()
        host = f"{api.id}.execute-api.{REGION}.amazonaws.com"
        connection.request("GET", f"/prod{path}", headers={"host": host, **(headers or {})})
        answer = connection.getresponse()
        body = answer.read()
        connection.close()
        return answer.status, body

    with concurrent.futures.ThreadPoolExecutor(count) as pool:
        return list(pool.map(call, range(count)))


def test_one_call_serves_all_cores(shared, backend):
    """Whoever comes while another core asks waits for its answer, and all cores have it afterwards."""
    api = shared()
    for number in range(5):
        start = backend.count()
        backend.answers(200, b"answer %d" % number)
        given = at_once(api, f"/a?q={number}")
        assert given == [(200, b"answer %d" % number)] * 30
        assert backend.count() - start == 1
    backend.answers(200, b"other")
    assert at_once(api, "/a?q=3") == [(200, b"answer 3")] * 30
    assert backend.count() - start == 1


def test_a_flush_and_a_forgotten_entry_count_on_all_cores(shared, backend):
    """No core serves what another one was told to forget."""
    api = shared(**{"caching/requireAuthorizationForCacheControl": "false"})
    backend.answers(200, b"first")
    assert at_once(api, "/a") == [(200, b"first")] * 30
    backend.answers(200, b"second")
    assert api.call("GET", "/a", headers={"Cache-Control": "max-age=0"})[2] == "second"
    assert at_once(api, "/a") == [(200, b"second")] * 30
    backend.answers(200, b"third")
    api.v1.flush_stage_cache(restApiId=api.id, stageName="prod")
    start = backend.count()
    assert at_once(api, "/a") == [(200, b"third")] * 30
    assert backend.count() - start == 1


def test_who_waits_for_an_answer_that_is_not_kept_asks_at_once(shared, backend):
    """Errors are for the one who asked: the others ask together, not one after the other."""
    api = shared()
    backend.answers(503, b"failed")
    backend.gate.clear()
    start = backend.count()
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        given = pool.submit(at_once, api, "/a?q=error")
        wait_until(lambda: backend.count() > start)
        time.sleep(0.3)
        assert backend.count() - start == 1, "the others wait"
        backend.gate.set()
        assert given.result() == [(503, b"failed")] * 30
    assert backend.count() - start == 30
    # A backend that goes away without an answer holds up nobody either.
    backend.answers(None)
    assert {status for status, _ in at_once(api, "/a?q=gone")} == {504}
    backend.answers(200, b"back")
    assert api.call("GET", "/a?q=gone")[2] == "back"


def wait_until(true):
    """Waits, not for ever."""
    end = time.monotonic() + 10
    while not true():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_a_stale_answer_is_served_while_one_call_renews_it(shared, backend):
    """As the answer itself says; the new one is served once it is there."""
    api = shared(**{"caching/ttlInSeconds": "1"})
    stale = (("cache-control", "stale-while-revalidate=60"),)
    backend.answers(200, b"old", stale)
    assert at_once(api, "/a") == [(200, b"old")] * 30
    time.sleep(1.1)
    backend.answers(200, b"new", stale)
    backend.gate.clear()
    start = backend.count()
    assert at_once(api, "/a") == [(200, b"old")] * 30
    wait_until(lambda: backend.count() > start)
    assert at_once(api, "/a") == [(200, b"old")] * 30
    assert backend.count() - start == 1
    backend.gate.set()
    wait_until(lambda: api.call("GET", "/a")[2] == "new")
    assert backend.count() - start == 1
    # A renewal that fails leaves the stale answer in its place and is tried again.
    time.sleep(1.1)
    backend.answers(500, b"failed")
    assert [api.call("GET", "/a")[2] for _ in range(5)] == ["new"] * 5
    wait_until(lambda: backend.count() - start == 2)
    backend.answers(200, b"newest", stale)
    wait_until(lambda: api.call("GET", "/a")[2] == "newest")
    assert backend.count() - start == 3
    # Answers that do not say so are not served over their time.
    backend.answers(200, b"plain")
    assert api.call("GET", "/a?q=plain")[2] == "plain"
    time.sleep(1.1)
    backend.answers(200, b"fresh")
    assert api.call("GET", "/a?q=plain")[2] == "fresh"


def test_nothing_is_stale_where_the_config_does_not_say_so(make, v1, backend):
    """As on AWS."""
    api = cached_api(make, v1, backend, **{"caching/ttlInSeconds": "1"})
    backend.answers(200, b"old", (("cache-control", "stale-while-revalidate=60"),))
    assert api.call("GET", "/a")[2] == "old"
    backend.answers(200, b"new")
    time.sleep(1.1)
    assert api.call("GET", "/a")[2] == "new"


def test_hits_and_misses_are_counted_by_stage(tmp_path, backend):
    """For Prometheus, with the route; what is not cached is not looked for."""
    gateway = Gateway(tmp_path, admin=f"127.0.0.1:{free_port()}")
    try:
        v1 = gateway.client("apigateway")
        backend.answers()
        api = cached_api(lambda: Api(gateway, v1), v1, backend)
        for query in ["?q=1", "?q=1", "?q=2", "?q=1"]:
            assert api.call("GET", "/a" + query)[0] == 200
        assert api.call("POST", "/a")[0] == 200
        # Who waits for the call of another is a hit.
        start = backend.count()
        assert {status for status, _ in at_once(api, "/a?q=3", 10)} == {200}
        assert backend.count() - start == 1
        # Without a cache there is nothing to look into.
        v1.update_stage(
            restApiId=api.id,
            stageName="prod",
            patchOperations=[{"op": "replace", "path": "/cacheClusterEnabled", "value": "false"}],
        )
        assert api.call("GET", "/a?q=1")[0] == 200
        with urllib.request.urlopen(f"http://{gateway.admin}/metrics", timeout=10) as answer:
            text = answer.read().decode()
        labels = f'api="{api.id}",stage="prod",route="GET /a"'
        found = [line for line in text.splitlines() if line.startswith("daemun_cache_lookups_total")]
        assert found == [
            f'daemun_cache_lookups_total{{{labels},result="hit"}} 11',
            f'daemun_cache_lookups_total{{{labels},result="miss"}} 3',
        ]
        # Hits ask nobody: three misses, and the call without a cache.
        assert f"daemun_integration_duration_seconds_count{{{labels}}} 4" in text.splitlines()
        with urllib.request.urlopen(f"http://{gateway.admin}/stats", timeout=10) as answer:
            routes = json.load(answer)["routes"]
        [route] = [one for one in routes if one["api"] == api.id and one["route"] == "GET /a"]
        assert route["cache"] == {"hits": 11, "misses": 3}
        assert route["integration"]["requests"] == 4 and 0 < route["integration"]["average_us"] < 5_000_000
    finally:
        gateway.stop()
