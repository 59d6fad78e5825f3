//! For the fuzz targets: what reads requests and is private to this part.

use bytes::Bytes;

use super::inbox::{Arrivals, Format, Inbox, Received, Signal};
use super::weight::{self, Kind};

/// Takes one request in and out again.
pub struct Door {
    inbox: Inbox,
    arrivals: Arrivals,
}

impl Default for Door {
    fn default() -> Self {
        let (inbox, arrivals) = Inbox::new();
        Self { inbox, arrivals }
    }
}

impl Door {
    /// What a body of spans, or else of metrics, in JSON or else in protobuf, is read as.
    ///
    /// # Errors
    /// The words of the refusal.
    pub fn read(&mut self, spans: bool, json: bool, body: &Bytes) -> Result<Option<Received>, String> {
        let signal = if spans { Signal::Traces } else { Signal::Metrics };
        let format = if json { Format::Json } else { Format::Protobuf };
        self.inbox.take(signal, format, body).map_err(|refusal| refusal.message())?;
        Ok(self.arrivals.waiting())
    }
}

/// What such a body weighs.
pub fn weight(spans: bool, json: bool, body: &[u8]) -> usize {
    match json {
        true => weight::of_json(body),
        false => weight::of_protobuf(body, if spans { Kind::Traces } else { Kind::Metrics }),
    }
}

/// A body that came in gzip; `None` if it is refused.
pub fn gunzip(body: &[u8]) -> Option<Bytes> {
    super::http::gunzip(body).ok()
}
