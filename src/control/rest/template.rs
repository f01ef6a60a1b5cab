//! Templates from models: `GetModelTemplate`, and models with what they refer to inside.

use std::fmt::Write as _;

use serde_json::{Map, Value, json};

use crate::control::desk::{Desk, text};
use crate::control::error::Outcome;
use crate::control::kind;

/// Levels of a schema that are looked into: a model may contain itself.
const DEPTH_MAX: usize = 16;
/// Bytes after which nothing is added: what refers to itself twice grows by the power of two.
const BYTES_MAX: usize = 300 * 1024;

/// A mapping template that copies a body of this schema, member by member.
pub fn template(desk: &Desk<'_>, api: &str, schema: &str) -> Outcome<String> {
    let root: Value = serde_json::from_str(schema).unwrap_or_default();
    let models = Models { desk, api };
    let mut writer = Writer {
        models,
        root: &root,
        out: "#set($inputRoot = $input.path('$'))\n".to_owned(),
        loops: 0,
        references: 0,
    };
    writer.value(&root, "$inputRoot", 0)?;
    Ok(writer.out)
}

/// The schema with all other models that it refers to among its `definitions`.
pub fn flattened(desk: &Desk<'_>, api: &str, schema: &str) -> Outcome<String> {
    let Ok(mut root) = serde_json::from_str::<Value>(schema) else {
        return Ok(schema.to_owned());
    };
    let models = Models { desk, api };
    let mut waiting = Vec::new();
    localise(&mut root, &mut waiting);
    let mut definitions = Map::new();
    while let Some(name) = waiting.pop() {
        if definitions.contains_key(&name) {
            continue;
        }
        let Some(mut found) = models.find(&name)? else {
            continue;
        };
        localise(&mut found, &mut waiting);
        definitions.insert(name, found);
    }
    if !definitions.is_empty()
        && let Value::Object(root) = &mut root
    {
        let own = root.entry("definitions").or_insert_with(|| json!({}));
        if let Value::Object(own) = own {
            for (name, definition) in definitions {
                own.entry(name).or_insert(definition);
            }
        }
    }
    Ok(root.to_string())
}

/// References to other models become local; their names are noted.
fn localise(schema: &mut Value, names: &mut Vec<String>) {
    match schema {
        Value::Object(object) => {
            let name = object.get("$ref").and_then(Value::as_str);
            if let Some(name) = name.and_then(model_name).map(str::to_owned) {
                object.insert("$ref".to_owned(), format!("#/definitions/{name}").into());
                names.push(name);
            }
            object.values_mut().for_each(|below| localise(below, names));
        }
        Value::Array(items) => items.iter_mut().for_each(|below| localise(below, names)),
        _ => {}
    }
}

/// `Pet` of `https://apigateway.amazonaws.com/restapis/{api}/models/Pet`.
fn model_name(reference: &str) -> Option<&str> {
    let rest = reference.strip_prefix("https://apigateway.amazonaws.com/restapis/")?;
    let (_, name) = rest.split_once("/models/")?;
    Some(name)
}

struct Models<'d, 'a> {
    desk: &'d Desk<'a>,
    api: &'d str,
}

impl Models<'_, '_> {
    fn find(&self, name: &str) -> Outcome<Option<Value>> {
        let found = self
            .desk
            .get(kind::MODEL, &format!("{}/{name}", self.api))?;
        Ok(found.map(|model| serde_json::from_str(text(&model, "schema")).unwrap_or_default()))
    }
}

struct Writer<'d, 'a> {
    models: Models<'d, 'a>,
    root: &'d Value,
    out: String,
    /// Loops so far: each has a variable of its own.
    loops: usize,
    /// That are being followed.
    references: usize,
}

impl Writer<'_, '_> {
    /// Writes the value that `reference` has by this schema.
    fn value(&mut self, schema: &Value, reference: &str, depth: usize) -> Outcome<()> {
        if depth + self.references > DEPTH_MAX || self.out.len() > BYTES_MAX {
            self.out.push_str("null");
            return Ok(());
        }
        if let Some(target) = schema["$ref"].as_str() {
            let found = match model_name(target) {
                Some(name) => self.models.find(name)?,
                None => target
                    .strip_prefix('#')
                    .and_then(|pointer| self.root.pointer(pointer))
                    .cloned(),
            };
            self.references += 1;
            let outcome = self.value(&found.unwrap_or_default(), reference, depth);
            self.references -= 1;
            return outcome;
        }
        match kind_of(schema) {
            "object" => self.object(schema, reference, depth),
            "array" => self.array(&schema["items"], reference, depth),
            "integer" | "number" | "boolean" | "null" => {
                self.out.push_str(reference);
                Ok(())
            }
            _ => {
                let _ = write!(self.out, "\"{reference}\"");
                Ok(())
            }
        }
    }

    fn object(&mut self, schema: &Value, reference: &str, depth: usize) -> Outcome<()> {
        let members = schema["properties"].as_object();
        let Some(members) = members.filter(|members| !members.is_empty()) else {
            self.out.push_str("{ }");
            return Ok(());
        };
        self.out.push_str("{\n");
        for (index, (name, member)) in members.iter().enumerate() {
            if index > 0 {
                self.out.push_str(",\n");
            }
            indent(&mut self.out, depth + 1);
            let _ = write!(self.out, "{} : ", Value::from(name.as_str()));
            self.value(member, &below(reference, name), depth + 1)?;
        }
        self.out.push('\n');
        indent(&mut self.out, depth);
        self.out.push('}');
        Ok(())
    }

    fn array(&mut self, items: &Value, reference: &str, depth: usize) -> Outcome<()> {
        self.loops += 1;
        let element = match self.loops {
            1 => "$elem".to_owned(),
            number => format!("$elem{number}"),
        };
        let _ = write!(self.out, "[\n#foreach({element} in {reference})\n");
        indent(&mut self.out, depth + 1);
        self.value(items, &element, depth + 1)?;
        self.out.push_str("#if($foreach.hasNext),#end\n\n#end\n");
        indent(&mut self.out, depth);
        self.out.push(']');
        Ok(())
    }
}

fn indent(out: &mut String, depth: usize) {
    out.push_str(&"  ".repeat(depth));
}

/// A name that is none in a template stands between brackets.
fn below(reference: &str, name: &str) -> String {
    let is_name = name.starts_with(|c: char| c.is_ascii_alphabetic())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    match is_name {
        true => format!("{reference}.{name}"),
        false => format!("{reference}['{}']", name.replace('\'', "\\'")),
    }
}

/// The first type that is not null, or what the other members tell.
fn kind_of(schema: &Value) -> &str {
    let named = match &schema["type"] {
        Value::String(one) => Some(one.as_str()),
        Value::Array(all) => {
            let mut texts = all.iter().filter_map(Value::as_str);
            texts.find(|one| *one != "null")
        }
        _ => None,
    };
    named.unwrap_or(match () {
        () if schema["properties"].is_object() => "object",
        () if schema["items"].is_object() => "array",
        () => "string",
    })
}
