//! A settings file as a tree of texts that knows where each of them stands. YAML and TOML both become this.

use super::error::{Position, Problem, SettingsError};

mod toml;
mod yaml;

/// A file or variable that is larger is not a settings file.
pub(super) const MAX_BYTES: usize = 1 << 20;
/// Deeper than any known key.
const MAX_DEPTH: usize = 32;
/// More than any sane file has, and the end of “billion laughs”.
const MAX_NODES: usize = 20_000;
/// The longest key; that of an attribute or a header is shorter. The path of each value is kept, with all keys in it.
const MAX_KEY: usize = 255;

/// A piece of a document.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Node {
    /// Where it begins.
    pub(super) at: Position,
    /// What it is.
    pub(super) kind: Kind,
}

/// What a [`Node`] is. Numbers and booleans stay the texts they are, so that `1.10` or `007` is not changed where a
/// text is wanted.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Kind {
    /// Nothing: `key:` or `null`.
    Null,
    /// A single value.
    Scalar(String),
    /// A list.
    List(Vec<Node>),
    /// Keys and values, in the order of the document; each key once.
    Table(Vec<Entry>),
}

/// A key and its value.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Entry {
    /// Where the key stands.
    pub(super) at: Position,
    /// The key.
    pub(super) key: String,
    /// The value.
    pub(super) value: Node,
}

/// The two formats.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    /// YAML 1.2, and so JSON.
    Yaml,
    /// TOML 1.1.
    Toml,
}

/// Where and why a document cannot be read.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Refused {
    /// Where.
    pub(super) at: Position,
    /// Why.
    pub(super) problem: Problem,
}

impl Format {
    /// Reads `text`.
    pub(super) fn parse(self, text: &str) -> Result<Node, Refused> {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        match self {
            Self::Yaml => yaml::parse(text),
            Self::Toml => toml::parse(text),
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Yaml => "YAML",
            Self::Toml => "TOML",
        }
    }

    fn refuse(self, at: Position, cause: impl Into<String>) -> Refused {
        Refused { at, problem: Problem::Syntax { format: self.name(), cause: cause.into() } }
    }
}

/// How much a document is once it is written out.
#[derive(Debug, Clone, Copy, Default)]
struct Size {
    nodes: usize,
    bytes: usize,
}

impl Size {
    fn and(self, other: Self) -> Self {
        Self { nodes: self.nodes.saturating_add(other.nodes), bytes: self.bytes.saturating_add(other.bytes) }
    }

    /// Without aliases no text is longer than its file.
    fn is_too_large(self) -> bool {
        self.nodes > MAX_NODES || self.bytes > MAX_BYTES
    }
}

/// A key, if it is no longer than keys are.
fn key(format: Format, at: Position, key: String) -> Result<String, Refused> {
    match key.len() <= MAX_KEY {
        true => Ok(key),
        false => Err(format.refuse(at, format!("a key has at most {MAX_KEY} bytes"))),
    }
}

impl Refused {
    /// As an error of the file or variable that the text came from.
    pub(super) fn within(self, origin: super::error::Origin, key: impl Into<String>) -> SettingsError {
        SettingsError { origin, key: key.into(), problem: self.problem }
    }
}

impl Node {
    /// How many nodes are in it, itself included, and how many bytes of text.
    fn size(&self) -> Size {
        let none = Size { nodes: 1, bytes: 0 };
        match &self.kind {
            Kind::Null => none,
            Kind::Scalar(text) => Size { nodes: 1, bytes: text.len() },
            Kind::List(nodes) => nodes.iter().map(Self::size).fold(none, Size::and),
            Kind::Table(entries) => entries
                .iter()
                .fold(none, |size, entry| size.and(entry.value.size()).and(Size { nodes: 0, bytes: entry.key.len() })),
        }
    }

    /// A value that came from elsewhere than a document.
    pub(super) fn scalar(text: impl Into<String>) -> Self {
        Self { at: Position { line: 1, column: 1 }, kind: Kind::Scalar(text.into()) }
    }
}
