//! `docs/settings.md`: every key, as the definition has it and as the settings are read.

use std::collections::BTreeMap;
use std::fs;

use dockpulse::app;
use dockpulse::config::{self, Environment, Errors, Flags, Loaded, Origin, Problem, Sources};
use serde_json::{Value as Json, json};
use serde_yaml_ng::Value as Yaml;

use crate::pages::{check, row};

/// A key that holds a value, or a list or map of values.
struct Key {
    /// `engines`, `[0]`, `timeout`.
    path: Vec<String>,
    about: String,
    default: String,
}

/// Standard variables with values that are understood. Those of `_METRICS_` are like those without.
const STANDARD: &[(&str, &str)] = &[
    ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://c:1"),
    ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf"),
    ("OTEL_EXPORTER_OTLP_HEADERS", "a=b"),
    ("OTEL_EXPORTER_OTLP_COMPRESSION", "gzip"),
    ("OTEL_EXPORTER_OTLP_TIMEOUT", "3000"),
    ("OTEL_EXPORTER_OTLP_CERTIFICATE", "/ca.pem"),
    ("OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE", "/cert.pem"),
    ("OTEL_EXPORTER_OTLP_CLIENT_KEY", "/key.pem"),
    ("OTEL_METRIC_EXPORT_INTERVAL", "3000"),
    ("OTEL_TRACES_SAMPLER", "traceidratio"),
    ("OTEL_TRACES_SAMPLER_ARG", "0.5"),
    ("DOCKER_HOST", "tcp://h:2376"),
    ("DOCKER_TLS_VERIFY", "1"),
    ("DOCKER_CERT_PATH", "/certs"),
    ("DOCKER_API_VERSION", "1.45"),
];
/// The heading of the keys that are in no section.
const TOP: &str = "at the top";
/// Those that set no key by themselves; the page says what they do.
const BESIDE: &[&str] = &[
    "OTEL_EXPORTER_OTLP_INSECURE",
    "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT",
    "OTEL_RESOURCE_ATTRIBUTES",
    "OTEL_SERVICE_NAME",
    "DOCKER_CONTEXT",
    "DOCKER_CONFIG",
    "DOCKER_TLS",
];

fn load(file: Option<&str>, environment: Environment) -> Result<Loaded, Errors> {
    let folder = tempfile::tempdir().unwrap();
    let config = file.map(|text| {
        let path = folder.path().join("dockpulse.yaml");
        fs::write(&path, text).unwrap();
        path
    });
    let flags = Flags { config, ..Flags::default() };
    let nowhere = folder.path().to_owned();
    let sources = Sources { flags, environment, working_directory: nowhere.clone(), system_directory: nowhere };
    config::load(&sources, &app::known())
}

/// All keys, in the order of the default file.
fn keys() -> Vec<Key> {
    let defaults: Yaml = serde_yaml_ng::from_str(&config::default_file()).unwrap();
    let mut out = Vec::new();
    walk(&config::schema(&app::known()), &defaults, &mut Vec::new(), &mut out);
    out
}

fn walk(schema: &Json, defaults: &Yaml, path: &mut Vec<String>, out: &mut Vec<Key>) {
    let known = schema["properties"].as_object().unwrap();
    let mut names: Vec<&str> = known.keys().map(String::as_str).collect();
    let order = |name: &str| defaults.as_mapping().and_then(|m| m.keys().position(|k| k.as_str() == Some(name)));
    names.sort_by_key(|name| order(name));
    for name in names {
        let (schema, default) = (&known[name], &defaults[name]);
        path.push(name.to_owned());
        let depth = path.len();
        let is_table = schema["properties"].is_object() && !is_map(schema);
        if is_table {
            walk(schema, default, path, out);
        } else {
            out.push(Key { path: path.clone(), about: about(schema), default: shown(default) });
            // Those are the same twice.
            if schema["items"]["properties"].is_object() && name != "exclude" {
                path.push("[0]".to_owned());
                walk(&schema["items"], &default[0], path, out);
            }
        }
        path.truncate(depth - 1);
    }
}

