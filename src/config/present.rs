//! The settings as YAML: the documented file with all defaults, and what is in effect with the origin of each value.

use std::fmt::Write;

use serde_json::{Value as Json, json};

use super::Loaded;
use super::layers::{child, join};
use super::setting::{Key, Setting, Shape};
use super::settings::Settings;

const HEADER: &str = "\
# dockpulse: every key with its default.
# An editor that knows YAML checks and completes it, with `dockpulse config schema > dockpulse.schema.json` beside it and
# a first line that says so; examples/minimal.yaml has one.
# Keep what you change and leave out the rest: what is set here wins over the standard variables OTEL_… and DOCKER_….
# ${env:NAME} and ${file:PATH} expand in values; $${ stands for ${ itself.

";

/// How many columns a comment takes.
const WIDTH: usize = 110;

/// The documented file with every key and its default.
pub fn default_file() -> String {
    let mut writer = Writer { out: HEADER.to_owned(), style: Style::Documented };
    writer.table(&Settings::shape(), &Settings::default().write(), "", 0);
    writer.out.truncate(writer.out.trim_end().len());
    writer.out.push('\n');
    writer.out
}

/// What is in effect, one value a line, with the origin of each as a comment; secrets masked. Is itself a settings
/// file, but for the secrets.
pub fn print(loaded: &Loaded) -> String {
    let mut writer = Writer { out: String::new(), style: Style::Origins(loaded) };
    writer.table(&Settings::shape(), &effective(loaded), "", 0);
    aligned(&writer.out)
}

/// The same for programs: the file, and under `settings` each key with its `value` and its `origin`.
pub fn print_json(loaded: &Loaded) -> Json {
    let mut settings = serde_json::Map::new();
    flatten(&effective(loaded), "", &mut |key, value| {
        let origin = loaded.origins.get(key).to_string();
        settings.insert(key.to_owned(), json!({ "value": value, "origin": origin }));
    });
    let file = loaded.file.as_ref().map(|path| path.to_string_lossy());
    json!({ "file": file, "settings": settings })
}

fn effective(loaded: &Loaded) -> Json {
    let mut settings = loaded.settings.clone();
    settings.export.endpoint.get_or_insert_with(|| loaded.settings.export.base_url.clone());
    // What a context leads to is in effect, and shown; both together would be no settings file.
    settings.engines.iter_mut().for_each(|engine| engine.context = None);
    settings.write()
}

/// Every single or empty value with its key.
fn flatten(value: &Json, path: &str, each: &mut impl FnMut(&str, &Json)) {
    match value {
        Json::Object(entries) if !entries.is_empty() => {
            entries.iter().for_each(|(key, value)| flatten(value, &join(path, key), each));
        }
        Json::Array(values) if !values.is_empty() => {
            values.iter().enumerate().for_each(|(i, value)| flatten(value, &format!("{path}[{i}]"), each));
        }
        single => each(path, single),
    }
}

/// Stands between a value and its origin until it is known in which column origins are; no value has it.
const GAP: char = '\0';
/// Origins are not further to the right than this for the sake of a few long values.
const MOST_COLUMNS: usize = 56;

/// Puts the origins one below the other.
fn aligned(text: &str) -> String {
    let width = |line: &str| line.split(GAP).next().map_or(0, |value| value.chars().count());
    let column = text.lines().filter(|line| line.contains(GAP)).map(width).filter(|w| *w <= MOST_COLUMNS).max();
    let mut out = String::with_capacity(text.len() * 2);
    for line in text.lines() {
        let (value, origin) = line.split_once(GAP).unwrap_or((line, ""));
        let column = if origin.is_empty() { 0 } else { column.unwrap_or(0) };
        let _ = writeln!(out, "{value:column$}{origin}");
    }
    out
}

enum Style<'a> {
    Documented,
    Origins(&'a Loaded),
}

struct Writer<'a> {
    out: String,
    style: Style<'a>,
}

