//! Which route serves a request, and what becomes of its path.

use crate::kit::{Client, Driver, Gateway, Message, Upstream, api, mock, route, table};

on_both_drivers! {
    the_most_specific_route_serves,
    nobody_serves_what_no_route_takes,
    parameters_go_into_the_url,
    the_query_is_kept_and_appended_to,
    the_default_route_takes_the_rest,
    the_longest_base_path_decides,
    hosts_lead_to_their_apis,
    stages_have_names_and_variables,
    percent_encodings_pass_unchanged,
}

fn the_most_specific_route_serves(driver: Driver) {
    let config = [
        mock("GET /pets", "GET pets"),
        mock("ANY /pets", "ANY pets"),
        mock("GET /pets/{id}", "GET one"),
        mock("GET /pets/mine", "GET mine"),
        mock("ANY /pets/{proxy+}", "ANY below pets"),
        mock("GET /pets/{id}/toys", "GET toys"),
        mock("GET /{proxy+}", "GET anything"),
        mock("$default", "default"),
    ];
    let gateway = Gateway::start(driver, config.concat());
    let mut client = gateway.connect();
    for (request, expected) in [
        ("GET /pets", "GET pets"),
        ("POST /pets", "ANY pets"),
        ("GET /pets/mine", "GET mine"),
        ("GET /pets/7", "GET one"),
        ("PUT /pets/7", "ANY below pets"),
        ("PUT /pets/mine", "ANY below pets"),
        ("GET /pets/7/toys", "GET toys"),
        ("GET /pets/mine/toys", "GET toys"),
        ("GET /pets/7/toys/ball", "ANY below pets"),
        ("GET /cats", "GET anything"),
        ("POST /cats", "default"),
        ("GET /", "default"),
        ("GET /Pets", "GET anything"),
        ("PURGE /cats", "default"),
    ] {
        let response = client.request(format!("{request} HTTP/1.1\r\nHost: a\r\n\r\n"));
        assert_eq!(response.text(), expected, "{request}");
    }
}

