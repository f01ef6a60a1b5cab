//! Schemas, bodies and what is said of them.

use super::*;

const PET: &str = r#"{"$schema":"http://json-schema.org/draft-04/schema#","type":"object",
    "required":["type","price"],"additionalProperties":false,"properties":{
        "id":{"type":"integer"},
        "type":{"type":"string","enum":["dog","cat"]},
        "price":{"type":"number","minimum":25.0,"maximum":500,"exclusiveMaximum":true},
        "name":{"type":"string","pattern":"^[a-z]+$","maxLength":5},
        "tags":{"type":"array","items":{"type":"string"},"maxItems":2,"uniqueItems":true}}}"#;

fn refused(schema: &str, models: &[(&str, &str)], body: &str) -> Option<Refused> {
    let schema = Schema::compile(schema, models);
    schema.map_or_else(
        |error| unreachable!("{error}"),
        |schema| schema.check(body.as_bytes()).err(),
    )
}

#[track_caller]
fn check(body: &str, expected: &str) {
    let refused = refused(PET, &[], body);
    let text = refused.map(|refused| refused.validation_error_string());
    assert_eq!(text.as_deref().unwrap_or_default(), expected, "{body}");
}

#[test]
fn faults_are_told_in_known_words() {
    check(r#"{"type":"dog","price":30}"#, "");
    check(
        "{}",
        r#"[object has missing required properties (["price","type"])]"#,
    );
    check(
        "",
        r#"[object has missing required properties (["price","type"])]"#,
    );
    check(
        r#"{"type":"cow","price":24}"#,
        r#"[instance value ("cow") not found in enum (possible values: ["dog","cat"]), numeric instance is lower than the required minimum (minimum: 25.0, found: 24)]"#,
    );
    check(
        r#"{"type":"dog","price":30,"id":"a"}"#,
        r#"[instance type (string) does not match any allowed primitive type (allowed: ["integer"])]"#,
    );
    check(
        r#"{"type":"dog","price":30,"x":1}"#,
        r#"[object instance has properties which are not allowed by the schema: ["x"]]"#,
    );
    check(
        r#"{"type":"dog","price":500}"#,
        "[numeric instance is not strictly lower than the required maximum 500]",
    );
    check(
        r#"{"type":"dog","price":30,"name":"ABC"}"#,
        r#"[ECMA 262 regex "^[a-z]+$" does not match input string "ABC"]"#,
    );
}

#[test]
fn a_fault_says_where_it_is() {
    let body = r#"{"type":"dog","price":30,"tags":["a",1]}"#;
    let text = refused(PET, &[], body).map(|refused| refused.to_string());
    let expected = "/tags/1: instance type (integer) does not match any allowed primitive type (allowed: [\"string\"])";
    assert_eq!(text.as_deref(), Some(expected));
}

#[test]
fn models_refer_to_each_other_even_in_circles() {
    let url = "https://apigateway.amazonaws.com/restapis/abc123/models/";
    let node = format!(
        r#"{{"type":"object","properties":{{"next":{{"$ref":"{url}Node"}},"pet":{{"$ref":"{url}Pet"}}}}}}"#
    );
    let models = [("Node", node.as_str()), ("Pet", PET)];
    let body = r#"{"next":{"next":{"pet":{"type":"dog","price":30}}}}"#;
    assert_eq!(refused(&node, &models, body), None);
    let text = refused(&node, &models, r#"{"next":{"next":{"pet":{"price":30}}}}"#);
    let text = text.map(|refused| refused.to_string());
    let expected = "/next/next/pet: object has missing required properties ([\"type\"])";
    assert_eq!(text.as_deref(), Some(expected));
}

#[test]
fn wrong_schemas_and_foreign_references_are_refused() {
    for schema in [
        "{",
        r#"{"type":"nothing"}"#,
        r#"{"$ref":"https://example.com/schema.json"}"#,
        r#"{"$ref":"file:///etc/passwd"}"#,
        r#"{"$ref":"https://apigateway.amazonaws.com/restapis/a/models/Nobody"}"#,
        r#"{"pattern":"("}"#,
    ] {
        assert!(Schema::compile(schema, &[]).is_err(), "{schema}");
    }
}

#[test]
fn bodies_that_are_no_json_are_malformed() {
    let deep = "[".repeat(10_000);
    for body in ["{", "x", "{} {}", &deep] {
        let refused = refused("{}", &[], body);
        assert!(matches!(refused, Some(Refused::Malformed(_))), "{body}");
    }
}

#[test]
fn options_of_an_enum_are_compared_with_large_bodies() {
    let option = |number: usize| format!(r#"{{"n":{number},"l":[1,{{"t":"x"}}],"f":null}}"#);
    let options: Vec<_> = (0..1000).map(option).collect();
    let schema = format!(r#"{{"enum":[{},[1,2.0],"t"]}}"#, options.join(","));
    let members = (0..20_000).map(|number| format!("\"k{number}\":[{number}]"));
    let large = format!("{{{}}}", members.collect::<Vec<_>>().join(","));
    for (body, is_option) in [
        (options[999].as_str(), true),
        (r#"{"f":null,"l":[1.0,{"t":"x"}],"n":7,"n":8}"#, true),
        ("[1,2]", true),
        ("\"t\"", true),
        (&large, false),
        (r#"{"n":1,"l":[1,{"t":"y"}],"f":null}"#, false),
        (r#"{"n":1,"l":[1,{"t":"x"}],"g":null}"#, false),
        (r#"{"n":1,"l":[1,{"t":"x"}]}"#, false),
        ("[1]", false),
        ("{}", false),
        ("null", false),
    ] {
        assert_eq!(refused(&schema, &[], body).is_none(), is_option, "{body}");
    }
}
