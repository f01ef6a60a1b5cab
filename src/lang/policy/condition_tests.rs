//! Every operator, with values that are there, several, missing, or nonsense.

#![allow(clippy::unwrap_used)]

use serde_json::{Value, json};

use crate::lang::policy::{Caller, Context, Inquiry, Kind, Policy, decide};

/// Whether a statement with the condition `{operator: {"k": values}}` applies when the request has
/// `found` for the key `K`.
fn check(operator: &str, values: &Value, found: &[&str], expected: bool) {
    let policy = json!({
        "Version": "2012-10-17",
        "Statement": [{
            "Effect": "Allow", "Action": "*", "Resource": "*",
            "Condition": { operator: { "k": values } },
        }],
    });
    let policy = Policy::from_value(&policy, Kind::Identity).unwrap();
    let mut context = Context::new().with("aws:username", "alice");
    for value in found {
        context.add("K", *value);
    }
    let inquiry = Inquiry {
        caller: Caller::Anonymous,
        action: "a:b",
        resource: "r",
        context: &context,
    };
    let holds = decide([&policy], &inquiry).is_allow();
    assert_eq!(holds, expected, "{operator} {values} {found:?}");
}

#[test]
fn texts() {
    for (operator, values, found, expected) in [
        ("StringEquals", json!("a"), &["a"][..], true),
        ("StringEquals", json!("a"), &["A"], false),
        ("StringEquals", json!("a*"), &["ab"], false),
        ("StringEquals", json!(["a", "b"]), &["b"], true),
        ("StringEquals", json!("a"), &[], false),
        ("StringEquals", json!("${aws:username}"), &["alice"], true),
        ("StringEquals", json!("${nobody}"), &[""], false),
        ("StringEqualsIfExists", json!("a"), &[], true),
        ("StringEqualsIfExists", json!("a"), &["b"], false),
        ("StringNotEquals", json!(["a", "b"]), &["b"], false),
        ("StringNotEquals", json!(["a", "b"]), &["c"], true),
        ("StringNotEquals", json!("a"), &[], true),
        ("StringEqualsIgnoreCase", json!("äB"), &["Äb"], true),
        ("StringNotEqualsIgnoreCase", json!("a"), &["A"], false),
        ("StringLike", json!("a*d?"), &["abcde"], true),
        ("StringLike", json!("${*}"), &["x"], false),
        ("StringNotLike", json!("a*"), &["abc"], false),
        ("StringLike", json!([]), &["x"], false),
    ] {
        check(operator, &values, found, expected);
    }
}

#[test]
fn numbers_dates_booleans() {
    for (operator, values, found, expected) in [
        ("NumericEquals", json!(10), &["10.0"][..], true),
        ("NumericNotEquals", json!("10"), &["11"], true),
        ("NumericLessThan", json!(10), &["9.5"], true),
        ("NumericLessThan", json!(10), &["10"], false),
        ("NumericLessThanEquals", json!(10), &["10"], true),
        ("NumericGreaterThan", json!(-1), &["0"], true),
        ("NumericGreaterThanEquals", json!(3), &["2"], false),
        ("NumericEquals", json!(10), &["ten"], false),
        ("NumericEquals", json!(10), &["NaN"], false),
        (
            "DateEquals",
            json!("2015-08-30T12:36:00Z"),
            &["1440938160"],
            true,
        ),
        (
            "DateNotEquals",
            json!("2015-08-30T12:36:00Z"),
            &["2015-08-30T14:36:00+02:00"],
            false,
        ),
        (
            "DateLessThan",
            json!("2015-08-31"),
            &["2015-08-30T23:59:59Z"],
            true,
        ),
        (
            "DateGreaterThanEquals",
            json!("2015-08-31"),
            &["2015-08-30T23:59:59Z"],
            false,
        ),
        ("DateGreaterThan", json!(0), &["1"], true),
        ("DateLessThanEquals", json!(5), &["5"], true),
        ("Bool", json!(true), &["True"], true),
        ("Bool", json!("false"), &["true"], false),
        ("Bool", json!("false"), &[], false),
        ("BoolIfExists", json!("false"), &[], true),
        ("BinaryEquals", json!("QUJD"), &["QUJD"], true),
        ("Null", json!("true"), &[], true),
        ("Null", json!("true"), &["x"], false),
        ("Null", json!(false), &["x"], true),
        ("Null", json!(false), &[], false),
    ] {
        check(operator, &values, found, expected);
    }
}

