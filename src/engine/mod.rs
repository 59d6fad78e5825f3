//! What dockpulse asks of an engine, whichever it is: Docker or Podman behind a socket, or the simulated one.

pub mod decode;
pub mod docker;
mod events;
mod failure;
#[cfg(fuzzing)]
#[doc(hidden)]
pub mod fuzzing;
mod introduction;
mod lenient;
mod podman;
pub mod sockets;
pub mod ssh;
mod stream;
mod wire;

use futures_util::future::BoxFuture;
use futures_util::stream::BoxStream;

use crate::model::container::{ContainerId, Details, Listing};
use crate::model::engine::{Answer, EngineEvent, EngineInfo, Source, Wanted};
use crate::model::sample::{Filesystem, Sample};

/// Reads an engine. Nothing it does changes the engine: every call is a GET (architecture, rule 10).
///
/// A call may be dropped at any time, which aborts it; whoever calls sets the deadline over the whole of it.
/// Implementations cap what they take in and never block.
pub trait Engine: Send + Sync + 'static {
    /// Finds out what it is and which API version to speak; done again after every failure, because an engine may
    /// have been replaced by another version meanwhile.
    fn connect(&self) -> BoxFuture<'_, Answer<EngineInfo>>;

    /// Whether it answers at all.
    fn ping(&self) -> BoxFuture<'_, Answer<()>>;

    /// All containers, stopped ones included.
    fn list(&self, wanted: &Wanted) -> BoxFuture<'_, Answer<Listing>>;

    /// What the list does not tell of one container.
    fn inspect(&self, id: &ContainerId, wanted: &Wanted) -> BoxFuture<'_, Answer<Details>>;

    /// The numbers of one container. [`crate::model::engine::EngineError::NoData`] if it has none now. With
    /// [`Source::Stream`] the first call opens a stream, which then stays open until the container is released.
    fn stats(&self, id: &ContainerId, source: Source, wanted: &Wanted) -> BoxFuture<'_, Answer<Sample>>;

    /// The numbers of this container are no longer asked for: what is kept open for it can go.
    fn release(&self, _id: &ContainerId) {}

    /// Nobody's numbers are asked for now: nothing is kept open.
    fn release_all(&self) {}

    /// How many samples streams brought since the last time this was asked, that were dropped because nobody took them in
    /// time. Those that are just older than the one that was taken are not among them.
    fn samples_dropped(&self) -> u64 {
        0
    }
    /// What one container takes of the disk. The engine reads all that the container has written: it can take minutes.
    fn filesystem(&self, id: &ContainerId) -> BoxFuture<'_, Answer<Filesystem>>;

    /// What happens to containers from now on. `Ok(None)` stands for an event that could not be read: something
    /// was missed. The stream ends with an error or without when it is lost.
    fn events(&self) -> BoxFuture<'_, Answer<Events>>;

    /// Where it is, for messages.
    fn endpoint(&self) -> &str;
}

pub use wire::Address;

/// The events of containers; see [`Engine::events`].
pub type Events = BoxStream<'static, Answer<Option<EngineEvent>>>;
