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
