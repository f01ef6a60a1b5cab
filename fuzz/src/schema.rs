//! Models and bodies: any schema is compiled or refused, any body follows it, or is refused with words.

use daemun::lang::schema::{Refused, Schema};

use super::Target;

// A schema up to the first NUL; what follows is the body.
pub const TARGET: Target = Target {
    name: "schema",
    run,
    seeds: &[
        b"{\"type\":\"object\",\"required\":[\"a\"],\"properties\":{\"a\":{\"type\":\"string\",\"pattern\":\"^(x+x+)+y\"}}}\0{\"a\":\"xxxxxxxxxxxxxxxxxxxxxxxxxx\"}",
        b"{\"$ref\":\"https://apigateway.amazonaws.com/restapis/a/models/Tree\"}\0{\"of\":{\"of\":{}}}",
        b"{\"oneOf\":[{\"type\":\"array\",\"items\":{\"$ref\":\"#\"},\"maxItems\":2},{\"type\":\"number\",\"multipleOf\":0.01}]}\0[[1.1],2]",
        b"{\"enum\":[1,\"a\",null],\"not\":{\"type\":\"null\"}}\0null",
        b"{\"format\":\"date-time\",\"minLength\":1,\"maxLength\":9}\0\"\\ud83d\"",
    ],
    tokens: &[
        b"{\"type\":", b"\"object\"", b"\"$ref\":\"#", b"/definitions/a", b"\"properties\":{", b"\"items\":",
        b"\"required\":[", b"\"allOf\":[", b"\"pattern\":\"", b"(a+)+", b"\"minimum\":", b"1e999", b"-0", b"[", b"]",
        b"}", b",", b"\0", b"\\u0000", b"\xff", b"\xc3\xa9",
    ],
};

pub fn run(bytes: &[u8]) {
    let end = bytes.iter().position(|byte| *byte == 0);
    let (schema, body) = bytes.split_at(end.unwrap_or(bytes.len()));
    let tree = (
        "Tree",
        r##"{"type":"object","properties":{"of":{"$ref":"#"}}}"##,
    );
    let schema = match Schema::compile(&String::from_utf8_lossy(schema), &[tree]) {
        Ok(schema) => schema,
        Err(error) => {
            assert!(!error.to_string().is_empty());
            return;
        }
    };
    let body = body.get(1..).unwrap_or_default();
    match schema.check(body) {
        Ok(()) => {
            let is_json = serde_json::from_slice::<serde_json::Value>(body).is_ok();
            assert!(is_json || body.is_empty());
        }
        Err(refused) => {
            if let Refused::Invalid(faults) = &refused {
                assert!(!faults.is_empty());
            }
            let said = refused.validation_error_string();
            assert!(said.starts_with('[') && said.ends_with(']'));
        }
    }
}