impl Writer<'_> {
    /// The entries of a table or map.
    fn table(&mut self, shape: &Shape, value: &Json, path: &str, indent: usize) {
        for (name, doc) in keys(shape, value) {
            self.doc(doc, indent);
            let key = quoted(&name);
            self.line(indent, &format!("{key}:"));
            let child = child(shape, &name);
            self.value(child.as_ref(), value.get(&name).unwrap_or(&Json::Null), &join(path, &name), indent);
            if indent == 0 && matches!(self.style, Style::Documented) {
                self.out.push('\n');
            }
        }
    }

    /// What follows a key: on the same line if it is single or empty.
    fn value(&mut self, shape: Option<&Shape>, value: &Json, path: &str, indent: usize) {
        match (shape, value) {
            (Some(shape @ (Shape::Table(_) | Shape::Map(_))), Json::Object(entries)) if !entries.is_empty() => {
                self.out.push('\n');
                self.table(shape, value, path, indent + 1);
            }
            (Some(Shape::List(element)), Json::Array(values)) if !values.is_empty() => {
                self.out.push('\n');
                for (i, value) in values.iter().enumerate() {
                    self.element(element, value, &format!("{path}[{i}]"), indent + 1);
                }
            }
            _ => {
                let text = single(value);
                let space = if text.is_empty() { "" } else { " " };
                let origin = self.origin(path);
                let _ = writeln!(self.out, "{space}{text}{origin}");
            }
        }
    }

    /// An element of a list: a table's first key stands beside the dash.
    fn element(&mut self, shape: &Shape, value: &Json, path: &str, indent: usize) {
        if !matches!(value, Json::Object(entries) if !entries.is_empty()) {
            self.line(indent, "-");
            self.value(Some(shape), value, path, indent);
            return;
        }
        let mark = self.out.len();
        self.table(shape, value, path, indent + 1);
        let first_key = self.out[mark..].lines().take_while(|line| line.trim_start().starts_with('#'));
        let before: usize = first_key.map(|line| line.len() + 1).sum();
        let dash = mark + before + 2 * indent;
        self.out.replace_range(dash..=dash, "-");
    }

    fn doc(&mut self, lines: &[&str], indent: usize) {
        if matches!(self.style, Style::Documented) && !lines.is_empty() {
            let text = lines.iter().map(|line| line.trim()).collect::<Vec<_>>().join(" ");
            for line in wrap(&text, WIDTH - 2 * indent) {
                self.line(indent, &format!("# {line}\n"));
            }
        }
    }

    fn origin(&self, path: &str) -> String {
        match self.style {
            Style::Documented => String::new(),
            Style::Origins(loaded) => format!("{GAP}  # {}", loaded.origins.get(path)),
        }
    }

    fn line(&mut self, indent: usize, text: &str) {
        let _ = write!(self.out, "{:1$}{text}", "", 2 * indent);
    }
}

/// The keys to write, in order, with their documentation. Known keys that the value does not have are left out.
fn keys(shape: &Shape, value: &Json) -> Vec<(String, &'static [&'static str])> {
    let Json::Object(entries) = value else { return Vec::new() };
    match shape {
        Shape::Table(keys) => {
            let there = keys.iter().filter(|key| entries.contains_key(key.name));
            there.map(|Key { name, doc, .. }| ((*name).to_owned(), *doc)).collect()
        }
        _ => entries.keys().map(|name| (name.clone(), &[][..])).collect(),
    }
}

fn single(value: &Json) -> String {
    match value {
        Json::Null => String::new(),
        // What is in effect is not expanded once more where this is loaded again.
        Json::String(text) => quoted(&text.replace("${", "$${")),
        Json::Array(_) => "[]".to_owned(),
        Json::Object(_) => "{}".to_owned(),
        other => other.to_string(),
    }
}

/// As YAML: in quotes unless every reader takes it for the same text without. No control characters.
fn quoted(text: &str) -> String {
    if is_plain(text) {
        return text.to_owned();
    }
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            // Those of the second kind turn the direction of the text around them.
            c if c.is_control() || ('\u{2028}'..='\u{202e}').contains(&c) || ('\u{2066}'..='\u{2069}').contains(&c) => {
                let _ = write!(out, "\\u{:04x}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

fn is_plain(text: &str) -> bool {
    let begins = text.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '/');
    let holds = text.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-./:".contains(&b));
    let word = ["true", "false", "yes", "no", "on", "off", "null", "y", "n"];
    let is_word = word.iter().any(|w| text.eq_ignore_ascii_case(w));
    begins && holds && !text.ends_with(':') && !is_word && text.parse::<f64>().is_err()
}

/// Breaks a text into lines of at most `width` columns, between words.
fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        let line = lines.last_mut();
        match line {
            Some(line) if line.is_empty() => line.push_str(word),
            Some(line) if line.chars().count() + word.chars().count() < width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_quoted_where_yaml_would_take_it_for_something_else() {
        for (text, expected) in [
            ("10s", "10s"),
            ("http://localhost:4317", "http://localhost:4317"),
            ("", "\"\""),
            ("off", "\"off\""),
            ("1.10", "\"1.10\""),
            ("null", "\"null\""),
            ("a: b", "\"a: b\""),
            ("a:", "\"a:\""),
            ("web-*", "\"web-*\""),
            ("a\"b\\c", "\"a\\\"b\\\\c\""),
            ("\u{1b}[2J\u{9b}\u{202e}", "\"\\u001b[2J\\u009b\\u202e\""),
        ] {
            assert_eq!(quoted(text), expected);
        }
    }
}
