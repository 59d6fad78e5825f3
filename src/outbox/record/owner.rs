//! What is live of one owner. It says whose it is, so that it can be read without what surrounds it.
//!
//! The engine; 0, or 1 and a container's id; the number of the resource; for each facet how many series, and of each
//! what it is and, if it has one, its start time (as the step from the last).

use std::sync::Arc;

use super::content::{Content, put_count, put_number, put_step, put_text};
use super::series::{LEAST, Series, SeriesIn, SeriesOut};
use super::{Damage, Rid, Words};
use crate::model::Text;
use crate::model::container::ContainerId;
use crate::model::published::{Facet, Owner, Published};
use crate::model::time::UnixNanos;

const ENGINE: u8 = 0;
const CONTAINER: u8 = 1;

/// An owner as it was stored.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredOwner {
    /// Of which engine.
    pub engine: Text,
    /// Who.
    pub owner: Owner,
    /// Under which number its resource is stored.
    pub rid: Rid,
    /// The live series of each facet, by [`Facet::index`].
    pub facets: [Arc<[Published]>; Facet::ALL.len()],
}

/// The bytes of an owner.
pub fn encode_owner(engine: &str, owner: &Owner, rid: Rid, facets: &[Arc<[Published]>; Facet::ALL.len()]) -> Vec<u8> {
    let mut out = Vec::new();
    put_text(&mut out, engine);
    match owner {
        Owner::Engine => out.push(ENGINE),
        Owner::Container(id) => {
            out.push(CONTAINER);
            put_text(&mut out, id.as_str());
        }
    }
    put_number(&mut out, rid.0);
    let (mut series, mut last) = (SeriesOut::default(), 0);
    for facet in facets {
        put_count(&mut out, facet.len());
        for Published { metric, attributes, start } in facet.iter() {
            series.put(&mut out, metric, attributes, start.is_known());
            if start.is_known() {
                put_step(&mut out, &mut last, start.0);
            }
        }
    }
    out
}

/// The owner that [`encode_owner`] made these bytes of.
///
/// # Errors
/// What is wrong with the bytes.
pub fn decode_owner(bytes: &[u8], words: &mut Words) -> Result<StoredOwner, Damage> {
    let mut content = Content::new(bytes);
    let engine = content.text()?.into();
    let owner = match content.byte()? {
        ENGINE => Owner::Engine,
        CONTAINER => {
            let id = ContainerId::try_new(content.text()?);
            Owner::Container(id.ok_or(Damage::Unusable("container id"))?)
        }
        _ => return Err(Damage::Unusable("owner")),
    };
    let rid = Rid(content.number()?);
    let (mut series, mut last) = (SeriesIn::new(words), 0);
    let mut facet = || take_facet(&mut content, &mut series, &mut last);
    let facets = [facet()?, facet()?, facet()?];
    content.end()?;
    Ok(StoredOwner { engine, owner, rid, facets })
}

fn take_facet(
    content: &mut Content<'_>,
    series: &mut SeriesIn<'_>,
    last: &mut u64,
) -> Result<Arc<[Published]>, Damage> {
    let count = content.count(LEAST)?;
    let mut facet = Vec::with_capacity(count);
    for _ in 0..count {
        let Series { metric, attributes, has_start } = series.take(content)?;
        let start = if has_start { UnixNanos(content.step(last)?) } else { UnixNanos::UNKNOWN };
        facet.push(Published { metric, attributes, start });
    }
    Ok(facet.into())
}
