//! For the fuzz targets: what reads an engine's answers and is private to this part.

use bytes::Bytes;
use futures_util::{FutureExt, StreamExt, stream};
use http::{HeaderMap, HeaderValue};

use super::podman::Podman;
use super::ssh::SshFailure;
pub use super::stream::fuzzing::documents;
use super::{decode, events, introduction};
use crate::model::Text;
use crate::model::engine::{EngineEvent, EngineInfo};
use crate::model::sample::Sample;

/// The events of a stream that comes in these pieces.
pub fn events(pieces: Vec<Bytes>) -> Vec<Option<EngineEvent>> {
    let events = events::read(stream::iter(pieces.into_iter().map(Ok)));
    // The pieces are all there, so nothing is waited for.
    let events = events.collect::<Vec<_>>().now_or_never().unwrap_or_default();
    events.into_iter().flatten().collect()
}

/// What an engine is by these headers of `/_ping` and these bodies; what cannot be read is as if it was not told.
pub fn introduction(api_version: &[u8], server: &[u8], version: &[u8], info: &[u8]) -> EngineInfo {
    let mut ping = HeaderMap::new();
    for (name, value) in [("api-version", api_version), ("server", server)] {
        if let Ok(value) = HeaderValue::from_bytes(value) {
            ping.insert(name, value);
        }
    }
    let (version, info) = (serde_json::from_slice(version), serde_json::from_slice(info));
    introduction::introduction(Some(&ping), version.unwrap_or_default(), info.unwrap_or_default()).info
}

/// Leaves out of a sample what a Podman of this version does not know.
pub fn correct(version: &str, sample: &mut Sample) {
    Podman::of(Some(version)).correct(sample);
}

/// What is shown of the words of a process that failed, and the mend.
pub fn ssh_failure(heard: &[u8]) -> (String, &'static str) {
    let failure = SshFailure::of(None, heard);
    (failure.to_string(), failure.mend)
}

/// An error message of the engine's, as it is shown.
pub fn shown(body: &[u8]) -> Text {
    decode::message(body)
}
