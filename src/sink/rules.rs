//! The rules that a series' points have to keep, and what a point does to its series. Pure.

use std::fmt;
use std::time::Duration;

use super::belief::Series;
use super::identity::{MetricId, Temporality};
use super::points::{Point, Value};
use crate::model::Text;

/// The least distance of two points of a series: Prometheus keeps time in milliseconds.
pub const RESOLUTION: Duration = Duration::from_millis(1);

/// What a sender can do wrong, as far as it can be seen from what arrives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Rule {
    /// A message that holds others holds none.
    Empty,
    /// An attribute key comes twice or is empty.
    BadKey,
    /// A point has no time.
    NoTime,
    /// A point has neither a value nor the flag.
    NoValue,
    /// The value is NaN or infinite.
    NotFinite,
    /// A retraction carries a value.
    RetractionWithValue,
    /// A retraction shares its Metric message with other points: some receivers then skip those.
    RetractionNotAlone,
    /// A series was retracted that had never been published.
    NeverPublished,
    /// A series was retracted that had been retracted already.
    RetractedTwice,
    /// The time is not at least 1 ms later than that of the point before.
    TimeNotRising,
    /// The start is later than the point.
    StartAfterTime,
    /// A cumulative series' start is earlier than that of the point before.
    StartWentBack,
    /// A counter fell although its start stayed the same.
    CounterFell,
    /// A series changed from integers to floating-point numbers or back.
    NumberChanged,
}

impl Rule {
    /// What is wrong, in a few words.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Empty => "an empty message",
            Self::BadKey => "an attribute key comes twice or is empty",
            Self::NoTime => "a point without a time",
            Self::NoValue => "a point with neither value nor flag",
            Self::NotFinite => "not a finite number",
            Self::RetractionWithValue => "a retraction with a value",
            Self::RetractionNotAlone => "a retraction beside other points of one Metric message",
            Self::NeverPublished => "retracted but never published",
            Self::RetractedTwice => "retracted twice",
            Self::TimeNotRising => "the time does not rise by 1 ms or more",
            Self::StartAfterTime => "the start is after the point",
            Self::StartWentBack => "the start went back",
            Self::CounterFell => "a counter fell without a new start",
            Self::NumberChanged => "the type of the number changed",
        }
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One breach of a rule. Its texts come from outside and are not escaped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// Which rule.
    pub rule: Rule,
    /// Whose series: see [`super::identity::display_name`]; empty if it has no name.
    pub resource: Text,
    /// Which series or metric; empty if it is about the request.
    pub series: Text,
    /// The numbers, if there are any.
    pub detail: Text,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.rule.as_str())?;
        for (before, text) in [(": ", &self.series), (" of ", &self.resource), (": ", &self.detail)] {
            if !text.is_empty() {
                write!(f, "{before}{text}")?;
            }
        }
        Ok(())
    }
}

/// What a point does to its series.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Effect {
    /// Nothing: a store would refuse it.
    Refused,
    /// Nothing: it was there already.
    Repeated,
    /// It is the first of a life.
    Publish(Value),
    /// It is a further one.
    Update(Value),
    /// It ends the life.
    Retract,
}

/// What was found: broken rules with their numbers.
pub(super) type Breaches = Vec<(Rule, String)>;

/// Judges `point` by what is known of its series.
pub(super) fn judge(known: Option<&Series>, metric: &MetricId, point: &Point<'_>) -> (Effect, Breaches) {
    if known.is_some_and(|s| s.has_seen(point.digest())) {
        return (Effect::Repeated, Vec::new());
    }
    let mut breaches = form(point);
    if !point.time.is_known() || (point.value.is_none() && !point.flagged) {
        return (Effect::Refused, breaches);
    }
    if let Some(series) = known {
        breaches.extend(order(series, point));
        if point.time <= series.time {
            return (Effect::Refused, breaches);
        }
    }
    let effect = match (known, point.value) {
        (None, _) if point.flagged => {
            breaches.push((Rule::NeverPublished, String::new()));
            Effect::Refused
        }
        (Some(series), _) if point.flagged && !series.live => {
            breaches.push((Rule::RetractedTwice, String::new()));
            Effect::Refused
        }
        (_, _) if point.flagged => Effect::Retract,
        (_, None) => Effect::Refused,
        (Some(series), Some(value)) => {
            breaches.extend(numbers(series, metric, point, value));
            if series.live { Effect::Update(value) } else { Effect::Publish(value) }
        }
        (None, Some(value)) => Effect::Publish(value),
    };
    (effect, breaches)
}

/// What can be said of a point alone.
fn form(point: &Point<'_>) -> Breaches {
    let mut breaches = Vec::new();
    if !point.time.is_known() {
        breaches.push((Rule::NoTime, String::new()));
    }
    match point.value {
        None if !point.flagged => breaches.push((Rule::NoValue, String::new())),
        Some(value) if point.flagged => breaches.push((Rule::RetractionWithValue, value.to_string())),
        Some(value) if !value.is_finite() => breaches.push((Rule::NotFinite, value.to_string())),
        _ => {}
    }
    if point.time.is_known() && point.start > point.time {
        breaches.push((Rule::StartAfterTime, format!("{} after {}", point.start.0, point.time.0)));
    }
    breaches
}

fn order(series: &Series, point: &Point<'_>) -> Option<(Rule, String)> {
    let rises = point.time >= series.time.after(RESOLUTION);
    (!rises).then(|| (Rule::TimeNotRising, format!("from {} to {}", series.time.0, point.time.0)))
}

fn numbers(series: &Series, metric: &MetricId, point: &Point<'_>, value: Value) -> Breaches {
    let mut breaches = Vec::new();
    if !value.is_same_kind(series.value) {
        breaches.push((Rule::NumberChanged, format!("from {} to {value}", series.value)));
    }
    if metric.temporality != Temporality::Cumulative {
        return breaches;
    }
    if point.start < series.start {
        breaches.push((Rule::StartWentBack, format!("from {} to {}", series.start.0, point.start.0)));
    }
    let rises_only = metric.monotonic || matches!(value, Value::Distribution { .. });
    if rises_only && point.start == series.start && value.is_below(series.value) {
        breaches.push((Rule::CounterFell, format!("from {} to {value}", series.value)));
    }
    breaches
}
