//! JSON in which no object has a name twice: of `"Effect": "Deny", "Effect": "Allow"` nobody should
//! have to know which one counts.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

/// Any value, read so.
#[derive(Debug)]
pub struct Unique(pub Value);

impl<'de> Deserialize<'de> for Unique {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(Reader).map(Self)
    }
}

struct Reader;

impl<'de> Visitor<'de> for Reader {
    type Value = Value;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, is: bool) -> Result<Value, E> {
        Ok(is.into())
    }

    fn visit_i64<E>(self, number: i64) -> Result<Value, E> {
        Ok(number.into())
    }

    fn visit_u64<E>(self, number: u64) -> Result<Value, E> {
        Ok(number.into())
    }

    fn visit_f64<E>(self, number: f64) -> Result<Value, E> {
        Ok(number.into())
    }

    fn visit_str<E>(self, text: &str) -> Result<Value, E> {
        Ok(text.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut from: A) -> Result<Value, A::Error> {
        let mut all = Vec::new();
        while let Some(Unique(value)) = from.next_element()? {
            all.push(value);
        }
        Ok(Value::Array(all))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut from: A) -> Result<Value, A::Error> {
        let mut members = Map::new();
        while let Some(name) = from.next_key::<String>()? {
            if members.contains_key(&name) {
                return Err(A::Error::custom(format!("`{name}` is there twice")));
            }
            let Unique(value) = from.next_value()?;
            members.insert(name, value);
        }
        Ok(Value::Object(members))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::lang::policy::{Kind, Policy};

    #[test]
    fn values_are_read_as_they_are() {
        for text in [
            r#"{"b":[1,-2,0.5,true,null,"x\n"],"a":{"b":{}}}"#,
            "[]",
            "7",
            "\"a\"",
        ] {
            let Unique(value) = serde_json::from_str(text).unwrap();
            assert_eq!(value, serde_json::from_str::<Value>(text).unwrap());
        }
        for text in ["", "{", "[1,]", "{}x"] {
            assert!(serde_json::from_str::<Unique>(text).is_err(), "{text}");
        }
        assert!(serde_json::from_str::<Unique>(&"[".repeat(10_000)).is_err());
    }

    #[test]
    fn no_policy_says_a_thing_twice() {
        let rest = r#""Principal":"*","Action":"*","Resource":"*""#;
        let once = format!(r#"{{"Statement":{{"Effect":"Deny",{rest}}}}}"#);
        assert!(Policy::parse(&once, Kind::Resource).is_ok());
        for (policy, name) in [
            (
                format!(r#"{{"Statement":{{"Effect":"Deny",{rest},"Effect":"Allow"}}}}"#),
                "Effect",
            ),
            (
                format!(r#"{{"Statement":[],"Statement":{{"Effect":"Allow",{rest}}}}}"#),
                "Statement",
            ),
            (
                format!(
                    r#"{{"Statement":{{"Effect":"Allow",{rest},"Condition":{{"Bool":{{"a":"true"}}}},"Cond\u0069tion":{{}}}}}}"#
                ),
                "Condition",
            ),
            (
                format!(
                    r#"{{"Statement":{{"Effect":"Allow",{rest},"Condition":{{"Bool":{{"a":"true","a":"false"}}}}}}}}"#
                ),
                "a",
            ),
        ] {
            let error = Policy::parse(&policy, Kind::Resource).unwrap_err();
            let expected = format!("`{name}` is there twice");
            assert!(error.what.starts_with(&expected), "{policy}: {error}");
        }
    }
}
