//! The keys of an image as a JSON schema, for editors and for those who write such files by programs.

use serde_json::{Map, Value, json};

use super::keys::{KEYS, Kind, Role};

/// Returns the schema of files of images as a text, in draft 2020-12.
pub(crate) fn schema_text() -> String {
    format!("{:#}\n", schema())
}

pub(super) fn schema() -> Value {
    let properties: Map<String, Value> = KEYS
        .iter()
        .map(|key| {
            let mut property = of_kind(key.kind);
            if matches!(key.role, Role::Environment) {
                property["propertyNames"] = json!({ "pattern": "^[A-Za-z_][A-Za-z0-9_]*$" });
            }
            property["description"] = json!(key.about);
            (key.name.to_owned(), property)
        })
        .collect();
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Images for diskimage-builder and dib build -f",
        "type": "array",
        "items": { "$ref": "#/$defs/image" },
        "$defs": {
            "image": {
                "description": "What is said of an image; entries of one name are one image.",
                "type": "object",
                "properties": properties,
                "additionalProperties": false,
            },
            "text": {
                "description": "A text; what has no quotes is taken as it is written.",
                "type": ["string", "number", "boolean"],
                "pattern": "^[^\\u0000]*$",
            },
        },
    })
}

fn of_kind(kind: Kind) -> Value {
    let text = json!({ "$ref": "#/$defs/text" });
    match kind {
        Kind::Text => text,
        Kind::Switch => json!({ "type": "boolean" }),
        Kind::Number => json!({ "type": "integer", "minimum": 1 }),
        Kind::Levels(most) => json!({ "type": "integer", "minimum": 0, "maximum": most }),
        Kind::Choice(_, names) => json!({ "enum": names }),
        Kind::Texts => json!({ "type": "array", "items": text }),
        Kind::Choices(_, names) => json!({ "type": "array", "items": { "enum": names } }),
        Kind::TextsByName => json!({ "type": "object", "additionalProperties": text }),
    }
}

#[cfg(test)]
mod tests {
    use super::super::document::entries;
    use super::super::keys::KEYS;
    use super::*;

    /// Values of every kind, right and wrong ones.
    const VALUES: &[&str] = &[
        r#""text""#,
        r#""""#,
        r#""a\u0000b""#,
        "true",
        "false",
        "null",
        "0",
        "1",
        "2",
        "3",
        "40",
        "-1",
        "1.5",
        r#""1""#,
        r#""amd64""#,
        r#""x86_64""#,
        r#""ppc""#,
        r#""source""#,
        r#""qcow2""#,
        "[]",
        r#"["qcow2", "raw.zst"]"#,
        r#"["qcow2", "aci"]"#,
        r#"["a", 1, true]"#,
        r#"["a", null]"#,
        r#"["a", ["b"]]"#,
        r#"["a\u0000b"]"#,
        "{}",
        r#"{"A": "1", "b_2": 2}"#,
        r#"{"A": null}"#,
        r#"{"A": ["b"]}"#,
        r#"{"A B": "1"}"#,
        r#"{"2": "1"}"#,
        r#"{"": "1"}"#,
    ];

    /// Returns whether a schema takes a value, as far as schemas say what this one says.
    fn takes(schema: &Value, value: &Value) -> bool {
        let keywords = schema.as_object().unwrap();
        keywords.iter().all(|(keyword, rule)| match keyword.as_str() {
            "$schema" | "$defs" | "title" | "description" => true,
            "$ref" => takes(definition(rule.as_str().unwrap()), value),
            "type" => match rule {
                Value::Array(types) => types.iter().any(|rule| is_of_type(rule, value)),
                rule => is_of_type(rule, value),
            },
            "enum" => rule.as_array().unwrap().contains(value),
            "minimum" => value
                .as_i64()
                .is_none_or(|number| number >= rule.as_i64().unwrap()),
            "maximum" => value
                .as_i64()
                .is_none_or(|number| number <= rule.as_i64().unwrap()),
            "pattern" => value.as_str().is_none_or(|text| matches(rule, text)),
            "items" => value
                .as_array()
                .is_none_or(|items| items.iter().all(|item| takes(rule, item))),
            "properties" => value.as_object().is_none_or(|properties| {
                let mut known = properties
                    .iter()
                    .filter_map(|(name, value)| Some((rule.get(name)?, value)));
                known.all(|(rule, value)| takes(rule, value))
            }),
            "additionalProperties" => value.as_object().is_none_or(|properties| {
                let mut other = properties.iter().filter(|(name, _)| {
                    keywords
                        .get("properties")
                        .is_none_or(|known| known.get(name).is_none())
                });
                other.all(|(_, value)| *rule != Value::Bool(false) && takes(rule, value))
            }),
            "propertyNames" => value.as_object().is_none_or(|properties| {
                let mut names = properties.keys().map(|name| Value::from(name.as_str()));
                names.all(|name| takes(rule, &name))
            }),
            other => panic!("the keyword {other} is none that this test knows"),
        })
    }

    fn definition(reference: &str) -> &'static Value {
        static SCHEMA: std::sync::LazyLock<Value> = std::sync::LazyLock::new(schema);
        SCHEMA.pointer(reference.strip_prefix('#').unwrap()).unwrap()
    }

    fn is_of_type(name: &Value, value: &Value) -> bool {
        match name.as_str().unwrap() {
            "string" => value.is_string(),
            "number" => value.is_number(),
            "integer" => value.is_i64(),
            "boolean" => value.is_boolean(),
            "array" => value.is_array(),
            "object" => value.is_object(),
            other => panic!("the type {other} is none that this test knows"),
        }
    }

    fn matches(pattern: &Value, text: &str) -> bool {
        match pattern.as_str().unwrap() {
            r"^[^\u0000]*$" => !text.contains('\0'),
            "^[A-Za-z_][A-Za-z0-9_]*$" => {
                let is_letter = |byte: u8| byte.is_ascii_alphabetic() || byte == b'_';
                text.bytes().next().is_some_and(is_letter)
                    && text.bytes().all(|byte| is_letter(byte) || byte.is_ascii_digit())
            }
            other => panic!("the pattern {other} is none that this test knows"),
        }
    }

    fn check(document: &str) {
        let (_, faults) = entries(document);
        let value = serde_json::from_str(document).unwrap();
        assert_eq!(
            takes(&schema(), &value),
            faults.is_empty(),
            "{document}: {faults:?}"
        );
    }

    #[test]
    fn the_schema_takes_what_the_reader_takes() {
        for value in VALUES {
            check(value);
            check(&format!("[{value}]"));
            check(&format!(r#"[{{"imagname": {value}}}]"#));
            for key in KEYS {
                check(&format!(r#"[{{}}, {{"{}": {value}}}]"#, key.name));
            }
        }
    }

    #[test]
    fn the_schema_is_in_the_documentation() {
        let documented = include_str!("../../../../docs/dib-images.schema.json");
        assert!(
            documented == schema_text(),
            "docs/dib-images.schema.json is old: write it with `dib schema`"
        );
    }
}
