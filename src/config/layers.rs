//! The layers: each is a source of the `config` crate, which merges them; this module keeps what that crate does not,
//! the origin of each value.

use std::path::Path;
use std::sync::Arc;

use ::config::{Config, ConfigError, Map, Source, Value, ValueKind};

use super::document::{Kind, Node};
use super::error::{Origin, Origins, Problem, SettingsError};
use super::expand::Expansion;
use super::setting::{Key, Shape};

/// Everything hangs under it, so that a key of a file is never taken for a path expression.
const ROOT: &str = "settings";

/// What one source sets.
#[derive(Clone)]
pub(super) struct Layer {
    /// Where to put it: a path expression.
    target: String,
    value: Value,
    origins: Origins,
}

/// All layers as one.
pub(super) struct Merged {
    /// A table, unless the file's root is none.
    pub(super) value: Value,
    /// Where each value comes from.
    pub(super) origins: Origins,
}

/// Turns documents into values and notes where each of them comes from.
pub(super) struct Builder<'a> {
    source: From<'a>,
    origins: Origins,
    errors: Vec<SettingsError>,
}

/// What kind of source a [`Builder`] reads.
pub(super) enum From<'a> {
    /// A file, in which `${…}` is expanded.
    File { path: &'a Arc<Path>, expansion: Expansion<'a> },
    /// Anything that has one origin.
    Whole(Origin),
}

impl Layer {
    /// Values that are put at the root.
    pub(super) fn root(value: Value, origins: Origins) -> Self {
        Self { target: ROOT.to_owned(), value, origins }
    }

    /// A value with everything in it from one origin, put at the key `path`.
    pub(super) fn whole(path: &str, value: Value, origin: &Origin) -> Self {
        let mut origins = Origins::default();
        note_all(&value, path, origin, &mut origins);
        Self::at(path, value, origins)
    }

    /// A value that is put at `expression`, as the `config` crate writes paths.
    pub(super) fn at(expression: &str, value: Value, origins: Origins) -> Self {
        Self { target: format!("{ROOT}.{expression}"), value, origins }
    }
}

/// Says nothing of the values: there may be secrets among them.
impl std::fmt::Debug for Layer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Layer").field("target", &self.target).finish_non_exhaustive()
    }
}

impl Source for Layer {
    fn clone_into_box(&self) -> Box<dyn Source + Send + Sync> {
        Box::new(self.clone())
    }

    fn collect(&self) -> Result<Map<String, Value>, ConfigError> {
        Ok(Map::from_iter([(self.target.clone(), self.value.clone())]))
    }
}

/// Merges `layers`, the lowest first. Tables are merged key by key; anything else of a higher layer replaces.
pub(super) fn merge(layers: Vec<Layer>) -> Result<Merged, ConfigError> {
    let mut origins = Origins::default();
    let mut builder = Config::builder();
    for layer in layers {
        origins.extend(&layer.origins);
        builder = builder.add_source(layer);
    }
    let ValueKind::Table(mut root) = builder.build()?.cache.kind else {
        return Ok(Merged { value: empty(), origins });
    };
    Ok(Merged { value: root.remove(ROOT).unwrap_or_else(empty), origins })
}

fn note_all(value: &Value, path: &str, origin: &Origin, origins: &mut Origins) {
    origins.set(path, origin.clone(), None);
    match &value.kind {
        ValueKind::Table(table) => {
            table.iter().for_each(|(key, value)| note_all(value, &join(path, key), origin, origins));
        }
        ValueKind::Array(values) => {
            origins.set_list(path);
            let elements = values.iter().enumerate();
            elements.for_each(|(i, value)| note_all(value, &format!("{path}[{i}]"), origin, origins));
        }
        _ => {}
    }
}

/// A table without keys.
pub(super) fn empty() -> Value {
    Value::new(None, ValueKind::Table(Map::new()))
}

impl<'a> Builder<'a> {
    pub(super) fn new(source: From<'a>) -> Self {
        Self { source, origins: Origins::default(), errors: Vec::new() }
    }

    /// The value of a whole document. One that is nothing but comments sets nothing.
    pub(super) fn document(&mut self, node: &Node, shape: &Shape) -> Value {
        if node.kind == Kind::Null {
            return empty();
        }
        self.note("", node.at);
        self.value(node, "", Some(shape))
    }

    /// The value of `node`, which stands at `path`. `shape` is what should stand there: a known key without a value
    /// is left out, so that lower layers and defaults count.
    pub(super) fn value(&mut self, node: &Node, path: &str, shape: Option<&Shape>) -> Value {
        let kind = match &node.kind {
            Kind::Null => ValueKind::Nil,
            Kind::Scalar(text) => ValueKind::String(self.text(text, node, path)),
            Kind::List(nodes) => {
                self.origins.set_list(path);
                let element = match shape {
                    Some(Shape::List(element)) => Some(&**element),
                    _ => None,
                };
                ValueKind::Array(nodes.iter().enumerate().map(|(i, n)| self.element(n, i, path, element)).collect())
            }
            Kind::Table(_) => ValueKind::Table(self.table(node, path, shape)),
        };
        Value::new(None, kind)
    }

    /// What was found out on the way.
    pub(super) fn finish(self) -> (Origins, Vec<SettingsError>) {
        (self.origins, self.errors)
    }

    fn element(&mut self, node: &Node, index: usize, path: &str, shape: Option<&Shape>) -> Value {
        let path = format!("{path}[{index}]");
        self.note(&path, node.at);
        self.value(node, &path, shape)
    }

    fn table(&mut self, node: &Node, path: &str, shape: Option<&Shape>) -> Map<String, Value> {
        let Kind::Table(entries) = &node.kind else { return Map::new() };
        let mut table = Map::new();
        for entry in entries {
            let path = join(path, &entry.key);
            let known = shape.and_then(|shape| child(shape, &entry.key));
            let is_key = known.is_some() && matches!(shape, Some(Shape::Table(_)));
            if is_key && entry.value.kind == Kind::Null {
                continue;
            }
            self.note(&path, entry.at);
            table.insert(entry.key.clone(), self.value(&entry.value, &path, known.as_ref()));
        }
        table
    }

    fn note(&mut self, path: &str, at: super::error::Position) {
        let origin = match &self.source {
            From::File { path: file, .. } => Origin::file(file, at),
            From::Whole(origin) => origin.clone(),
        };
        self.origins.set(path, origin, None);
    }

    fn text(&mut self, text: &str, node: &Node, path: &str) -> String {
        let From::File { expansion, .. } = &self.source else { return text.to_owned() };
        match expansion.expand(text) {
            Ok(None) => text.to_owned(),
            Ok(Some(expanded)) => {
                let origin = self.origins.get(path);
                self.origins.set(path, origin, Some(text.to_owned()));
                expanded
            }
            Err(refused) => {
                let From::File { path: file, .. } = &self.source else { return text.to_owned() };
                let origin = Origin::file(file, node.at);
                let problem = Problem::Expansion(refused.to_string());
                self.errors.push(SettingsError { origin, key: path.to_owned(), problem });
                text.to_owned()
            }
        }
    }
}

/// The path of `key` inside of `path`.
pub(super) fn join(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
}

/// The shape of what stands at `key` in a table or map of `shape`.
pub(super) fn child(shape: &Shape, key: &str) -> Option<Shape> {
    match shape {
        Shape::Table(keys) => keys.iter().find(|k| k.name == key).map(|k: &Key| (k.shape)()),
        Shape::Map(values) => Some((**values).clone()),
        _ => None,
    }
}
