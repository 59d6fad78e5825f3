//! What identifies a series: the metric, the attributes of its points, the resource.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Arc, OnceLock};

use hashbrown::{Equivalent, HashSet};

use super::Text;

/// A metric as it is published: everything of it that is part of a series' identity. Each is a `static` of a
/// profile's table; two profiles may have the same metric.
#[derive(Debug, PartialEq, Eq, Hash)]
pub struct Metric {
    /// The name.
    pub name: &'static str,
    /// The unit, in UCUM.
    pub unit: &'static str,
    /// The kind of series.
    pub kind: Kind,
}

impl Metric {
    /// Whether both are the same metric.
    pub fn is(&self, other: &Self) -> bool {
        std::ptr::eq(self, other) || self == other
    }
}

/// The kind of a metric's series. Sums are cumulative.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A value of the moment that makes no sense to add up.
    Gauge,
    /// A sum that may fall.
    UpDownSum,
    /// A sum that only rises, from its start time on.
    Counter,
}

/// A number; never negative zero, NaN or infinite where this crate makes it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Value {
    /// OTLP `as_int`.
    Int(i64),
    /// OTLP `as_double`.
    Double(f64),
}

/// The attributes of a point. Interned ([`AttributeInterner`]): a copy costs a reference.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Attributes(Arc<AttributeSet>);

/// Sorted, distinct keys with their values.
#[derive(Debug)]
struct AttributeSet {
    pairs: Box<[(&'static str, Text)]>,
    wire: OnceLock<Box<[u8]>>,
}

impl PartialEq for AttributeSet {
    fn eq(&self, other: &Self) -> bool {
        self.pairs == other.pairs
    }
}

impl Eq for AttributeSet {}

impl Hash for AttributeSet {
    fn hash<H: Hasher>(&self, state: &mut H) {
        hash_pairs(self.pairs.iter().map(|(k, v)| (*k, &**v)), state);
    }
}

fn hash_pairs<'a, H: Hasher>(pairs: impl ExactSizeIterator<Item = (&'a str, &'a str)>, state: &mut H) {
    state.write_usize(pairs.len());
    for (key, value) in pairs {
        key.hash(state);
        value.hash(state);
    }
}

impl Attributes {
    /// The pairs, sorted by key.
    pub fn pairs(&self) -> &[(&'static str, Text)] {
        &self.0.pairs
    }

    /// The value of one key.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.pairs().iter().find(|(k, _)| *k == key).map(|(_, v)| &**v)
    }

    /// The encoded form, made once by `encode` (there is one encoder: OTLP's).
    pub fn wire(&self, encode: impl FnOnce(&Self) -> Vec<u8>) -> &[u8] {
        self.0.wire.get_or_init(|| encode(self).into_boxed_slice())
    }

    /// Whether both are one and the same in memory; equal ones of one interner are.
    pub fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

/// Keeps one copy of each set of attributes. Bounded by what is in use: sets that nobody holds any more are dropped
/// each time it has doubled.
#[derive(Debug, Default)]
pub struct AttributeInterner {
    sets: HashSet<Arc<AttributeSet>>,
    sweep_at: usize,
}

const FIRST_SWEEP: usize = 1024;

struct Borrowed<'a>(&'a [(&'static str, &'a str)]);

impl Hash for Borrowed<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        hash_pairs(self.0.iter().map(|(k, v)| (*k, *v)), state);
    }
}

impl Equivalent<Arc<AttributeSet>> for Borrowed<'_> {
    fn equivalent(&self, set: &Arc<AttributeSet>) -> bool {
        self.0.len() == set.pairs.len() && self.0.iter().zip(&set.pairs).all(|(a, b)| a.0 == b.0 && *a.1 == *b.1)
    }
}

impl AttributeInterner {
    /// The set of these pairs. Keys have to be sorted and distinct; the callers' are constants.
    pub fn intern(&mut self, pairs: &[(&'static str, &str)]) -> Attributes {
        debug_assert!(pairs.is_sorted_by(|a, b| a.0 < b.0), "keys are sorted and distinct: {pairs:?}");
        if let Some(set) = self.sets.get(&Borrowed(pairs)) {
            return Attributes(set.clone());
        }
        if self.sets.len() >= self.sweep_at.max(FIRST_SWEEP) {
            self.sets.retain(|set| Arc::strong_count(set) > 1);
            self.sweep_at = self.sets.len() * 2;
        }
        let pairs = pairs.iter().map(|(k, v)| (*k, Text::from(*v))).collect();
        let set = Arc::new(AttributeSet { pairs, wire: OnceLock::new() });
        self.sets.insert(set.clone());
        Attributes(set)
    }

    /// How many sets are kept.
    pub fn len(&self) -> usize {
        self.sets.len()
    }

    /// Whether none is kept.
    pub fn is_empty(&self) -> bool {
        self.sets.is_empty()
    }
}

/// A value of a resource attribute.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum AttributeValue {
    /// A string.
    Text(Text),
    /// An array of strings.
    List(Vec<Text>),
}

impl From<&str> for AttributeValue {
    fn from(text: &str) -> Self {
        Self::Text(text.into())
    }
}

impl From<Text> for AttributeValue {
    fn from(text: Text) -> Self {
        Self::Text(text)
    }
}

/// Whose series they are: resource attributes, and those of them that are copied onto every point.
/// Made once per life and shared.
#[derive(Debug)]
pub struct Resource {
    attributes: Box<[(Text, AttributeValue)]>,
    on_points: Box<[(Text, Text)]>,
    /// Which version of this program has made it; `None`: this one.
    version: Option<Text>,
    wire: OnceLock<ResourceWire>,
    fingerprint: OnceLock<Fingerprint>,
}

/// Tells resources apart without keeping them: equal ones have the same, within one process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Fingerprint(u64);

/// The version of this program: that of the scope of what it publishes.
const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The encoded forms of a resource, made once.
#[derive(Debug)]
pub struct ResourceWire {
    /// The `Resource` message's content.
    pub resource: Box<[u8]>,
    /// The attributes that every point of it carries besides its own.
    pub on_points: Box<[u8]>,
}

impl PartialEq for Resource {
    fn eq(&self, other: &Self) -> bool {
        self.attributes == other.attributes && self.on_points == other.on_points && self.version == other.version
    }
}

impl Eq for Resource {}

impl Hash for Resource {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.attributes.hash(state);
        self.on_points.hash(state);
    }
}

