//! The JSON Schema of the settings file, for editors.

use serde_json::{Map, Value as Json, json};

use super::setting::{Setting, Shape};
use super::settings::Settings;

/// The JSON Schema (draft 2020-12) of the settings file.
pub fn schema() -> Json {
    let mut schema = describe(&Settings::shape(), Some(&Settings::default().write()));
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema".into();
    schema["title"] = "dockpulse settings".into();
    schema
}

fn describe(shape: &Shape, default: Option<&Json>) -> Json {
    match shape {
        Shape::Scalar(scalar) => {
            let value =
                if scalar.words.is_empty() { json!({ "type": scalar.json }) } else { json!({ "enum": scalar.words }) };
            // A key without a value has its default; any value can come from elsewhere.
            let expanded = json!({ "type": "string", "pattern": r"\$\{(env|file):" });
            let mut schema = json!({ "anyOf": [value, expanded, { "type": "null" }] });
            if let Some(default) = default.filter(|default| !default.is_null()) {
                schema["default"] = default.clone();
            }
            schema
        }
        Shape::List(element) => json!({ "type": ["array", "null"], "items": describe(element, None) }),
        Shape::Map(values) => {
            json!({ "type": ["object", "null"], "additionalProperties": describe(values, None) })
        }
        Shape::Table(keys) => {
            let properties: Map<String, Json> = keys
                .iter()
                .map(|key| {
                    let default = default.and_then(|default| default.get(key.name));
                    let mut property = describe(&(key.shape)(), default);
                    let lines: Vec<_> = key.doc.iter().map(|line| line.trim()).collect();
                    property["description"] = lines.join(" ").into();
                    (key.name.to_owned(), property)
                })
                .collect();
            json!({ "type": ["object", "null"], "additionalProperties": false, "properties": properties })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_has_a_description_and_unknown_ones_are_refused() {
        let schema = schema();
        let export = &schema["properties"]["export"];
        assert_eq!(export["additionalProperties"], false);
        assert_eq!(export["properties"]["protocol"]["default"], "grpc");
        assert_eq!(schema["properties"]["engines"]["items"]["properties"]["source"]["anyOf"][0]["enum"][1], "cgroup");
        for (key, property) in schema["properties"].as_object().unwrap() {
            assert!(property["description"].as_str().is_some_and(|text| text.len() > 10), "{key}");
        }
    }
}
