//! What there is to say of one container: whether it is watched and by which rule, its identity and where each part of
//! it comes from, its series, and what would retract them. Pure: the series come from the pipeline's own code.

mod ending;
mod find;
mod json;
mod series;
mod text;

pub use self::ending::{Ending, Ends, Terms, endings};
pub use self::find::{Candidate, Found, find};
pub use self::json::json;
pub use self::series::{Facet, Live, Series};
pub use self::text::write;

use crate::convert;
use crate::filter::{Filter, Rule, Verdict};
use crate::model::Text;
use crate::model::container::{Listed, State};
use crate::model::series::AttributeValue;

/// Everything.
#[derive(Debug, Clone, PartialEq)]
pub struct Report {
    /// Who was asked.
    pub told_by: ToldBy,
    /// The engine it is on.
    pub engine: EngineFound,
    /// The container as it is listed.
    pub container: Listed,
    /// Whether it is watched.
    pub watched: Watched,
    /// How many containers of the engine the filters let in, if more than may be watched, and how many that is.
    pub over_cap: Option<(usize, usize)>,
    /// The attributes of its resource, sorted by name.
    pub identity: Vec<Attribute>,
    /// Those of them that every point carries too.
    pub on_points: Vec<Text>,
    /// Its series.
    pub series: Vec<Series>,
    /// What of it could not be had.
    pub failures: Vec<String>,
    /// What would retract its series.
    pub endings: Vec<Ending>,
}

/// Who was asked about a container.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ToldBy {
    /// Its engine.
    Engine,
    /// The agent that watches it.
    Agent,
}

impl ToldBy {
    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Engine => "engine",
            Self::Agent => "agent",
        }
    }
}

/// The engine that a container is on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EngineFound {
    /// What it is called.
    pub name: Text,
    /// Where it is.
    pub endpoint: Text,
    /// What it is: `docker 28.0.1, API 1.47, host h, amd64`.
    pub described: String,
}

/// Whether a container is watched, and what decided.
#[derive(Debug, Clone, PartialEq)]
pub enum Watched {
    /// Nothing excludes it, and there are no include rules.
    Yes,
    /// This include rule lets it in, and nothing excludes it.
    Included(RuleAt),
    /// Its label says no.
    Disabled,
    /// This rule excludes it.
    Excluded(RuleAt),
    /// There are so many include rules, and none matches.
    NotIncluded(usize),
    /// It does not run, and `containers.stopped` is false.
    Stopped(State),
}

/// A rule of the settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleAt {
    /// Where it is: `containers.exclude[1]`.
    pub place: Place,
    /// What it says: `{ name: web-* }`.
    pub rule: String,
}

/// A key of the settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The key.
    pub key: String,
    /// Where it is set: a file with line and column, a variable or a flag.
    pub origin: String,
}

/// Tells where a key of the settings is set.
pub type Origin<'a> = &'a dyn Fn(&str) -> String;

impl Place {
    fn of(key: String, origin: Origin<'_>) -> Self {
        let origin = origin(&key);
        Self { key, origin }
    }
}

/// An attribute of the resource.
#[derive(Debug, Clone, PartialEq)]
pub struct Attribute {
    /// Its name.
    pub key: Text,
    /// Its value.
    pub value: AttributeValue,
    /// Where it comes from.
    pub source: Source,
    /// Whether the value was too long and was cut.
    pub cut: bool,
}

/// Where an attribute comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// The engine.
    BuiltIn,
    /// This label, which the orchestrator gave.
    Orchestrator(Text),
    /// This label, by `attributes.labels`.
    Label(Text, Place),
    /// This variable, by `attributes.env`.
    Variable(Text, Place),
    /// `OTEL_RESOURCE_ATTRIBUTES`.
    Standard,
}

impl Watched {
    /// What `filter` and `containers.stopped` say of a container; `origin` tells where a key was set.
    pub fn of(filter: &Filter, stopped: bool, listed: &Listed, origin: Origin<'_>) -> Self {
        let at = |list: &str, rules: &[Rule], index: usize| {
            let rule = rules.get(index).map(ToString::to_string).unwrap_or_default();
            RuleAt { place: Place::of(format!("containers.{list}[{index}]"), origin), rule }
        };
        match filter.admits(listed) {
            Verdict::Disabled => Self::Disabled,
            Verdict::Excluded(index) => Self::Excluded(at("exclude", &filter.exclude, index)),
            Verdict::NotIncluded => Self::NotIncluded(filter.include.len()),
            Verdict::Admitted if !stopped && !listed.state.is_running() && listed.state != State::Unknown => {
                Self::Stopped(listed.state)
            }
            Verdict::Admitted => match filter.included_by(listed) {
                Some(index) => Self::Included(at("include", &filter.include, index)),
                None => Self::Yes,
            },
        }
    }

    /// Whether it is.
    pub fn is_yes(&self) -> bool {
        matches!(self, Self::Yes | Self::Included(_))
    }
}

impl Attribute {
    /// What convert says of an attribute.
    pub fn of(attribute: &convert::Attribute<'_>, origin: Origin<'_>) -> Self {
        let place = |part: &str, key: &str| Place::of(format!("attributes.{part}.{key}"), origin);
        let source = match attribute.source {
            convert::Source::BuiltIn => Source::BuiltIn,
            convert::Source::Orchestrator(label) => Source::Orchestrator(label.into()),
            convert::Source::Label(label) => Source::Label(label.into(), place("labels", label)),
            convert::Source::Variable(name) => Source::Variable(name.into(), place("env", name)),
            convert::Source::Standard => Source::Standard,
        };
        Self { key: attribute.key.clone(), value: attribute.value.clone(), source, cut: attribute.cut }
    }
}

#[cfg(test)]
mod tests;
