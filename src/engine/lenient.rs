//! Values that are read from any JSON: what is of a wrong type is absent, and spoils nothing beside it.

use std::fmt;
use std::marker::PhantomData;

use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

/// The most bytes of one text; a longer one is cut at a character.
const LONGEST: usize = 4096;
/// The most elements of one array that are kept.
const MOST: usize = 4096;

/// Skips whatever is there.
macro_rules! ignore_others {
    ($($name:ident: $type:ty),*) => {
        $(fn $name<E>(self, _: $type) -> Result<Self::Value, E> {
            Ok(Self::Value::default())
        })*
    };
}

macro_rules! ignore_containers {
    () => {
        fn visit_unit<E>(self) -> Result<Self::Value, E> {
            Ok(Self::Value::default())
        }
    };
    (seq) => {
        fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
            while seq.next_element::<IgnoredAny>()?.is_some() {}
            Ok(Self::Value::default())
        }
    };
    (map) => {
        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
            Ok(Self::Value::default())
        }
    };
}

/// A number from 0 to `i64::MAX`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Number {
    /// Not there, or null.
    #[default]
    Absent,
    /// It.
    Good(i64),
    /// There, but negative, too large, or no number.
    Bad,
}

impl Number {
    /// The number, if it can be used; counts those that cannot.
    pub(super) fn take(self, unusable: &mut u32) -> Option<i64> {
        match self {
            Self::Absent => None,
            Self::Good(n) => Some(n),
            Self::Bad => {
                *unusable += 1;
                None
            }
        }
    }

    /// The number, if it can be used.
    pub(super) fn get(self) -> Option<i64> {
        self.take(&mut 0)
    }
}

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NumberVisitor)
    }
}

struct NumberVisitor;

impl<'de> Visitor<'de> for NumberVisitor {
    type Value = Number;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("anything")
    }

    fn visit_u64<E>(self, n: u64) -> Result<Number, E> {
        Ok(i64::try_from(n).map_or(Number::Bad, Number::Good))
    }

    fn visit_i64<E>(self, n: i64) -> Result<Number, E> {
        Ok(if n < 0 { Number::Bad } else { Number::Good(n) })
    }

    fn visit_f64<E>(self, _: f64) -> Result<Number, E> {
        Ok(Number::Bad)
    }

    fn visit_str<E>(self, _: &str) -> Result<Number, E> {
        Ok(Number::Bad)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Number, E> {
        Ok(Number::Bad)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Number, A::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Number::Bad)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Number, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Number::Bad)
    }

    ignore_containers!();
}

/// A text; empty for anything else.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Word(String);

impl Word {
    pub(super) fn as_str(&self) -> &str {
        &self.0
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// This text, or `other` if it is empty.
    pub(super) fn or<'a>(&'a self, other: &'a Self) -> &'a str {
        if self.is_empty() { &other.0 } else { &self.0 }
    }
}

impl<'de> Deserialize<'de> for Word {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(WordVisitor)
    }
}

struct WordVisitor;

impl<'de> Visitor<'de> for WordVisitor {
    type Value = Word;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("anything")
    }

    fn visit_str<E>(self, text: &str) -> Result<Word, E> {
        Ok(Word(text[..text.floor_char_boundary(LONGEST)].to_owned()))
    }

    ignore_others!(visit_u64: u64, visit_i64: i64, visit_f64: f64, visit_bool: bool);
    ignore_containers!();
    ignore_containers!(seq);
    ignore_containers!(map);
}

/// True for `true` alone.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Flag(pub(super) bool);

impl<'de> Deserialize<'de> for Flag {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(FlagVisitor)
    }
}

struct FlagVisitor;

impl<'de> Visitor<'de> for FlagVisitor {
    type Value = Flag;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("anything")
    }

    fn visit_bool<E>(self, flag: bool) -> Result<Flag, E> {
        Ok(Flag(flag))
    }

    ignore_others!(visit_u64: u64, visit_i64: i64, visit_f64: f64, visit_str: &str);
    ignore_containers!();
    ignore_containers!(seq);
    ignore_containers!(map);
}

/// An object; empty for anything else.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Part<T>(pub(super) T);

impl<'de, T: Deserialize<'de> + Default> Deserialize<'de> for Part<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(PartVisitor(PhantomData))
    }
}

struct PartVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de> + Default> Visitor<'de> for PartVisitor<T> {
    type Value = Part<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("anything")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Part<T>, A::Error> {
        T::deserialize(MapAccessDeserializer::new(map)).map(Part)
    }

    ignore_others!(visit_u64: u64, visit_i64: i64, visit_f64: f64, visit_str: &str, visit_bool: bool);
    ignore_containers!();
    ignore_containers!(seq);
}

/// An array, up to a cap; empty for anything else.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Many<T>(pub(super) Vec<T>);

impl<T> Default for Many<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Many<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ManyVisitor(PhantomData))
    }
}

struct ManyVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for ManyVisitor<T> {
    type Value = Many<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("anything")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Many<T>, A::Error> {
        let mut out = Vec::new();
        while out.len() < MOST {
            match seq.next_element()? {
                Some(element) => out.push(element),
                None => return Ok(Many(out)),
            }
        }
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Many(out))
    }

    ignore_others!(visit_u64: u64, visit_i64: i64, visit_f64: f64, visit_str: &str, visit_bool: bool);
    ignore_containers!();
    ignore_containers!(map);
}

/// The entries of an object, up to a cap; empty for anything else.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Entries<T>(pub(super) Vec<(String, T)>);

impl<T> Default for Entries<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Entries<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(EntriesVisitor(PhantomData))
    }
}

struct EntriesVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for EntriesVisitor<T> {
    type Value = Entries<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("anything")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Entries<T>, A::Error> {
        let mut out = Vec::new();
        while out.len() < MOST {
            match map.next_entry()? {
                Some(entry) => out.push(entry),
                None => return Ok(Entries(out)),
            }
        }
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Entries(out))
    }

    ignore_others!(visit_u64: u64, visit_i64: i64, visit_f64: f64, visit_str: &str, visit_bool: bool);
    ignore_containers!();
    ignore_containers!(seq);
}

/// An object; anything else is an error (a derived reader would take an array too).
#[derive(Debug)]
pub(super) struct Object<T>(pub(super) T);

impl<'de, T: Deserialize<'de> + Default> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(ObjectVisitor(PhantomData))
    }
}

struct ObjectVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de> + Default> Visitor<'de> for ObjectVisitor<T> {
    type Value = Object<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Object<T>, A::Error> {
        T::deserialize(MapAccessDeserializer::new(map)).map(Object)
    }
}
