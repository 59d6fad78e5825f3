//! Expectations of what has to arrive: read from a file ([`mod@file`]), checked as it comes ([`check`]).

pub mod bound;
pub mod check;
pub mod file;
mod yaml;

use std::fmt;

use globset::GlobMatcher;

use self::bound::Bound;
use super::Value;
use super::identity::{Attribute, Attributes, SeriesId};

/// One thing that has to be seen, or must not be. Series match by glob; of a resource and of attributes only what is
/// named here is compared.
#[derive(Debug, Clone)]
pub struct Expectation {
    /// The line of the file on which it begins, from 1.
    pub line: usize,
    /// The metric's name.
    pub metric: Pattern,
    /// Attributes of the resource.
    pub resource: Vec<(String, Pattern)>,
    /// Attributes of the point.
    pub attributes: Vec<(String, Pattern)>,
    /// What the numbers have to be.
    pub value: Option<Bound>,
    /// What has to become of such series.
    pub want: Want,
}

/// What has to become of the series that match.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Want {
    /// One of them gets so many numbers that keep the bound. Once met, it stays so.
    Points(u64),
    /// One of them is retracted after at least so many numbers, its last one keeps the bound, and none of them is
    /// live.
    Retracted(u64),
    /// No point of them arrives — if there is a bound: no number within it — before all others are met.
    Absent,
}

/// A glob, with its text. `*` stands for any characters, dots included.
#[derive(Debug, Clone)]
pub struct Pattern {
    text: String,
    glob: GlobMatcher,
}

impl Pattern {
    /// Reads a glob.
    pub fn try_new(text: &str) -> Result<Self, globset::Error> {
        Ok(Self { text: text.to_owned(), glob: globset::Glob::new(text)?.compile_matcher() })
    }

    /// As it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether `text` is as it says.
    pub fn matches(&self, text: &str) -> bool {
        self.text == text || self.glob.is_match(text)
    }

    /// Whether the value is, written as text; of a list also one of its members.
    fn matches_attribute(&self, value: &Attribute) -> bool {
        match value {
            Attribute::Text(text) => self.matches(text),
            Attribute::List(members) if members.iter().any(|m| self.matches_attribute(m)) => true,
            other => self.matches(&other.to_string()),
        }
    }
}

impl Expectation {
    /// Whether it is about this series.
    pub fn concerns(&self, resource: &Attributes, id: &SeriesId) -> bool {
        self.metric.matches(&id.metric.name)
            && matching(&self.attributes, &id.attributes) == self.attributes.len()
            && matching(&self.resource, resource) == self.resource.len()
    }

    /// Whether the number is as wanted.
    pub fn admits(&self, value: Value) -> bool {
        self.value.is_none_or(|bound| bound.admits(value))
    }
}

/// How many of `wanted` are found in `found`.
fn matching(wanted: &[(String, Pattern)], found: &Attributes) -> usize {
    wanted.iter().filter(|(key, pattern)| found.get(key).is_some_and(|v| pattern.matches_attribute(v))).count()
}

/// In words: `container.cpu.time{cpu.mode=user} of container.name=web: 2 points >= 0`.
impl fmt::Display for Expectation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.metric.as_str())?;
        if !self.attributes.is_empty() {
            write!(f, "{{{}}}", Pairs(&self.attributes))?;
        }
        if !self.resource.is_empty() {
            write!(f, " of {}", Pairs(&self.resource))?;
        }
        match self.want {
            Want::Points(1) => f.write_str(": 1 point")?,
            Want::Points(n) => write!(f, ": {n} points")?,
            Want::Retracted(1) => f.write_str(": retracted")?,
            Want::Retracted(n) => write!(f, ": retracted after {n} points")?,
            Want::Absent => f.write_str(": absent")?,
        }
        match self.value {
            Some(bound) => write!(f, ", value {bound}"),
            None => Ok(()),
        }
    }
}

struct Pairs<'a>(&'a [(String, Pattern)]);

impl fmt::Display for Pairs<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, (key, pattern)) in self.0.iter().enumerate() {
            write!(f, "{}{key}={}", if i == 0 { "" } else { "," }, pattern.as_str())?;
        }
        Ok(())
    }
}