/// A map's known names are values of a kind, not keys of their own.
fn is_map(schema: &Json) -> bool {
    let values = schema["properties"].as_object().map(|names| names.values().collect::<Vec<_>>());
    values.is_some_and(|values| values.iter().all(|value| value["default"].is_null() && is_boolean(value)))
}

fn is_boolean(schema: &Json) -> bool {
    schema["anyOf"][0]["type"] == json!(["boolean"])
}

/// The description, without what is said of the values already.
fn about(schema: &Json) -> String {
    let about = schema["description"].as_str().unwrap_or_default();
    let words = schema["anyOf"][0]["enum"].as_array().into_iter().flatten().filter_map(Json::as_str);
    let words = words.collect::<Vec<_>>().join(" | ");
    let about = about.strip_prefix(&format!("{words}.")).filter(|_| !words.is_empty()).unwrap_or(about);
    about.trim().replace('|', "\\|").replace("-*", "-\\*")
}

fn shown(default: &Yaml) -> String {
    match default {
        Yaml::Null => String::new(),
        Yaml::Mapping(_) => "`{}`".to_owned(),
        Yaml::Sequence(list) if list.is_empty() => "`[]`".to_owned(),
        Yaml::Sequence(_) => String::new(),
        other => format!("`{}`", serde_yaml_ng::to_string(other).unwrap().trim().trim_matches('\'')),
    }
}

impl Key {
    /// `engines[].timeout`.
    fn name(&self) -> String {
        self.path.join(".").replace(".[0]", "[]")
    }

    /// As errors and origins call it: `engines[0].timeout`.
    fn place(&self) -> String {
        self.path.join(".").replace(".[0]", "[0]")
    }

    fn variable(&self) -> String {
        let path = self.path.iter().map(|part| part.trim_matches(['[', ']']).to_ascii_uppercase());
        format!("DOCKPULSE_{}", path.collect::<Vec<_>>().join("__"))
    }
}

/// A file in which each key holds a list or, if it is one, a list in a list: the errors say what is expected.
fn wrong(keys: &[Key]) -> String {
    let mut root = json!({});
    for key in keys {
        let mut at = &mut root;
        for part in &key.path {
            at = match part.as_str() {
                "[0]" => {
                    if !at[0].is_object() {
                        *at = json!([{}]);
                    }
                    &mut at[0]
                }
                name => &mut at[name],
            };
        }
        *at = match key.default.as_str() {
            "`{}`" => json!({ "NAME": [1] }),
            "`[]`" => json!([[1]]),
            _ => json!([1]),
        };
    }
    root.to_string()
}

/// What may stand at each key, in the words of its error.
fn expected(keys: &[Key]) -> BTreeMap<String, String> {
    let errors = load(Some(&wrong(keys)), Environment::default()).unwrap_err();
    let kinds = errors.iter().filter_map(|error| match &error.problem {
        Problem::Kind { expected, .. } => Some((error.key.clone(), expected.clone())),
        _ => None,
    });
    kinds.collect()
}

/// The standard variables that set each key.
fn standard(keys: &[Key]) -> BTreeMap<String, Vec<&'static str>> {
    let loaded = load(None, STANDARD.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect()).unwrap();
    let mut out = BTreeMap::new();
    for place in keys.iter().map(Key::place) {
        let inside = loaded.origins.get(&format!("{place}.a"));
        for origin in [loaded.origins.get(&place), inside] {
            // Where the certificates are said to come from is where the engine is.
            if let Origin::Standard(name) = origin
                && !place.starts_with("engines[0].tls.")
            {
                out.entry(place.clone()).or_insert_with(Vec::new).push(name);
            }
        }
    }
    out.values_mut().for_each(Vec::dedup);
    out
}

/// The keys, or sections of keys, that the agent takes only when it starts.
fn at_start() -> Vec<&'static str> {
    let (_, list) = include_str!("../../src/app/reload.rs").split_once("const AT_START").expect("its list");
    list.split("];").next().unwrap().split('"').skip(1).step_by(2).collect()
}

