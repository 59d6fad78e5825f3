//! The JSON Schema of the settings file, for editors.

use serde_json::{Map, Value as Json, json};

use super::Known;
use super::setting::{Setting, Shape};
use super::settings::{Profile, Settings};

/// The JSON Schema (draft 2020-12) of the settings file, with the names that `known` has: of metrics those of all
/// profiles, because one file can be used with each.
pub fn schema(known: &Known) -> Json {
    let mut schema = describe(&Settings::shape(), Some(&Settings::default().write()));
    let properties = &mut schema["properties"];
    name_keys(&mut properties["metrics"], metrics(known));
    name_keys(
        &mut properties["attributes"]["properties"]["resource"],
        known.attributes.iter().map(|name| (*name, String::new())).collect(),
    );
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema".into();
    schema["title"] = "dockpulse settings".into();
    schema
}

/// Each metric, with the profiles that have it.
fn metrics(known: &Known) -> Vec<(&'static str, String)> {
    let mut all: Vec<(&'static str, String)> = Vec::new();
    for profile in Profile::ALL {
        for name in (known.metrics)(*profile) {
            match all.iter_mut().find(|(n, _)| *n == name) {
                Some((_, profiles)) => profiles.push_str(&format!(", {profile}")),
                None => all.push((name, format!("Of the profile: {profile}"))),
            }
        }
    }
    all
}

/// Instead of any key these, each with what there is to say of it.
fn name_keys(map: &mut Json, keys: Vec<(&'static str, String)>) {
    let value = map["additionalProperties"].take();
    let named = keys
        .into_iter()
        .map(|(name, about)| {
            let mut property = value.clone();
            if !about.is_empty() {
                property["description"] = about.into();
            }
            (name, property)
        })
        .collect();
    map["additionalProperties"] = false.into();
    map["properties"] = object(named);
}

/// An object of these members. Made in one place, because each kind of iterator that is collected into a map brings a
/// sort of its own into the program.
pub(super) fn object(members: Vec<(&str, Json)>) -> Json {
    let mut map = Map::new();
    map.extend(members.into_iter().map(|(name, value)| (name.to_owned(), value)));
    Json::Object(map)
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
            let properties = keys
                .iter()
                .map(|key| {
                    let default = default.and_then(|default| default.get(key.name));
                    let mut property = describe(&(key.shape)(), default);
                    let lines: Vec<_> = key.doc.iter().map(|line| line.trim()).collect();
                    property["description"] = lines.join(" ").into();
                    (key.name, property)
                })
                .collect();
            json!({ "type": ["object", "null"], "additionalProperties": false, "properties": object(properties) })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_has_a_description_and_unknown_ones_are_refused() {
        let known = Known {
            metrics: |_| vec!["container.cpu.time"],
            attributes: vec!["host.name"],
            names: |_| Default::default(),
            own_header: |_| false,
        };
        let schema = schema(&known);
        let metrics = &schema["properties"]["metrics"];
        assert_eq!(metrics["additionalProperties"], false);
        let about = &metrics["properties"]["container.cpu.time"]["description"];
        assert_eq!(about, "Of the profile: semconv, docker_stats, docker_exporter");
        assert!(schema["properties"]["attributes"]["properties"]["resource"]["properties"]["host.name"].is_object());
        let export = &schema["properties"]["export"];
        assert_eq!(export["additionalProperties"], false);
        assert_eq!(export["properties"]["protocol"]["default"], "grpc");
        assert_eq!(schema["properties"]["engines"]["items"]["properties"]["source"]["anyOf"][0]["enum"][1], "cgroup");
        for (key, property) in schema["properties"].as_object().unwrap() {
            assert!(property["description"].as_str().is_some_and(|text| text.len() > 10), "{key}");
        }
    }
}
