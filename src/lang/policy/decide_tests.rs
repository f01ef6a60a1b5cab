//! Whole documents: what applies, what wins, what is refused.

#![allow(clippy::unwrap_used)]

use serde_json::{Value, json};

use crate::lang::policy::{Caller, Context, Decision, Inquiry, Kind, Policy, decide};

const ALICE: Caller<'static> = Caller::User {
    account: "111122223333",
    arn: "arn:aws:iam::111122223333:user/alice",
};
const PETS: &str = "arn:aws:execute-api:eu-west-1:111122223333:a1/prod/GET/pets";

fn policy(kind: Kind, statements: &Value) -> Policy {
    let document = json!({ "Version": "2012-10-17", "Statement": statements });
    Policy::parse(&document.to_string(), kind).unwrap()
}

fn verdict(policies: &[Policy], caller: Caller<'_>, action: &str, resource: &str) -> String {
    let context = Context::new().with("aws:username", "alice");
    let inquiry = Inquiry {
        caller,
        action,
        resource,
        context: &context,
    };
    match decide(policies, &inquiry) {
        Decision::Allow(statement) => format!("allow {}", statement.index),
        Decision::Deny(statement) => format!("deny {}", statement.index),
        Decision::Implicit => "implicit".to_owned(),
    }
}

#[test]
fn a_denial_wins_and_silence_denies() {
    let policies = [policy(
        Kind::Identity,
        &json!([
            { "Effect": "Allow", "Action": "execute-api:*", "Resource": "arn:aws:execute-api:*:*:a1/*" },
            { "Effect": "Allow", "Action": "*", "Resource": "*" },
            { "Effect": "Deny", "NotAction": "execute-api:Invoke", "Resource": "arn:aws:execute-api:*:*:a1/prod/DELETE/*" },
        ]),
    )];
    let ask = |action: &str, resource: &str| verdict(&policies, ALICE, action, resource);
    assert_eq!(ask("EXECUTE-API:invoke", PETS), "allow 0");
    assert_eq!(ask("s3:GetObject", "arn:aws:s3:::b/k"), "allow 1");
    let delete = PETS.replace("GET", "DELETE");
    assert_eq!(ask("execute-api:Invoke", &delete), "allow 0");
    assert_eq!(ask("execute-api:ManageConnections", &delete), "deny 2");
    let one = policy(
        Kind::Identity,
        &json!({ "Effect": "Allow", "Action": ["a:b"], "Resource": ["*"] }),
    );
    assert_eq!(verdict(&[one], ALICE, "a:c", PETS), "implicit");
    assert_eq!(verdict(&[], ALICE, "a:c", PETS), "implicit");
}

#[test]
fn management_resources_match_with_slashes() {
    let policies = [policy(
        Kind::Identity,
        &json!([
            { "Effect": "Allow", "Action": ["apigateway:GET", "apigateway:PATCH"], "Resource": "arn:aws:apigateway:*::/restapis/*" },
            { "Effect": "Deny", "Action": "apigateway:*", "NotResource": ["arn:aws:apigateway:eu-west-1::*", "arn:aws:iam::*:user/${aws:username}"] },
        ]),
    )];
    let ask = |action: &str, resource: &str| verdict(&policies, ALICE, action, resource);
    let stage = "arn:aws:apigateway:eu-west-1::/restapis/a1/stages/prod";
    assert_eq!(ask("apigateway:GET", stage), "allow 0");
    let elsewhere = stage.replace("eu", "us");
    assert_eq!(ask("apigateway:POST", stage), "implicit");
    assert_eq!(ask("apigateway:GET", &elsewhere), "deny 1");
    assert_eq!(
        ask("apigateway:GET", "arn:aws:iam::1:user/alice"),
        "implicit"
    );
}

