//! What identifies a series, said once a record: a metric, a key or a set of attributes is said where it is first used
//! and has a number from then on.
//!
//! A series is `metric << 1 | has_start`, `set`; behind each of them that is new what it is. A metric: name, unit, kind.
//! A set: how many pairs, and of each the key (behind it, if it is new, its text) and the value.

use hashbrown::HashMap;

use super::content::{Content, put_count, put_text};
use super::{Damage, Words};
use crate::model::series::{Attributes, Kind, Metric};

/// The fewest bytes of a series.
pub(super) const LEAST: usize = 2;

/// Writes series of one record.
#[derive(Debug, Default)]
pub(super) struct SeriesOut {
    metrics: HashMap<*const Metric, usize>,
    keys: HashMap<&'static str, usize>,
    sets: HashMap<Attributes, usize>,
}

/// A series as it was stored.
#[derive(Debug, Clone)]
pub(super) struct Series {
    pub(super) metric: &'static Metric,
    pub(super) attributes: Attributes,
    pub(super) has_start: bool,
}

/// Reads series of one record.
#[derive(Debug)]
pub(super) struct SeriesIn<'w> {
    words: &'w mut Words,
    metrics: Vec<&'static Metric>,
    keys: Vec<&'static str>,
    sets: Vec<Attributes>,
}

impl SeriesOut {
    /// Appends a series.
    pub(super) fn put(&mut self, out: &mut Vec<u8>, metric: &'static Metric, attributes: &Attributes, has_start: bool) {
        self.put_metric(out, metric, has_start);
        self.put_set(out, attributes);
    }

    fn put_metric(&mut self, out: &mut Vec<u8>, metric: &'static Metric, has_start: bool) {
        let next = self.metrics.len();
        let at = *self.metrics.entry(metric).or_insert(next);
        put_count(out, at << 1 | usize::from(has_start));
        if at == next {
            put_text(out, metric.name);
            put_text(out, metric.unit);
            out.push(code(metric.kind));
        }
    }

    fn put_set(&mut self, out: &mut Vec<u8>, attributes: &Attributes) {
        let next = self.sets.len();
        let at = *self.sets.entry_ref(attributes).or_insert(next);
        put_count(out, at);
        if at < next {
            return;
        }
        put_count(out, attributes.pairs().len());
        for (key, value) in attributes.pairs() {
            self.put_key(out, key);
            put_text(out, value);
        }
    }

    fn put_key(&mut self, out: &mut Vec<u8>, key: &'static str) {
        let next = self.keys.len();
        let at = *self.keys.entry(key).or_insert(next);
        put_count(out, at);
        if at == next {
            put_text(out, key);
        }
    }
}

impl<'w> SeriesIn<'w> {
    pub(super) fn new(words: &'w mut Words) -> Self {
        Self { words, metrics: Vec::new(), keys: Vec::new(), sets: Vec::new() }
    }

    /// Takes a series.
    pub(super) fn take(&mut self, content: &mut Content<'_>) -> Result<Series, Damage> {
        let metric = content.index()?;
        let has_start = metric & 1 == 1;
        let metric = self.metric(metric >> 1, content)?;
        Ok(Series { metric, attributes: self.set(content)?, has_start })
    }

    fn metric(&mut self, at: usize, content: &mut Content<'_>) -> Result<&'static Metric, Damage> {
        if let Some(known) = self.metrics.get(at) {
            return Ok(known);
        }
        is_next(at, self.metrics.len(), "metric")?;
        let (name, unit) = (content.text()?, content.text()?);
        let metric = self.words.metric(name, unit, kind(content.byte()?)?)?;
        self.metrics.push(metric);
        Ok(metric)
    }

    fn set(&mut self, content: &mut Content<'_>) -> Result<Attributes, Damage> {
        let at = content.index()?;
        if let Some(known) = self.sets.get(at) {
            return Ok(known.clone());
        }
        is_next(at, self.sets.len(), "set of attributes")?;
        let count = content.count(2)?;
        let mut pairs = Vec::with_capacity(count);
        for _ in 0..count {
            pairs.push((self.key(content)?, content.text()?));
        }
        let set = self.words.attributes(&pairs)?;
        self.sets.push(set.clone());
        Ok(set)
    }

    fn key(&mut self, content: &mut Content<'_>) -> Result<&'static str, Damage> {
        let at = content.index()?;
        if let Some(known) = self.keys.get(at) {
            return Ok(known);
        }
        is_next(at, self.keys.len(), "attribute key")?;
        let key = self.words.key(content.text()?)?;
        self.keys.push(key);
        Ok(key)
    }
}

/// What is not known yet has the next number.
pub(super) fn is_next(at: usize, next: usize, what: &'static str) -> Result<(), Damage> {
    if at == next { Ok(()) } else { Err(Damage::Unusable(what)) }
}

fn code(kind: Kind) -> u8 {
    match kind {
        Kind::Gauge => 1,
        Kind::UpDownSum => 2,
        Kind::Counter => 3,
    }
}

fn kind(code: u8) -> Result<Kind, Damage> {
    match code {
        1 => Ok(Kind::Gauge),
        2 => Ok(Kind::UpDownSum),
        3 => Ok(Kind::Counter),
        _ => Err(Damage::Unusable("kind of metric")),
    }
}
