//! What is going on now, for whoever looks: the page, the control API, `top`, `status`.
//!
//! One [`Board`] is told by the pipelines and the export what they find, decide and deliver. Everybody who looks keeps
//! the number of the last revision seen and asks for what has changed [`since`](Board::since): no queue stands between,
//! so a slow reader gets a larger answer and costs nothing meanwhile. What is on the board is what can be vouched for:
//! numbers leave it the moment their series are retracted.

mod board;
mod engine;
mod handle;
mod numbers;
mod record;
mod rows;
#[cfg(test)]
mod tests;

pub use board::Board;
pub use engine::EngineNews;
pub use handle::{Handle, Reader};
pub use record::{GONE, NOTES, RETRACTIONS};
pub use rows::{
    Agent, ContainerRow, Delivery, Delta, EngineRow, Export, Gone, Level, Note, Numbers, Outbox, ProbeRow, Requests,
    Retraction, Totals, Whom,
};
