//! What points say of their series, as bytes: up to eight in a row that say the same are one byte, followed by their
//! values. No more than eight, so that few bytes cannot stand for millions of points.

use super::Damage;
use super::content::{Content, put_signed};
use crate::model::batch::{Mark, Reason};
use crate::model::series::Value;

/// The most points that one byte stands for.
pub(super) const LONGEST_RUN: usize = 8;
const CODE_BITS: u32 = 5;
const CODES: u8 = (1 << CODE_BITS) - 1;

const FIRST_INT: u8 = 0;
const FIRST_DOUBLE: u8 = 1;
const NEXT_INT: u8 = 2;
const NEXT_DOUBLE: u8 = 3;

/// Points in a row of the same code.
#[derive(Debug, Clone, Copy)]
pub(super) struct Run {
    code: u8,
    /// From 1 to [`LONGEST_RUN`].
    pub(super) length: usize,
}

/// The code of a mark, without its value. It stands on disk: a code never changes its meaning.
pub(super) fn code(mark: Mark) -> u8 {
    match mark {
        Mark::First(Value::Int(_)) => FIRST_INT,
        Mark::First(Value::Double(_)) => FIRST_DOUBLE,
        Mark::Next(Value::Int(_)) => NEXT_INT,
        Mark::Next(Value::Double(_)) => NEXT_DOUBLE,
        Mark::Retracted(Reason::Removed) => 8,
        Mark::Retracted(Reason::Stopped) => 9,
        Mark::Retracted(Reason::SampleFailed) => 10,
        Mark::Retracted(Reason::EngineDown) => 11,
        Mark::Retracted(Reason::IdentityChanged) => 12,
        Mark::Retracted(Reason::SeriesEnded) => 13,
        Mark::Retracted(Reason::StateChanged) => 14,
        Mark::Retracted(Reason::Unwatched) => 15,
        Mark::Retracted(Reason::Shutdown) => 16,
    }
}

fn reason(code: u8) -> Result<Reason, Damage> {
    match code {
        8 => Ok(Reason::Removed),
        9 => Ok(Reason::Stopped),
        10 => Ok(Reason::SampleFailed),
        11 => Ok(Reason::EngineDown),
        12 => Ok(Reason::IdentityChanged),
        13 => Ok(Reason::SeriesEnded),
        14 => Ok(Reason::StateChanged),
        15 => Ok(Reason::Unwatched),
        16 => Ok(Reason::Shutdown),
        _ => Err(Damage::Unusable("mark")),
    }
}

impl Run {
    /// Appends that `length` points have this code; no more than [`LONGEST_RUN`].
    pub(super) fn put(out: &mut Vec<u8>, code: u8, length: usize) {
        debug_assert!((1..=LONGEST_RUN).contains(&length), "a run of {length}");
        let more = u8::try_from(length.saturating_sub(1)).unwrap_or_default();
        out.push(more << CODE_BITS | code);
    }

    /// Takes how many points have which code.
    pub(super) fn take(content: &mut Content<'_>) -> Result<Self, Damage> {
        let byte = content.byte()?;
        Ok(Self { code: byte & CODES, length: usize::from(byte >> CODE_BITS) + 1 })
    }

    /// Takes the next mark of it.
    pub(super) fn mark(self, content: &mut Content<'_>) -> Result<Mark, Damage> {
        Ok(match self.code {
            FIRST_INT => Mark::First(Value::Int(content.signed()?)),
            NEXT_INT => Mark::Next(Value::Int(content.signed()?)),
            FIRST_DOUBLE => Mark::First(double(content)?),
            NEXT_DOUBLE => Mark::Next(double(content)?),
            retracted => Mark::Retracted(reason(retracted)?),
        })
    }
}

/// Appends the value of a mark, if it has one.
pub(super) fn put_value(out: &mut Vec<u8>, mark: Mark) {
    match mark {
        Mark::First(Value::Int(n)) | Mark::Next(Value::Int(n)) => put_signed(out, n),
        Mark::First(Value::Double(n)) | Mark::Next(Value::Double(n)) => out.extend_from_slice(&n.to_le_bytes()),
        Mark::Retracted(_) => {}
    }
}

fn double(content: &mut Content<'_>) -> Result<Value, Damage> {
    Ok(Value::Double(f64::from_le_bytes(content.eight()?)))
}
