//! What can be wrong with settings, and where: one line each, all of them at once.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Longer values are cut where they are shown.
const SHOWN: usize = 80;

/// Where a value comes from.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Origin {
    /// The settings file.
    File {
        /// As it was named.
        path: Arc<Path>,
        /// Where in it; `None`: the file as a whole.
        position: Option<Position>,
    },
    /// A `DOCKPULSE_…` variable.
    Variable(String),
    /// A standard variable of OpenTelemetry or Docker.
    Standard(&'static str),
    /// A context of the docker client.
    Context(String),
    /// A flag of the command line.
    Flag(&'static str),
    /// Nobody set it.
    Default,
}

/// A place in a file; both count from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// The line.
    pub line: usize,
    /// The column, in characters.
    pub column: usize,
}

/// Where each value that was set comes from, by the path of its key (`engines[0].timeout`).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Origins {
    places: BTreeMap<String, Place>,
    /// Which of them are lists: a list replaces a lower layer's as a whole.
    lists: BTreeSet<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Place {
    origin: Origin,
    written: Option<String>,
}

/// One thing that is wrong with the settings. Shown as one line, without secrets and without control characters.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}{problem}", prefix(.origin, .key))]
pub struct SettingsError {
    /// Where it was set.
    pub origin: Origin,
    /// The path of the key; empty if it is about the file or variable as a whole.
    pub key: String,
    /// What is wrong.
    pub problem: Problem,
}

/// What is wrong with a value, a key or a file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// There is no such key.
    #[error("unknown key{}", suggestion(.nearest, .known))]
    UnknownKey {
        /// The known one that it was meant to be.
        nearest: Option<String>,
        /// All that are known there; empty if they are too many to list.
        known: Vec<String>,
    },
    /// There is such a metric, but not in this profile.
    #[error("a metric of the profile {}, not of {profile}{}", .of.join(" and "), suggestion(.nearest, &[]))]
    OtherProfile {
        /// The profile of the settings.
        profile: &'static str,
        /// Those that have it.
        of: Vec<&'static str>,
        /// The one that it was meant to be.
        nearest: Option<String>,
    },
    /// A list, table or nothing stands where something else has to.
    #[error("expected {expected}, found {found}")]
    Kind {
        /// What stands there.
        found: &'static str,
        /// What has to.
        expected: String,
    },
    /// The value is not one of the known words.
    #[error("{} is not known{}", shown(.found), suggestion(.nearest, .known))]
    Word {
        /// The value.
        found: String,
        /// The known one that it was meant to be.
        nearest: Option<String>,
        /// All that are known.
        known: Vec<String>,
    },
    /// The value cannot be read.
    #[error("{}: {expected}", shown(.found))]
    Value {
        /// The value as it was written.
        found: String,
        /// What it should be, or what is wrong with it.
        expected: String,
    },
    /// The value can be read but does not fit: with others, or its bounds. Also all that is said of secrets.
    #[error("{0}")]
    Rule(String),
    /// A key is there twice.
    #[error("given twice, first in line {first}")]
    Twice {
        /// The line of the first.
        first: usize,
    },
    /// A `${…}` cannot be expanded.
    #[error("{0}")]
    Expansion(String),
    /// The text is not what the format wants.
    #[error("not valid {format}: {cause}")]
    Syntax {
        /// YAML or TOML.
        format: &'static str,
        /// What is wrong.
        cause: String,
    },
    /// The file cannot be read.
    #[error("cannot read the settings file: {0}")]
    Unreadable(String),
}

/// Everything that is wrong with the settings, in the order of the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Errors(Vec<SettingsError>);

/// Something odd that is no error; one line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Warning {
    /// Where it was set.
    pub origin: Origin,
    /// What is odd and what happens instead. Never holds the value: it may be a secret.
    pub message: String,
}