#[test]
fn addresses_and_arns() {
    let arn = "arn:aws:execute-api:eu-west-1:111122223333:a1/prod/GET/pets";
    for (operator, values, found, expected) in [
        (
            "IpAddress",
            json!("203.0.113.0/24"),
            &["203.0.113.255"][..],
            true,
        ),
        (
            "IpAddress",
            json!("203.0.113.0/24"),
            &["203.0.114.0"],
            false,
        ),
        ("IpAddress", json!("203.0.113.7"), &["203.0.113.7"], true),
        ("IpAddress", json!("0.0.0.0/0"), &["8.8.8.8"], true),
        ("IpAddress", json!("0.0.0.0/0"), &["::1"], false),
        ("IpAddress", json!("::/0"), &["2001:db8::1"], true),
        (
            "IpAddress",
            json!("2001:db8::/33"),
            &["2001:db8:8000::"],
            false,
        ),
        (
            "IpAddress",
            json!("203.0.113.0/24"),
            &["::ffff:203.0.113.9"],
            true,
        ),
        ("IpAddress", json!("10.0.0.0/8"), &["nonsense"], false),
        ("NotIpAddress", json!("10.0.0.0/8"), &["10.1.2.3"], false),
        ("NotIpAddress", json!("10.0.0.0/8"), &["11.1.2.3"], true),
        (
            "ArnLike",
            json!("arn:aws:execute-api:*:*:a1/*"),
            &[arn],
            true,
        ),
        (
            "ArnEquals",
            json!("arn:aws:execute-api:*:111122223333:a1/prod/???/pets"),
            &[arn],
            true,
        ),
        // A star does not reach over a colon.
        (
            "ArnLike",
            json!("arn:aws:execute-api:*:a1/*:::"),
            &[arn],
            false,
        ),
        ("ArnNotLike", json!("arn:aws:s3:::*"), &[arn], true),
        (
            "ArnLike",
            json!("arn:aws:iam::1:user/${aws:username}"),
            &["arn:aws:iam::1:user/alice"],
            true,
        ),
    ] {
        check(operator, &values, found, expected);
    }
}

#[test]
fn sets_of_values() {
    for (operator, values, found, expected) in [
        (
            "ForAllValues:StringEquals",
            json!(["a", "b"]),
            &["a", "b"][..],
            true,
        ),
        (
            "ForAllValues:StringEquals",
            json!(["a", "b"]),
            &["a", "c"],
            false,
        ),
        ("ForAllValues:StringEquals", json!(["a"]), &[], true),
        (
            "ForAllValues:StringNotEquals",
            json!(["a"]),
            &["b", "c"],
            true,
        ),
        (
            "ForAllValues:StringNotEquals",
            json!(["a"]),
            &["a", "c"],
            false,
        ),
        ("ForAnyValue:StringEquals", json!(["a"]), &["c", "a"], true),
        ("ForAnyValue:StringEquals", json!(["a"]), &["c"], false),
        ("ForAnyValue:StringEquals", json!(["a"]), &[], false),
        ("ForAnyValue:StringEqualsIfExists", json!(["a"]), &[], true),
        (
            "ForAnyValue:StringNotEquals",
            json!(["a"]),
            &["a", "b"],
            true,
        ),
        ("ForAnyValue:StringNotEquals", json!(["a"]), &["a"], false),
        ("ForAnyValue:StringLike", json!("x*"), &["a", "xy"], true),
        ("StringNotEquals", json!("a"), &["a", "b"], false),
    ] {
        check(operator, &values, found, expected);
    }
}
