//! The tables, and the records that only the store has.

use std::collections::BTreeMap;

use redb::TableDefinition;

use super::notice::Trouble;
use crate::model::Text;
use crate::model::published::Owner;
use crate::outbox::record::{self, Frame, Kind};

/// Batches, by their place in the order of all.
pub(super) const BATCHES: TableDefinition<u64, &[u8]> = TableDefinition::new("batches");
/// Of each batch: when it was pushed, the bytes of its record, values, retractions.
pub(super) const HEADS: TableDefinition<u64, (u64, u64, u64, u64)> = TableDefinition::new("heads");
/// What is live, by engine and owner.
pub(super) const OWNERS: TableDefinition<(&str, &str), &[u8]> = TableDefinition::new("owners");
/// What batches and owners refer to.
pub(super) const RESOURCES: TableDefinition<u64, &[u8]> = TableDefinition::new("resources");
/// Of the store itself.
pub(super) const META: TableDefinition<u8, &[u8]> = TableDefinition::new("meta");

/// The key of [`State`] in [`META`], and the first byte of its record.
pub(super) const STATE: u8 = 0;
/// The key of the lives whose begin was dropped, as a batch of their first points, and the first byte of its record.
pub(super) const UNBORN: u8 = 1;

/// What the store has to know besides its rows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct State {
    /// The number of the transaction that wrote it.
    pub(super) transaction: u64,
    /// The number of the next batch.
    pub(super) next: u64,
    /// All batches up to this one are in line with what was dropped before them.
    pub(super) settled: u64,
    /// The number of the next resource.
    pub(super) next_resource: u64,
    /// Of each engine, the time that none of its points is later than.
    pub(super) latest: BTreeMap<Text, u64>,
}

impl State {
    /// The content of its record.
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut out = vec![STATE];
        for number in [self.transaction, self.next, self.settled, self.next_resource] {
            out.extend(number.to_le_bytes());
        }
        for (engine, latest) in &self.latest {
            out.extend(latest.to_le_bytes());
            out.extend((engine.len() as u64).to_le_bytes());
            out.extend(engine.as_bytes());
        }
        out
    }

    /// `None` if the bytes are none.
    pub(super) fn decode(content: &[u8]) -> Option<Self> {
        let mut rest = content.strip_prefix(&[STATE])?;
        let mut state = Self {
            transaction: number(&mut rest)?,
            next: number(&mut rest)?,
            settled: number(&mut rest)?,
            next_resource: number(&mut rest)?,
            latest: BTreeMap::new(),
        };
        while !rest.is_empty() {
            let latest = number(&mut rest)?;
            let length = usize::try_from(number(&mut rest)?).ok()?;
            let (engine, after) = rest.split_at_checked(length)?;
            state.latest.insert(std::str::from_utf8(engine).ok()?.into(), latest);
            rest = after;
        }
        Some(state)
    }
}

/// Takes a number from the front of some bytes.
pub(super) fn number(rest: &mut &[u8]) -> Option<u64> {
    let (first, after) = rest.split_first_chunk()?;
    *rest = after;
    Some(u64::from_le_bytes(*first))
}

/// The key of an owner within its engine.
pub(super) fn owner_key(owner: &Owner) -> &str {
    match owner {
        Owner::Engine => "",
        Owner::Container(id) => id.as_str(),
    }
}

/// The content of a record of this kind.
pub(super) fn unframe(kind: Kind, bytes: &[u8]) -> Result<Frame<'_>, Trouble> {
    match record::unframe(bytes) {
        Ok(frame) if frame.kind == kind => Ok(frame),
        Ok(_) => Err(Trouble::damaged("a record is of another kind than its place")),
        Err(damage) => Err(damage.into()),
    }
}

impl From<record::Damage> for Trouble {
    fn from(damage: record::Damage) -> Self {
        Self::damaged(damage)
    }
}
