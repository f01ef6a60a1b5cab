//! Pages of lists: `position` and `limit` of the first service, `nextToken` and `maxResults` of the
//! second. A token is the key behind which the next page begins, so that what comes and goes
//! meanwhile makes no item appear twice.

use serde_json::{Map, Value, json};

use crate::control::error::{Error, Outcome};
use crate::control::protocol::{Input, ServiceName};

/// Items of one page unless asked otherwise, and at most.
struct Sizes {
    usual: usize,
    most: usize,
}

const REST: Sizes = Sizes {
    usual: 25,
    most: 500,
};
const V2: Sizes = Sizes {
    usual: 100,
    most: 1000,
};

/// One page of `items`, which are in the order of their keys, as an output with `items` and the
/// token of the next page if there is one.
///
/// # Errors
/// A page size that is none.
pub fn page<K: AsRef<str>>(
    service: ServiceName,
    input: &Input,
    items: impl Iterator<Item = (K, Value)>,
) -> Outcome<Value> {
    let (asked, token, next_key, sizes) = match service {
        ServiceName::Rest => (
            input.integer("limit"),
            input.text("position"),
            "position",
            REST,
        ),
        ServiceName::V2 => {
            let asked = input.members.get("maxResults");
            let number = asked.and_then(|value| match value {
                Value::String(text) => text.parse().ok(),
                other => other.as_i64(),
            });
            if asked.is_some() && number.is_none() {
                return Err(Error::bad_request("Invalid value for maxResults"));
            }
            (number, input.text("nextToken"), "nextToken", V2)
        }
    };
    let size = match asked {
        None => sizes.usual,
        // AWS takes 0 for no wish, and the most where more is asked.
        Some(0) => sizes.usual,
        Some(number) if number < 0 => return Err(Error::bad_request("Invalid limit specified")),
        Some(number) => usize::try_from(number)
            .unwrap_or(sizes.most)
            .min(sizes.most),
    };
    let mut shown = Vec::new();
    let mut last = String::new();
    let mut next = None;
    for (key, item) in items.skip_while(|(key, _)| token.is_some_and(|token| key.as_ref() <= token))
    {
        if shown.len() == size {
            next = Some(last);
            break;
        }
        key.as_ref().clone_into(&mut last);
        shown.push(item);
    }
    let mut output = Map::from_iter([("items".to_owned(), json!(shown))]);
    if let Some(next) = next {
        output.insert(next_key.to_owned(), next.into());
    }
    Ok(Value::Object(output))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn pages_follow_each_other_without_a_gap() {
        let keys = ["a", "b", "c", "d", "e"];
        let mut input = Input::default();
        input.members.insert("limit".to_owned(), 2.into());
        let mut seen = Vec::new();
        for _ in 0..5 {
            let items = keys.iter().map(|key| (*key, Value::from(*key)));
            let page = page(ServiceName::Rest, &input, items).unwrap();
            seen.push(page["items"].to_string());
            match page.get("position") {
                Some(position) => input
                    .members
                    .insert("position".to_owned(), position.clone()),
                None => break,
            };
        }
        assert_eq!(seen, [r#"["a","b"]"#, r#"["c","d"]"#, r#"["e"]"#]);
    }
}
