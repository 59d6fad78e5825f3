//! What became of each request, as data: for logs, counters, traces, and for the retractions that are owed again.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::classify::Failure;
use crate::model::Text;
use crate::model::batch::Point;
use crate::model::series::Resource;
use crate::model::time::Now;

/// One request, or points that were lost without one.
#[derive(Debug, Clone)]
pub struct ExportReport {
    /// The collector, without credentials.
    pub endpoint: Text,
    /// When the try began.
    pub started: Now,
    /// When its outcome was known.
    pub ended: Now,
    /// The request's size before compression; 0 if the points were dropped without one.
    pub bytes: usize,
    /// Its points, retractions included.
    pub points: usize,
    /// The retractions among them.
    pub retractions: usize,
    /// What became of it.
    pub outcome: Outcome,
}

/// What became of a request.
#[derive(Debug, Clone)]
pub enum Outcome {
    /// The collector has it.
    Delivered {
        /// Points that it says it rejected; they are not sent again.
        rejected: u64,
        /// What it says about that. With `rejected` 0 it is a warning. Usually empty.
        message: String,
        /// If it rejected some: all retractions of the request, because it does not say which. They are owed again, as
        /// new points.
        refused: Vec<Refused>,
    },
    /// The same bytes are sent again after a pause.
    Retrying {
        /// Why.
        cause: Failure,
        /// The failures in a row, from 1.
        attempt: u32,
        /// The pause.
        pause: Duration,
    },
    /// It was over the collector's limit; its points are sent again in smaller requests.
    Splitting {
        /// The collector's answer.
        cause: Failure,
        /// The new limit, in bytes before compression.
        limit: usize,
    },
    /// Its points are lost.
    Dropped {
        /// Why.
        cause: Failure,
        /// The retractions among them; they are owed again, as new points.
        refused: Vec<Refused>,
    },
}

/// A retraction that the collector did not take and will not take, or may not have taken.
#[derive(Debug, Clone, PartialEq)]
pub struct Refused {
    /// Whose series it is.
    pub resource: Arc<Resource>,
    /// The retraction as it was sent.
    pub point: Point,
}

impl fmt::Display for ExportReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "collector {}: ", self.endpoint)?;
        match &self.outcome {
            Outcome::Delivered { rejected: 0, message, .. } if message.is_empty() => {
                write!(f, "{} delivered", points(self.points))
            }
            Outcome::Delivered { rejected: 0, message, .. } => {
                write!(f, "{} delivered, with a warning: {message}", points(self.points))
            }
            Outcome::Delivered { rejected, message, refused } => {
                write!(f, "{rejected} of {} rejected{}: {message}", points(self.points), owed(refused))
            }
            Outcome::Retrying { cause, pause, .. } if pause.is_zero() => {
                write!(f, "{cause}; trying again with the credentials that are there now")
            }
            Outcome::Retrying { cause, attempt, pause } => {
                write!(f, "{cause}; trying again in {:.1} s (failure {attempt} in a row)", pause.as_secs_f64())
            }
            Outcome::Splitting { cause, limit } => {
                write!(f, "{cause}; sending the same points in requests of at most {limit} bytes")
            }
            Outcome::Dropped { cause, refused } => {
                write!(f, "{} dropped{}: {cause}", points(self.points), owed(refused))
            }
        }
    }
}

fn owed(refused: &[Refused]) -> &'static str {
    if refused.is_empty() { "" } else { ", its retractions are sent anew" }
}

fn points(count: usize) -> String {
    if count == 1 { "1 point".to_owned() } else { format!("{count} points") }
}