impl Origin {
    /// A place in the file `path`.
    pub(super) fn file(path: &Arc<Path>, position: Position) -> Self {
        Self::File { path: path.clone(), position: Some(position) }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File { path, position } => {
                write!(f, "{}", PathBuf::from(&**path).to_string_lossy().escape_debug())?;
                match position {
                    Some(at) => write!(f, ":{}:{}", at.line, at.column),
                    None => Ok(()),
                }
            }
            Self::Variable(name) => write!(f, "{}", name.escape_debug()),
            Self::Standard(name) => f.write_str(name),
            Self::Context(name) => write!(f, "docker context {}", name.escape_debug()),
            Self::Flag(name) => f.write_str(name),
            Self::Default => f.write_str("default"),
        }
    }
}

impl Origins {
    /// Where the value of `key` comes from.
    pub fn get(&self, key: &str) -> Origin {
        self.places.get(key).map_or(Origin::Default, |place| place.origin.clone())
    }

    /// Whether nobody set `key`.
    pub fn is_default(&self, key: &str) -> bool {
        !self.places.contains_key(key)
    }

    /// The value of `key` as it was written, if that is not what is used (`${env:NAME}`).
    pub fn written(&self, key: &str) -> Option<&str> {
        self.places.get(key)?.written.as_deref()
    }

    /// Where one has to look to mend `key`: where it comes from, what it is in, or what stands beside it.
    pub(super) fn around(&self, key: &str) -> Origin {
        let mut rest = key;
        loop {
            if let Some(place) = self.places.get(rest).or_else(|| self.inside(rest)) {
                return place.origin.clone();
            }
            match rest.rfind(['.', '[']) {
                Some(end) => rest = &rest[..end],
                None => return Origin::Default,
            }
        }
    }

    fn inside(&self, path: &str) -> Option<&Place> {
        let is_inside = |key: &str| key.strip_prefix(path).is_some_and(|rest| rest.starts_with(['.', '[']));
        self.places.iter().find(|(key, _)| is_inside(key)).map(|(_, place)| place)
    }

    pub(super) fn set(&mut self, key: impl Into<String>, origin: Origin, written: Option<String>) {
        self.places.insert(key.into(), Place { origin, written });
    }

    pub(super) fn set_list(&mut self, key: impl Into<String>) {
        self.lists.insert(key.into());
    }

    /// Takes over what a higher layer says.
    pub(super) fn extend(&mut self, higher: &Self) {
        let elements = |key: &str| {
            higher.lists.iter().any(|list| key.strip_prefix(list.as_str()).is_some_and(|k| k.starts_with('[')))
        };
        self.places.retain(|key, _| !elements(key));
        self.places.extend(higher.places.iter().map(|(key, place)| (key.clone(), place.clone())));
    }
}

impl Problem {
    /// A key that is not among those that are known there.
    pub(super) fn unknown_key<'a>(key: &str, known: impl Iterator<Item = &'a str> + Clone) -> Self {
        match key.split_once('.') {
            Some((table, inner)) if known.clone().any(|k| k == table) => {
                let inner = inner.escape_debug().to_string();
                let (inside, ends) = (inner.replace('.', ": { "), " }".repeat(key.matches('.').count()));
                Self::Rule(format!("a key does not hold a path: write {table}: {{ {inside}: …{ends}"))
            }
            _ => Self::UnknownKey { nearest: nearest(key, known.clone()), known: known.map(str::to_owned).collect() },
        }
    }
}

impl Errors {
    /// `None` if there are no errors.
    pub(super) fn new(mut errors: Vec<SettingsError>) -> Option<Self> {
        errors.sort_by(|a, b| a.origin.cmp(&b.origin));
        (!errors.is_empty()).then_some(Self(errors))
    }

    /// The errors, in the order of the file.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &SettingsError> {
        self.0.iter()
    }
}

impl IntoIterator for Errors {
    type Item = SettingsError;
    type IntoIter = std::vec::IntoIter<SettingsError>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl From<SettingsError> for Errors {
    fn from(error: SettingsError) -> Self {
        Self(vec![error])
    }
}

impl fmt::Display for Errors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, error) in self.0.iter().enumerate() {
            write!(f, "{}{error}", if i > 0 { "\n" } else { "" })?;
        }
        Ok(())
    }
}

