//! Where requests are put on arrival and taken out by the one consumer: bounded in number and in memory.

use std::sync::Arc;

use bytes::Bytes;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use prost::Message;
use serde::de::DeserializeOwned;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};

use super::weight::{self, Kind};

/// Requests that wait for the consumer.
pub(super) const QUEUE: usize = 16;
/// Requests that are read from the network at a time.
const READING: usize = 8;
/// The most that one request may weigh once it is decoded, in bytes by estimate: sixteen times the largest one's
/// bytes, which none that has something to say attains. All that wait may weigh twice as much together.
const MAX_WEIGHT: usize = 256 << 20;
/// What the budget is counted in: a semaphore counts no further than 2^29 on small machines.
const UNIT: usize = 1 << 10;

/// What a sender sent.
#[derive(Debug, Clone, PartialEq)]
pub enum Received {
    /// Metrics.
    Metrics(ExportMetricsServiceRequest),
    /// Spans.
    Traces(ExportTraceServiceRequest),
}

/// What arrives, in the order of arrival. Senders are refused while it is full, so it is to be read without pause.
#[derive(Debug)]
pub struct Arrivals(mpsc::Receiver<Waiting>);

/// A request that waits, with its share of the budget.
#[derive(Debug)]
struct Waiting {
    received: Received,
    _share: OwnedSemaphorePermit,
}

/// What a body is said to be about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Signal {
    Metrics,
    Traces,
    Logs,
}

/// How a body is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    Protobuf,
    Json,
}

/// Why a request is not taken.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// There is no room now; the sender has to come again.
    Full,
    /// It is too large at any time.
    TooLarge,
    /// It cannot be read.
    NotOtlp(String),
}

impl Refusal {
    /// In words for people.
    pub(super) fn message(&self) -> String {
        match self {
            Self::Full => "more arrives than can be shown; send it again".to_owned(),
            Self::TooLarge => "the request is too large; send less at once".to_owned(),
            Self::NotOtlp(cause) => format!("the body is not OTLP: {cause}"),
        }
    }
}

/// The end where requests are put in.
#[derive(Debug, Clone)]
pub(super) struct Inbox {
    sender: mpsc::Sender<Waiting>,
    reading: Arc<Semaphore>,
    budget: Arc<Semaphore>,
    heaviest: usize,
}

impl Arrivals {
    /// The next request; `None` when the server has ended and all is taken.
    pub async fn next(&mut self) -> Option<Received> {
        self.0.recv().await.map(|waiting| waiting.received)
    }

    /// The next request if one waits.
    pub fn waiting(&mut self) -> Option<Received> {
        self.0.try_recv().ok().map(|waiting| waiting.received)
    }
}

impl Inbox {
    pub(super) fn new() -> (Self, Arrivals) {
        Self::with(MAX_WEIGHT)
    }

    /// One that takes requests of at most this weight, and twice as much of them together.
    fn with(heaviest: usize) -> (Self, Arrivals) {
        let (sender, receiver) = mpsc::channel(QUEUE);
        let budget = Arc::new(Semaphore::new(2 * heaviest / UNIT));
        (Self { sender, reading: Arc::new(Semaphore::new(READING)), budget, heaviest }, Arrivals(receiver))
    }

    /// Waits for the right to read a request; it is given back with the permit.
    pub(super) async fn permit(&self) -> Option<OwnedSemaphorePermit> {
        // OK because the semaphore is never closed.
        self.reading.clone().acquire_owned().await.ok()
    }

    /// Takes a body in. Whether there is room is seen before it is decoded.
    pub(super) fn take(&self, signal: Signal, format: Format, body: &Bytes) -> Result<(), Refusal> {
        let kind = match signal {
            Signal::Metrics => Kind::Metrics,
            Signal::Traces => Kind::Traces,
            Signal::Logs => return Ok(()),
        };
        let weight = match format {
            Format::Protobuf => weight::of_protobuf(body, kind),
            Format::Json => weight::of_json(body),
        };
        if weight > self.heaviest {
            return Err(Refusal::TooLarge);
        }
        let place = self.sender.try_reserve().map_err(|_| Refusal::Full)?;
        let units = u32::try_from(weight / UNIT + 1).map_err(|_| Refusal::TooLarge)?;
        let share = self.budget.clone().try_acquire_many_owned(units).map_err(|_| Refusal::Full)?;
        let received = match signal {
            Signal::Traces => Received::Traces(decode(body, format)?),
            _ => Received::Metrics(decode(body, format)?),
        };
        place.send(Waiting { received, _share: share });
        Ok(())
    }
}