fn nobody_serves_what_no_route_takes(driver: Driver) {
    let gateway = Gateway::start(driver, mock("GET /pets/{id}", "one"));
    let mut client = gateway.connect();
    for request in [
        "GET /",
        "GET /pets",
        "POST /pets/1",
        "GET /pets/1/toys",
        "GET /cats",
    ] {
        let response = client.request(format!("{request} HTTP/1.1\r\nHost: a\r\n\r\n"));
        assert_eq!(response.status(), 404, "{request}");
        assert_eq!(response.text(), r#"{"message":"Not Found"}"#);
        assert_eq!(response.header("content-type"), Some("application/json"));
    }
    assert_eq!(
        client.get("/pets/1").text(),
        "one",
        "the connection goes on"
    );
}

fn parameters_go_into_the_url(driver: Driver) {
    let upstream = Upstream::telling_targets();
    let at = |rest: &str| format!("http://{}{rest}", upstream.address);
    let config = [
        route("GET /pets/{id}", &at("/animals/{id}")),
        route("GET /a/{x}/b/{y}", &at("/{y}/{x}/{y}?x={x}")),
        route("GET /files/{proxy+}", &at("/store/{proxy}")),
        route("GET /trees/{rest+}", &at("/forest/{rest}/end")),
        route("GET /fixed", &at("/else/where")),
        route("GET /root", &at("")),
    ];
    let gateway = Gateway::start(driver, config.concat());
    let mut client = gateway.connect();
    for (target, expected) in [
        ("/pets/7", "/animals/7"),
        ("/a/1/b/2", "/2/1/2?x=1"),
        ("/files/x", "/store/x"),
        ("/files/x/y/z", "/store/x/y/z"),
        ("/trees/oak/ash", "/forest/oak/ash/end"),
        ("/fixed", "/else/where"),
    ] {
        assert_eq!(client.get(target).text(), expected, "{target}");
    }
    assert!(client.get("/root").text().starts_with('/'));
}

fn the_query_is_kept_and_appended_to(driver: Driver) {
    let upstream = Upstream::telling_targets();
    let at = |rest: &str| format!("http://{}{rest}", upstream.address);
    let config = route("GET /x", &at("/y")) + &route("GET /own", &at("/y?a=b"));
    let gateway = Gateway::start(driver, config);
    let mut client = gateway.connect();
    for (target, expected) in [
        ("/x?", "/y?"),
        ("/x?a=1&a=2&b", "/y?a=1&a=2&b"),
        ("/x?a=%2F/?", "/y?a=%2F/?"),
        ("/own", "/y?a=b"),
        ("/own?c=d", "/y?a=b&c=d"),
    ] {
        assert_eq!(client.get(target).text(), expected, "{target}");
    }
}

fn the_default_route_takes_the_rest(driver: Driver) {
    let upstream = Upstream::telling_targets();
    let config = route(
        "$default",
        &format!("http://{}/{{proxy}}", upstream.address),
    ) + &mock("GET /x", "mock");
    let gateway = Gateway::start(driver, config);
    let mut client = gateway.connect();
    assert_eq!(client.get("/x").text(), "mock");
    for target in ["/", "/y", "/x/y?z"] {
        assert_eq!(client.get(target).text(), target);
    }
}

/// A route that says its name, and the base path or hosts of its API.
fn named(name: &str, setting: &str) -> String {
    let text = format!("type = \"mock\", body = {name:?}");
    table(&format!("apis.{name}"), setting) + &api(name, "$default", &text)
}

fn the_longest_base_path_decides(driver: Driver) {
    let config = [
        named("root", ""),
        named("one", "base_path = \"/one\""),
        named("two", "base_path = \"/one/two\""),
    ];
    let gateway = Gateway::start(driver, config.concat());
    let mut client = gateway.connect();
    for (target, expected) in [
        ("/", "root"),
        ("/x", "root"),
        ("/one", "one"),
        ("/one/x", "one"),
        ("/onex", "root"),
        ("/one/two", "two"),
        ("/one/two/x", "two"),
        ("/one/twox", "one"),
    ] {
        assert_eq!(client.get(target).text(), expected, "{target}");
    }
}

fn ask(client: &mut Client, host: &str, target: &str) -> Message {
    client.request(format!("GET {target} HTTP/1.1\r\nHost: {host}\r\n\r\n"))
}

fn hosts_lead_to_their_apis(driver: Driver) {
    let config = [
        named("exact", "hosts = [\"pets.example.com\"]"),
        named("wild", "hosts = [\"*.example.com\"]"),
        named(
            "based",
            "hosts = [\"pets.example.com\"]\nbase_path = \"/v2\"",
        ),
    ];
    let gateway = Gateway::start(driver, config.concat());
    let mut client = gateway.connect();
    for (host, target, expected) in [
        ("pets.example.com", "/", "exact"),
        ("PETS.example.COM:8080", "/", "exact"),
        ("pets.example.com.", "/", "exact"),
        ("pets.example.com", "/v2/x", "based"),
        ("cats.example.com", "/v2/x", "wild"),
        ("a.cats.example.com", "/", "wild"),
    ] {
        assert_eq!(
            ask(&mut client, host, target).text(),
            expected,
            "{host}{target}"
        );
    }
    for host in ["example.com", "example.org", "127.0.0.1"] {
        let response = ask(&mut client, host, "/");
        assert_eq!(
            (response.status(), response.text()),
            (404, r#"{"message":"Not Found"}"#)
        );
    }
    // The authority of an absolute-form target wins over the Host header.
    let response =
        client.request("GET http://cats.example.com/ HTTP/1.1\r\nHost: pets.example.com\r\n\r\n");
    assert_eq!(response.text(), "wild");
}

fn stages_have_names_and_variables(driver: Driver) {
    let upstream = Upstream::telling_targets();
    let [one, two] = ["one", "two"].map(|name| {
        let name = name.to_owned();
        Upstream::start(move |visit| {
            while let Some(request) = visit.request() {
                visit.say(&format!("{name} {}", request.target()));
            }
        })
    });
    let variables = |stage: &str, backend: &Upstream| {
        let line = format!(
            "variables = {{ backend = \"{}\", word = \"{stage}\" }}",
            backend.address
        );
        table(&format!("apis.main.stages.{stage:?}"), &line)
    };
    let uri = "http://${stageVariables.backend}/${stageVariables.word}/{proxy}";
    let config = [
        route("GET /{proxy+}", uri),
        variables("test", &one),
        variables("prod", &two),
    ];
    let gateway = Gateway::start(driver, config.concat());
    let mut client = gateway.connect();
    assert_eq!(client.get("/test/x").text(), "one /test/x");
    assert_eq!(client.get("/prod/x/y?z").text(), "two /prod/x/y?z");
    assert_eq!(
        client.get("/x").status(),
        404,
        "there is no stage `$default` here"
    );
    let line = format!(
        "variables = {{ backend = \"{}\", word = \"w\" }}",
        upstream.address
    );
    let default = table("apis.main.stages.\"$default\"", &line);
    let gateway = Gateway::start(driver, config.concat() + &default);
    let mut client = gateway.connect();
    assert_eq!(client.get("/test/x").text(), "one /test/x");
    assert_eq!(client.get("/other/x").text(), "/w/other/x");
}

fn percent_encodings_pass_unchanged(driver: Driver) {
    let upstream = Upstream::telling_targets();
    let at = |rest: &str| format!("http://{}{rest}", upstream.address);
    let config =
        route("GET /pets/{id}", &at("/a/{id}")) + &route("GET /f/{proxy+}", &at("/{proxy}"));
    let gateway = Gateway::start(driver, config);
    let mut client = gateway.connect();
    for (target, expected) in [
        ("/pets/a%20b", "/a/a%20b"),
        ("/pets/a%2Fb", "/a/a%2Fb"),
        ("/pets/%C3%A4?q=%20", "/a/%C3%A4?q=%20"),
        ("/f/a%2fb/c+d", "/a%2fb/c+d"),
        ("/f/a//b", "/a//b"),
        ("/f/(a)!*'", "/(a)!*'"),
    ] {
        assert_eq!(client.get(target).text(), expected, "{target}");
    }
}
