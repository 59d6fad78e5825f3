//! How a value gets from the merged layers into a typed field: read, described and written back by one definition.

use std::collections::BTreeMap;
use std::fmt::Display;

use ::config::{Map, Value, ValueKind};
use serde_json::Value as Json;

use super::error::{Origins, Problem, SettingsError, nearest};

/// Anything that can stand at a key.
pub(super) trait Setting: PartialEq {
    /// What may stand there.
    fn shape() -> Shape;

    /// Takes over what `value` says; what it does not say stays. Whatever is wrong is reported, and leaves the old.
    fn read(&mut self, value: &Value, reader: &mut Reader<'_>);

    /// As it would be written in a file; secrets masked.
    fn write(&self) -> Json;

    /// The keys from `path` on that are another in `other`.
    fn differences(&self, other: &Self, path: &str, out: &mut Vec<String>) {
        if self != other {
            out.push(path.to_owned());
        }
    }
}

/// What may stand at a key.
#[derive(Debug, Clone)]
pub(super) enum Shape {
    /// A single value.
    Scalar(ScalarShape),
    /// Known keys.
    Table(&'static [Key]),
    /// Any number of the same.
    List(Box<Shape>),
    /// Free keys, values of one shape.
    Map(Box<Shape>),
}

/// What a single value looks like.
#[derive(Debug, Clone)]
pub(super) struct ScalarShape {
    /// All that are allowed, if they can be listed.
    pub(super) words: &'static [&'static str],
    /// The types in JSON.
    pub(super) json: &'static [&'static str],
}

/// A key of a table.
#[derive(Debug)]
pub(super) struct Key {
    /// Its name.
    pub(super) name: &'static str,
    /// The lines of its documentation, each with a leading space.
    pub(super) doc: &'static [&'static str],
    /// What may stand there.
    pub(super) shape: fn() -> Shape,
}

/// A single value, which every source gives as text.
pub(super) trait Scalar: Sized + PartialEq {
    /// For messages: “a duration like 10s”.
    const EXPECTED: &'static str;
    /// All that are allowed, if they can be listed.
    const WORDS: &'static [&'static str] = &[];
    /// Whether it must never be shown.
    const SECRET: bool = false;
    /// The types in JSON.
    const JSON: &'static [&'static str] = &["string"];

    /// Reads it; the error says what is wrong, if [`Self::EXPECTED`] does not say it.
    fn parse(text: &str) -> Result<Self, Option<String>>;

    /// As it would be written in a file; secrets masked.
    fn write(&self) -> Json;
}

/// Walks the merged values, knows where it is, and collects what is wrong.
pub(super) struct Reader<'a> {
    origins: &'a Origins,
    path: String,
    errors: Vec<SettingsError>,
}

impl<'a> Reader<'a> {
    /// Starts at the root.
    pub(super) fn new(origins: &'a Origins) -> Self {
        Self { origins, path: String::new(), errors: Vec::new() }
    }

    /// What was wrong.
    pub(super) fn into_errors(self) -> Vec<SettingsError> {
        self.errors
    }

    /// How much was wrong so far.
    pub(super) fn failures(&self) -> usize {
        self.errors.len()
    }

    /// Runs `f` at a key of the present table.
    pub(super) fn at_key(&mut self, key: impl Display, f: impl FnOnce(&mut Self)) {
        let dot = if self.path.is_empty() { "" } else { "." };
        self.inside(format_args!("{dot}{key}"), f);
    }

    /// Runs `f` at an element of the present list.
    pub(super) fn at_index(&mut self, index: usize, f: impl FnOnce(&mut Self)) {
        self.inside(format_args!("[{index}]"), f);
    }

    fn inside(&mut self, segment: impl Display, f: impl FnOnce(&mut Self)) {
        let length = self.path.len();
        self.path.push_str(&segment.to_string());
        f(self);
        self.path.truncate(length);
    }

    /// Notes that something is wrong here.
    pub(super) fn report(&mut self, problem: Problem) {
        let path = self.path.clone();
        self.report_at(path, problem);
    }

    /// Notes that something is wrong at `key`, a path from the root.
    pub(super) fn report_at(&mut self, key: impl Into<String>, problem: Problem) {
        let key = key.into();
        self.errors.push(SettingsError { origin: self.origins.around(&key), key, problem });
    }