/// What it takes to change a key while the agent runs.
fn change(name: &str, at_start: &[&str]) -> &'static str {
    let is_in = |part: &&str| name == *part || name.starts_with(&format!("{part}."));
    if at_start.iter().any(is_in) { "restart" } else { "reload" }
}

fn value(key: &Key, expected: &BTreeMap<String, String>) -> String {
    let place = key.place();
    let of = |place: &str| expected.get(place).cloned();
    let words = |text: String| match text.strip_prefix("one of ") {
        Some(words) => words.split(", ").map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", "),
        None => text.replace("-*", "-\\*"),
    };
    match of(&place) {
        Some(value) => words(value),
        None => match (of(&format!("{place}.NAME")), of(&format!("{place}[0]"))) {
            (Some(value), _) => format!("a table of NAME: {}", words(value)),
            (_, Some(value)) if value.starts_with("a table") => "a list of entries".to_owned(),
            (_, Some(value)) => format!("a list, each {}", words(value)),
            _ => "a list of entries".to_owned(),
        },
    }
}

/// What stands in the page.
fn reference() -> String {
    let keys = keys();
    let (expected, standard, at_start) = (expected(&keys), standard(&keys), at_start());
    let schema = config::schema(&app::known());
    let mut out = String::new();
    let mut section = "";
    for key in &keys {
        let first = key.path[0].as_str();
        let is_single = key.path.len() == 1 && key.default.starts_with('`') && key.default != "`{}`";
        let here = if is_single { TOP } else { first };
        if here != section {
            section = here;
            let about = about(&schema["properties"][section]);
            out += &format!("\n### {section}\n\n{about}\n\n");
            out = out.replace("\n\n\n", "\n\n");
            out += "| key | | default | variables | a change |\n|---|---|---|---|---|\n";
        }
        let name = key.name();
        let mut variables = vec![key.variable()];
        variables.extend(standard.get(&key.place()).into_iter().flatten().map(|name| (*name).to_owned()));
        let variables: Vec<_> = variables.iter().map(|name| format!("`{name}`")).collect();
        let about = if key.path.len() == 1 && section != TOP { "" } else { key.about.as_str() };
        out += &row(&[
            &format!("`{name}`"),
            format!("{about} *{}*", value(key, &expected)).trim(),
            &key.default,
            &variables.join("<br>"),
            change(&name, &at_start),
        ]);
        out.push('\n');
    }
    out
}

#[test]
fn the_reference_of_settings_is_the_definition() {
    check("settings.md", &[("reference", reference())]);
}

#[test]
fn every_variable_of_the_reference_is_one() {
    for key in keys() {
        let name = key.variable();
        let Err(errors) = load(None, [(name.clone(), "?".to_owned())].into_iter().collect()) else { continue };
        for error in errors.iter() {
            assert!(!matches!(error.problem, Problem::UnknownKey { .. }), "{name}: {error}");
        }
    }
}

#[test]
fn every_standard_variable_that_is_read_is_on_the_page() {
    let page = crate::pages::page("settings.md");
    let read = [include_str!("../../src/config/standard.rs"), include_str!("../../src/config/docker.rs")].concat();
    let (code, _) = read.split_once("#[cfg(test)]").unwrap_or((&read, ""));
    let of_otlp =
        code.split("otlp!(\"").skip(1).map(|rest| format!("OTEL_EXPORTER_OTLP_{}", rest.split('"').next().unwrap()));
    let whole = code.split('"').filter(|word| {
        (word.starts_with("OTEL_") || word.starts_with("DOCKER_"))
            && !word.ends_with('_')
            && word.bytes().all(|b| b.is_ascii_uppercase() || b == b'_')
    });
    for name in of_otlp.chain(whole.map(str::to_owned)) {
        let known = STANDARD.iter().map(|(name, _)| *name).chain(BESIDE.iter().copied());
        assert!(known.into_iter().any(|known| known == name), "{name}: say here what it sets");
        assert!(page.contains(&format!("`{name}`")), "{name} is not in docs/settings.md");
    }
}
