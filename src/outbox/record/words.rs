//! Stored text becomes what lives as long as the program: metrics and keys of attributes.

use std::hash::Hash;

use hashbrown::{Equivalent, HashSet};

use super::Damage;
use crate::model::series::{AttributeInterner, Attributes, Kind, Metric};

/// The most metrics that are kept for good; the largest profile has fewer than a hundred.
const MOST_METRICS: usize = 1024;
/// The most keys that are kept for good.
const MOST_KEYS: usize = 1024;
/// The most bytes of a metric's name or of a key; OpenTelemetry's bound of a name.
const LONGEST_NAME: usize = 255;
/// The most bytes of a unit; OpenTelemetry's bound.
const LONGEST_UNIT: usize = 63;

/// Metrics, keys and attributes, each once. What is not known yet is kept for good, up to a fixed bound: about 1 MiB. A
/// process needs only one of these.
#[derive(Debug, Default)]
pub struct Words {
    metrics: HashSet<&'static Metric>,
    keys: HashSet<&'static str>,
    attributes: AttributeInterner,
    made_metrics: usize,
    made_keys: usize,
}

/// A metric that may not be known yet. Its hash is that of [`Metric`]: the same fields in the same order.
#[derive(Hash)]
struct Said<'a> {
    name: &'a str,
    unit: &'a str,
    kind: Kind,
}

impl Equivalent<&'static Metric> for Said<'_> {
    fn equivalent(&self, metric: &&'static Metric) -> bool {
        self.name == metric.name && self.unit == metric.unit && self.kind == metric.kind
    }
}

impl Words {
    /// Takes these for what is stored with the same content, so that nothing has to be kept for them.
    pub fn know(
        &mut self,
        metrics: impl IntoIterator<Item = &'static Metric>,
        keys: impl IntoIterator<Item = &'static str>,
    ) {
        self.metrics.extend(metrics);
        self.keys.extend(keys);
    }

    /// The metric of this content.
    pub(super) fn metric(&mut self, name: &str, unit: &str, kind: Kind) -> Result<&'static Metric, Damage> {
        if let Some(known) = self.metrics.get(&Said { name, unit, kind }) {
            return Ok(known);
        }
        if !is_name(name) || !is_word(unit) || unit.len() > LONGEST_UNIT {
            return Err(Damage::Unusable("metric"));
        }
        if self.made_metrics >= MOST_METRICS {
            return Err(Damage::NoRoom("metric"));
        }
        self.made_metrics += 1;
        let metric: &'static Metric = Box::leak(Box::new(Metric { name: keep(name), unit: keep(unit), kind }));
        self.metrics.insert(metric);
        Ok(metric)
    }

    /// The key of this content.
    pub(super) fn key(&mut self, key: &str) -> Result<&'static str, Damage> {
        if let Some(known) = self.keys.get(key) {
            return Ok(known);
        }
        if !is_name(key) {
            return Err(Damage::Unusable("attribute key"));
        }
        if self.made_keys >= MOST_KEYS {
            return Err(Damage::NoRoom("attribute key"));
        }
        self.made_keys += 1;
        let key = keep(key);
        self.keys.insert(key);
        Ok(key)
    }

    /// The set of these pairs; keys have to rise.
    pub(super) fn attributes(&mut self, pairs: &[(&'static str, &str)]) -> Result<Attributes, Damage> {
        if !pairs.is_sorted_by(|a, b| a.0 < b.0) {
            return Err(Damage::Unusable("order of attribute keys"));
        }
        Ok(self.attributes.intern(pairs))
    }
}

fn is_name(text: &str) -> bool {
    (1..=LONGEST_NAME).contains(&text.len()) && is_word(text)
}

fn is_word(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_graphic())
}

fn keep(text: &str) -> &'static str {
    Box::leak(Box::from(text))
}

#[cfg(test)]
mod tests;