    /// The value here as a table.
    pub(super) fn table<'v>(&mut self, value: &'v Value) -> Option<&'v Map<String, Value>> {
        match &value.kind {
            ValueKind::Table(table) => Some(table),
            other => {
                let at_root = self.path.is_empty();
                let expected = if at_root { "settings (key: value)" } else { "a table (key: value)" };
                self.report(Problem::Kind { found: kind(other), expected: expected.to_owned() });
                None
            }
        }
    }

    /// The value here as a list.
    pub(super) fn list<'v>(&mut self, value: &'v Value) -> Option<&'v [Value]> {
        match &value.kind {
            ValueKind::Array(list) => Some(list),
            other => {
                self.report(Problem::Kind { found: kind(other), expected: "a list".to_owned() });
                None
            }
        }
    }

    /// The value here as a single one.
    pub(super) fn scalar<T: Scalar>(&mut self, value: &Value) -> Option<T> {
        let ValueKind::String(text) = &value.kind else {
            self.report(Problem::Kind { found: kind(&value.kind), expected: expected::<T>() });
            return None;
        };
        match T::parse(text) {
            Ok(value) => Some(value),
            Err(cause) => {
                let found = self.origins.written(&self.path).unwrap_or(text).to_owned();
                self.report(refusal::<T>(found, cause));
                None
            }
        }
    }

    /// Reports every key of `table` that is not among `known`.
    pub(super) fn unknown_keys(&mut self, table: &Map<String, Value>, known: &[Key]) {
        for key in table.keys().filter(|key| known.iter().all(|k| k.name != **key)) {
            let problem = Problem::unknown_key(key, known.iter().map(|k| k.name));
            self.at_key(key, |r| r.report(problem));
        }
    }
}

fn refusal<T: Scalar>(found: String, cause: Option<String>) -> Problem {
    let expected = || format!("expected {}", expected::<T>());
    match cause {
        cause if T::SECRET => Problem::Rule(cause.unwrap_or_else(expected)),
        None if !T::WORDS.is_empty() => Problem::Word {
            nearest: nearest(&found, T::WORDS.iter().copied()),
            known: T::WORDS.iter().map(|w| (*w).to_owned()).collect(),
            found,
        },
        cause => Problem::Value { found, expected: cause.unwrap_or_else(expected) },
    }
}

fn expected<T: Scalar>() -> String {
    if T::WORDS.is_empty() { T::EXPECTED.to_owned() } else { format!("one of {}", T::WORDS.join(", ")) }
}

fn kind(kind: &ValueKind) -> &'static str {
    match kind {
        ValueKind::Nil => "nothing",
        ValueKind::Table(_) => "a table",
        ValueKind::Array(_) => "a list",
        _ => "a single value",
    }
}

/// Makes a [`Setting`] of each [`Scalar`].
macro_rules! scalars {
    ($($type:ty),+ $(,)?) => {$(
        impl $crate::config::setting::Setting for $type {
            fn shape() -> $crate::config::setting::Shape {
                $crate::config::setting::scalar_shape::<Self>()
            }

            fn read(&mut self, value: &::config::Value, reader: &mut $crate::config::setting::Reader<'_>) {
                if let Some(value) = reader.scalar(value) {
                    *self = value;
                }
            }

            fn write(&self) -> serde_json::Value {
                $crate::config::setting::Scalar::write(self)
            }
        }
    )+};
}
pub(super) use scalars;

/// Defines an enum of words and makes a [`Setting`] of it.
macro_rules! words {
    ($(#[$meta:meta])* pub enum $name:ident { $( $(#[doc = $doc:literal])+ $variant:ident = $word:literal, )+ }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum $name { $( $(#[doc = $doc])+ $variant, )+ }

        impl $name {
            /// All words.
            pub const WORDS: &'static [&'static str] = &[$($word),+];
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The word in the settings.
            pub fn as_str(self) -> &'static str {
                match self { $( Self::$variant => $word, )+ }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl $crate::config::setting::Scalar for $name {
            const EXPECTED: &'static str = "a known word";
            const WORDS: &'static [&'static str] = &[$($word),+];

            fn parse(text: &str) -> Result<Self, Option<String>> {
                match text { $( $word => Ok(Self::$variant), )+ _ => Err(None) }
            }

            fn write(&self) -> serde_json::Value {
                self.as_str().into()
            }
        }

        $crate::config::setting::scalars!($name);
    };
}
pub(super) use words;