impl Resource {
    /// Sorts `attributes` by key; of two with one key the first counts. Empty keys are left out. `on_points` names
    /// those that are copied onto every point; lists are not copied.
    pub fn new(attributes: Vec<(Text, AttributeValue)>, on_points: &[String]) -> Self {
        let is_copied = |key: &Text| on_points.iter().any(|name| **name == **key);
        let attributes = attributes.into_iter().map(|(key, value)| {
            let copied = is_copied(&key);
            (key, value, copied)
        });
        Self::with_copies(attributes.collect())
    }

    /// The same, where each attribute says for itself whether it is copied onto every point.
    pub fn with_copies(mut attributes: Vec<(Text, AttributeValue, bool)>) -> Self {
        attributes.retain(|(key, ..)| !key.is_empty());
        attributes.sort_by(|a, b| a.0.cmp(&b.0));
        attributes.dedup_by(|a, b| a.0 == b.0);
        let on_points = attributes
            .iter()
            .filter_map(|(key, value, copied)| match value {
                AttributeValue::Text(text) if *copied => Some((key.clone(), text.clone())),
                _ => None,
            })
            .collect();
        let attributes = attributes.into_iter().map(|(key, value, _)| (key, value)).collect();
        Self { attributes, on_points, version: None, wire: OnceLock::new(), fingerprint: OnceLock::new() }
    }

    /// The same, made by this version of the program. The scope of its series has that version, so it is part of what
    /// identifies them: what an older version has published ends under the older version.
    #[must_use]
    pub fn made_by(mut self, version: &str) -> Self {
        self.version = (version != VERSION).then(|| version.into());
        (self.wire, self.fingerprint) = Default::default();
        self
    }

    /// Which version of the program has made it.
    pub fn version(&self) -> &str {
        self.version.as_deref().unwrap_or(VERSION)
    }

    /// The attributes, sorted by key.
    pub fn attributes(&self) -> &[(Text, AttributeValue)] {
        &self.attributes
    }

    /// The attributes that every point of it carries besides its own.
    pub fn on_points(&self) -> &[(Text, Text)] {
        &self.on_points
    }

    /// The text of one attribute.
    pub fn text(&self, key: &str) -> Option<&Text> {
        match self.attributes.iter().find(|(k, _)| **k == *key) {
            Some((_, AttributeValue::Text(text))) => Some(text),
            _ => None,
        }
    }

    /// The encoded forms, made once by `encode`.
    pub fn wire(&self, encode: impl FnOnce(&Self) -> ResourceWire) -> &ResourceWire {
        self.wire.get_or_init(|| encode(self))
    }

    /// What tells it from others, made once.
    pub fn fingerprint(&self) -> Fingerprint {
        *self.fingerprint.get_or_init(|| {
            let mut hasher = DefaultHasher::new();
            self.hash(&mut hasher);
            Fingerprint(hasher.finish())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_attributes_are_kept_once() {
        let mut interner = AttributeInterner::default();
        let a = interner.intern(&[("a", "1"), ("b", "2")]);
        let b = interner.intern(&[("a", "1"), ("b", "2")]);
        let c = interner.intern(&[("a", "1"), ("b", "3")]);
        assert!(a.is_same(&b) && a == b && a != c);
        assert_eq!(interner.len(), 2);
    }

    #[test]
    fn attributes_that_nobody_holds_are_dropped_in_the_end() {
        let mut interner = AttributeInterner::default();
        let kept = interner.intern(&[("interface", "kept")]);
        for i in 0..100_000 {
            interner.intern(&[("interface", &format!("veth{i}"))]);
        }
        assert!(interner.len() <= 2 * FIRST_SWEEP, "{}", interner.len());
        assert!(interner.intern(&[("interface", "kept")]).is_same(&kept));
    }

    #[test]
    fn what_another_version_has_made_is_another_identity() {
        let made_by = |version| Resource::new(vec![("a".into(), "1".into())], &[]).made_by(version);
        let ours = Resource::new(vec![("a".into(), "1".into())], &[]);
        assert_eq!(made_by(VERSION), ours);
        assert_ne!(made_by("0.0.9"), ours);
        assert_eq!((made_by("0.0.9").version(), ours.version()), ("0.0.9", VERSION));
    }

    #[test]
    fn a_resource_has_each_key_once_and_copies_what_is_asked_for() {
        let r = Resource::new(
            vec![("b".into(), "1".into()), ("a".into(), "2".into()), ("b".into(), "3".into()), ("".into(), "x".into())],
            &["b".to_owned()],
        );
        assert_eq!(r.attributes().len(), 2);
        assert_eq!(r.text("b").map(|t| &**t), Some("1"));
        assert_eq!(r.on_points(), [("b".into(), "1".into())]);
    }
}