#[test]
fn principals_are_accounts_users_services_or_everybody() {
    let bob = Caller::User {
        account: "999900001111",
        arn: "arn:aws:iam::999900001111:user/bob",
    };
    let service = Caller::Service("events.amazonaws.com");
    for (principal, allowed) in [
        (json!("*"), [true, true, true, true]),
        (json!({ "AWS": "*" }), [true, true, true, true]),
        (
            json!({ "AWS": "111122223333" }),
            [true, false, false, false],
        ),
        (
            json!({ "AWS": ["arn:aws:iam::111122223333:root", "arn:aws:iam::999900001111:user/bob"] }),
            [true, true, false, false],
        ),
        (
            json!({ "AWS": "arn:aws:iam::111122223333:user/*" }),
            [false, false, false, false],
        ),
        (
            json!({ "Service": "events.amazonaws.com" }),
            [false, false, true, false],
        ),
        (json!({ "Federated": "x" }), [false, false, false, false]),
    ] {
        let policies = [policy(
            Kind::Resource,
            &json!({ "Effect": "Allow", "Principal": principal, "Action": "*" }),
        )];
        let found = [ALICE, bob, service, Caller::Anonymous]
            .map(|caller| verdict(&policies, caller, "a:b", PETS) == "allow 0");
        assert_eq!(found, allowed, "{principal}");
    }
    let but_alice = policy(
        Kind::Resource,
        &json!({ "Effect": "Deny", "NotPrincipal": { "AWS": "111122223333" }, "Action": "*", "Resource": "*" }),
    );
    let policies = [but_alice];
    assert_eq!(verdict(&policies, ALICE, "a:b", PETS), "implicit");
    assert_eq!(verdict(&policies, bob, "a:b", PETS), "deny 0");
}

#[test]
fn variables_are_text_in_documents_of_2008() {
    let document = |version: &str| {
        let document = json!({
            "Version": version,
            "Statement": { "Effect": "Allow", "Action": "*", "Resource": "home/${aws:username}" },
        });
        Policy::from_value(&document, Kind::Identity).unwrap()
    };
    let ask = |version, resource| verdict(&[document(version)], ALICE, "a:b", resource);
    assert_eq!(ask("2012-10-17", "home/alice"), "allow 0");
    assert_eq!(ask("2008-10-17", "home/alice"), "implicit");
    assert_eq!(ask("2008-10-17", "home/${aws:username}"), "allow 0");
}

#[test]
fn what_is_wrong_is_said_with_its_place() {
    let base = json!({ "Effect": "Allow", "Action": "a:b", "Resource": "*" });
    let with = |name: &str, value: Value| {
        let mut statement = base.clone();
        statement[name] = value;
        json!({ "Version": "2012-10-17", "Statement": [base.clone(), statement] })
    };
    for (document, message) in [
        (json!([]), "document: is not an object"),
        (json!({}), "document: `Statement` is needed"),
        (
            json!({ "Version": "2013", "Statement": [] }),
            "Version: `2013` is neither 2012-10-17 nor 2008-10-17",
        ),
        (
            with("Effect", json!("Maybe")),
            "Statement[1]: `Effect` is `Allow` or `Deny`",
        ),
        (with("Extra", json!(1)), "Statement[1]: `Extra` is unknown"),
        (
            with("NotAction", json!("*")),
            "Statement[1]: `Action` and `NotAction` exclude each other",
        ),
        (
            with("Action", json!([])),
            "Statement[1].Action: is neither a text nor a list of texts",
        ),
        (
            with("Action", json!("Invoke")),
            "Statement[1].Action: `Invoke` is not `service:action`",
        ),
        (
            with("Principal", json!("*")),
            "Statement[1]: an identity policy has no `Principal`",
        ),
        (
            with("Condition", json!({ "StringIs": { "k": "v" } })),
            "Statement[1].Condition.StringIs.k: no condition operator `StringIs`",
        ),
        (
            with("Condition", json!({ "IpAddress": { "k": "10.0.0.0/33" } })),
            "Statement[1].Condition.IpAddress.k: `10.0.0.0/33` does not fit",
        ),
        (
            with("Condition", json!({ "NullIfExists": { "k": true } })),
            "Statement[1].Condition.NullIfExists.k: no condition operator `NullIfExists`",
        ),
        (
            with("Condition", json!({ "Bool": { "k": null } })),
            "Statement[1].Condition.Bool.k: is not a text, number or boolean",
        ),
    ] {
        let error = Policy::from_value(&document, Kind::Identity).unwrap_err();
        assert_eq!(error.to_string(), message);
    }
    let error = Policy::parse("{", Kind::Identity).unwrap_err();
    assert_eq!(error.place, "document");
    let resource = json!({ "Statement": base });
    let error = Policy::from_value(&resource, Kind::Resource).unwrap_err();
    assert_eq!(
        error.to_string(),
        "Statement[0]: a resource policy needs a `Principal`"
    );
}