impl std::error::Error for Errors {}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.origin, self.message)
    }
}

/// The one of `known` that `word` was most likely meant to be.
pub(super) fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<String> {
    // More than a third of the letters wrong is another word.
    let limit = 1 + word.chars().count() / 4;
    let near = known.into_iter().map(|k| (strsim::damerau_levenshtein(&word.to_lowercase(), &k.to_lowercase()), k));
    near.filter(|(distance, _)| *distance <= limit).min_by_key(|(distance, _)| *distance).map(|(_, k)| k.to_owned())
}

/// A value as it may be shown: without a password or an address' query, escaped, cut, and in quotes.
fn shown(value: &str) -> String {
    let value = without_password(value);
    let value = without_query(&value);
    let cut: String = value.chars().take(SHOWN).collect();
    let more = if cut.len() < value.len() { "…" } else { "" };
    format!("\"{}{more}\"", cut.escape_debug())
}

/// `http://***@host` for `http://user:password@host`.
fn without_password(value: &str) -> Cow<'_, str> {
    match (value.find("://"), value.rfind('@')) {
        (Some(scheme), Some(at)) if scheme < at => format!("{}://***{}", &value[..scheme], &value[at..]).into(),
        _ => value.into(),
    }
}

/// `http://host?***` for `http://host?token=secret`.
fn without_query(value: &str) -> Cow<'_, str> {
    match value.split_once("://").and_then(|(_, rest)| rest.find(['?', '#'])) {
        Some(_) => format!("{}***", &value[..=value.find(['?', '#']).unwrap_or(0)]).into(),
        None => value.into(),
    }
}

fn prefix(origin: &Origin, key: &str) -> String {
    match (origin, key.is_empty()) {
        (Origin::Default, true) => String::new(),
        (Origin::Default, false) => format!("{}: ", key.escape_debug()),
        (_, true) => format!("{origin}: "),
        (_, false) => format!("{origin}: {}: ", key.escape_debug()),
    }
}

fn suggestion(nearest: &Option<String>, known: &[String]) -> String {
    let allowed = if known.is_empty() { String::new() } else { format!("; allowed: {}", known.join(", ")) };
    match nearest {
        Some(nearest) => format!(", did you mean {nearest}?{}", allowed.replacen(';', "", 1)),
        None => allowed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_is_near_or_not_there() {
        let known = ["interval", "profile", "timeout", "container.memory.usage"];
        for (word, expected) in [
            ("intervall", Some("interval")),
            ("timout", Some("timeout")),
            ("Timeout", Some("timeout")),
            ("container.memory.usag", Some("container.memory.usage")),
            ("frobnicate", None),
            ("", None),
        ] {
            assert_eq!(nearest(word, known).as_deref(), expected, "{word}");
        }
    }

    #[test]
    fn what_is_wrong_inside_of_a_value_is_mended_where_the_value_is() {
        let mut origins = Origins::default();
        origins.set("engines", Origin::Flag("--engine"), None);
        assert_eq!(origins.around("engines[1].timeout"), Origin::Flag("--engine"));
        assert_eq!(origins.around("export.endpoint"), Origin::Default);
        assert!(origins.is_default("engines[1].timeout") && !origins.is_default("engines"));
    }

    #[test]
    fn a_line_has_no_control_characters_and_is_not_endless() {
        let error = SettingsError {
            origin: Origin::Variable("A\u{1b}[2J".into()),
            key: "a\nb".into(),
            problem: Problem::Word { found: "\u{7}".repeat(5000), nearest: None, known: vec![] },
        };
        let line = error.to_string();
        assert!(line.chars().all(|c| !c.is_control()) && line.len() < 1000, "{line}");
    }

    #[test]
    fn passwords_and_queries_of_addresses_do_not_show() {
        for (value, expected) in [
            ("http://user:canary@c:1/x?token=canary", "\"http://***@c:1/x?***\""),
            ("http://c:1/#canary", "\"http://c:1/#***\""),
            ("what? no address", "\"what? no address\""),
        ] {
            assert_eq!(shown(value), expected);
        }
    }
}