fn decode<M: Message + Default + DeserializeOwned>(body: &Bytes, format: Format) -> Result<M, Refusal> {
    match format {
        Format::Protobuf => M::decode(body.clone()).map_err(|e| Refusal::NotOtlp(e.to_string())),
        Format::Json => serde_json::from_slice(body).map_err(|e| Refusal::NotOtlp(e.to_string())),
    }
}

/// A channel for tests that have no server.
#[cfg(test)]
pub(crate) mod channel {
    use super::*;

    /// Puts requests in as if they had arrived.
    pub(crate) struct Sender(Inbox);

    impl Sender {
        pub(crate) async fn send(&self, request: &ExportMetricsServiceRequest) {
            while self.0.take(Signal::Metrics, Format::Protobuf, &request.encode_to_vec().into()).is_err() {
                tokio::task::yield_now().await;
            }
        }
    }

    pub(crate) fn channel() -> (Sender, Arrivals) {
        let (inbox, arrivals) = Inbox::new();
        (Sender(inbox), arrivals)
    }
}

#[cfg(test)]
mod tests {
    use opentelemetry_proto::tonic::metrics::v1::number_data_point::Value as Number;

    use super::*;
    use crate::sink::made::{S, container, gauge, memory, of, point, request, retraction, sum};
    use crate::sink::server::MAX_REQUEST;

    fn take(inbox: &Inbox, body: Vec<u8>) -> Result<(), Refusal> {
        inbox.take(Signal::Metrics, Format::Protobuf, &body.into())
    }

    /// So many empty messages that they weigh as much as this, about.
    fn weighing(bytes: usize) -> Vec<u8> {
        b"\x0a\x00".repeat(bytes / size_of::<opentelemetry_proto::tonic::metrics::v1::ResourceMetrics>())
    }

    const HEAVIEST: usize = 1 << 20;

    #[test]
    fn a_request_that_swells_is_refused_before_it_is_decoded() {
        let (inbox, _arrivals) = Inbox::with(HEAVIEST);
        assert_eq!(take(&inbox, weighing(2 * HEAVIEST)), Err(Refusal::TooLarge));
        let json = format!("{{\"resourceMetrics\":[{}", "{},".repeat(HEAVIEST / 64));
        assert_eq!(inbox.take(Signal::Metrics, Format::Json, &json.into()), Err(Refusal::TooLarge));
    }

    #[test]
    fn no_honest_request_is_refused_for_what_it_weighs() {
        for metric in [
            gauge("a", "", vec![retraction(&[], S)]),
            gauge("a", "", vec![point(&[("a", "b"); 8], S, Number::AsInt(1)); 100]),
            sum("container.network.io", "By", true, vec![retraction(&[("network.interface.name", "eth0")], S)]),
        ] {
            let all = request(vec![of(container("web"), vec![metric; 100])]).encode_to_vec();
            let times = weight::of_protobuf(&all, Kind::Metrics).div_ceil(all.len());
            assert!(times <= MAX_WEIGHT / MAX_REQUEST, "{times} times its bytes");
        }
    }

    #[test]
    fn what_waits_has_a_budget_that_is_given_back() {
        let (inbox, mut arrivals) = Inbox::with(HEAVIEST);
        let heavy = || weighing(HEAVIEST * 9 / 10);
        assert_eq!(take(&inbox, heavy()), Ok(()));
        assert_eq!(take(&inbox, heavy()), Ok(()));
        assert_eq!(take(&inbox, heavy()), Err(Refusal::Full));
        assert_eq!(take(&inbox, memory("web", 1.0, 1).encode_to_vec()), Ok(()), "a light one");
        assert!(arrivals.waiting().is_some());
        assert_eq!(take(&inbox, heavy()), Ok(()));
    }

    #[test]
    fn a_bad_request_takes_no_room() {
        let (inbox, _arrivals) = Inbox::new();
        for _ in 0..QUEUE + 1 {
            assert!(matches!(take(&inbox, vec![0xff; 100]), Err(Refusal::NotOtlp(_))));
        }
        for _ in 0..QUEUE {
            assert_eq!(take(&inbox, memory("web", 1.0, 1).encode_to_vec()), Ok(()));
        }
        assert_eq!(take(&inbox, memory("web", 1.0, 1).encode_to_vec()), Err(Refusal::Full));
    }
}