/// Defines a section: its struct, its defaults, and how each key is read, described and written. Fields under
/// `beside` are no keys; they are filled in when all layers are known.
macro_rules! section {
    (
        $(#[doc = $about:literal])+
        pub struct $name:ident { $( $(#[doc = $doc:literal])+ pub $field:ident: $type:ty = $default:expr, )+ }
        $( beside { $( $(#[doc = $extra_doc:literal])+ pub $extra:ident: $extra_type:ty = $extra_default:expr, )+ } )?
    ) => {
        $(#[doc = $about])+
        #[derive(Debug, Clone, PartialEq)]
        pub struct $name {
            $( $(#[doc = $doc])+ pub $field: $type, )+
            $($( $(#[doc = $extra_doc])+ pub $extra: $extra_type, )+)?
        }

        impl $name {
            const KEYS: &'static [$crate::config::setting::Key] = &[$(
                $crate::config::setting::Key {
                    name: stringify!($field),
                    doc: &[$($doc),+],
                    shape: <$type as $crate::config::setting::Setting>::shape,
                },
            )+];
        }

        impl Default for $name {
            fn default() -> Self {
                Self { $( $field: $default, )+ $($( $extra: $extra_default, )+)? }
            }
        }

        impl $crate::config::setting::Setting for $name {
            fn shape() -> $crate::config::setting::Shape {
                $crate::config::setting::Shape::Table(Self::KEYS)
            }

            fn read(&mut self, value: &::config::Value, reader: &mut $crate::config::setting::Reader<'_>) {
                let Some(table) = reader.table(value) else { return };
                $( if let Some(value) = table.get(stringify!($field)) {
                    reader.at_key(stringify!($field), |r| self.$field.read(value, r));
                } )+
                reader.unknown_keys(table, Self::KEYS);
            }

            fn write(&self) -> serde_json::Value {
                $crate::config::schema::object(vec![
                    $( (stringify!($field), $crate::config::setting::Setting::write(&self.$field)), )+
                ])
            }

            fn differences(&self, other: &Self, path: &str, out: &mut Vec<String>) {
                $( let key = $crate::config::layers::join(path, stringify!($field));
                $crate::config::setting::Setting::differences(&self.$field, &other.$field, &key, out); )+
            }
        }
    };
}
pub(super) use section;

/// The shape of a [`Scalar`].
pub(super) fn scalar_shape<T: Scalar>() -> Shape {
    Shape::Scalar(ScalarShape { words: T::WORDS, json: T::JSON })
}

impl<T: Scalar> Setting for Option<T> {
    fn shape() -> Shape {
        scalar_shape::<T>()
    }

    fn read(&mut self, value: &Value, reader: &mut Reader<'_>) {
        if let Some(value) = reader.scalar(value) {
            *self = Some(value);
        }
    }

    fn write(&self) -> Json {
        self.as_ref().map_or(Json::Null, Scalar::write)
    }
}

impl<T: Setting + Default> Setting for Vec<T> {
    fn shape() -> Shape {
        Shape::List(Box::new(T::shape()))
    }

    fn read(&mut self, value: &Value, reader: &mut Reader<'_>) {
        let Some(list) = reader.list(value) else { return };
        let failures = reader.failures();
        let mut elements = Vec::new();
        for (i, value) in list.iter().enumerate() {
            let mut element = T::default();
            reader.at_index(i, |r| element.read(value, r));
            elements.push(element);
        }
        // A list that is not right in all its elements says nothing about the whole.
        if reader.failures() == failures {
            *self = elements;
        }
    }

    fn write(&self) -> Json {
        self.iter().map(Setting::write).collect()
    }
}

impl<T: Setting + Default> Setting for BTreeMap<String, T> {
    fn shape() -> Shape {
        Shape::Map(Box::new(T::shape()))
    }

    fn read(&mut self, value: &Value, reader: &mut Reader<'_>) {
        let Some(table) = reader.table(value) else { return };
        for (key, value) in table {
            let mut element = T::default();
            reader.at_key(key, |r| element.read(value, r));
            self.insert(key.clone(), element);
        }
    }

    fn write(&self) -> Json {
        super::schema::object(self.iter().map(|(key, value)| (key.as_str(), value.write())).collect())
    }
}
