//! An answer over gRPC, read as far as that makes sense and made sound before tonic sees it: tonic panics on status
//! details that are not base64, would read a body without end, and has one status for an answer that it cannot read and
//! for a refusal. A collector that answers with a message, whatever is in it, has the points: it sends one only then.

use std::error::Error;
use std::io;

use bytes::{Bytes, BytesMut};
use http::response::Parts;
use http::{HeaderMap, HeaderValue, Response, StatusCode};
use http_body_util::{BodyExt, Full, LengthLimitError, Limited, StreamBody};
use hyper::body::Frame;
use tonic::body::Body;
use tonic::metadata::MetadataMap;

use super::client::LONGEST_ANSWER;
use super::compress::Encoding;

const STATUS: &str = "grpc-status";
const STATUS_DETAILS: &str = "grpc-status-details-bin";

/// What is before a message: a flag that says “compressed”, and the length.
const BEFORE: usize = 5;

/// A message that is none of OTLP's.
const UNREADABLE: Bytes = Bytes::from_static(&[0, 0, 0, 0, 1, 0xff]);

/// Not even a message: tonic says so, and `classify` what mends it.
const NO_MESSAGE: Bytes = Bytes::from_static(&[0xff; BEFORE]);

type BoxError = Box<dyn Error + Send + Sync>;

/// What came after a head that refuses nothing.
#[derive(Default)]
struct Read {
    bytes: BytesMut,
    /// Those with a status.
    trailers: Option<HeaderMap>,
    /// There is more than is worth reading.
    is_too_long: bool,
}

/// The answer with a body that ends, with one message at most, not compressed; or with the error that cut it.
pub(super) async fn sound(answer: Response<Body>) -> Response<Body> {
    let (mut head, body) = answer.into_parts();
    head.headers = sound_details(head.headers);
    let encoding = head.headers.remove("grpc-encoding").and_then(|name| Encoding::of(name.as_bytes()));
    let body = if refuses(&head) {
        // Such as a page: what is in it says nothing that the status does not.
        Body::empty()
    } else {
        let read = read(body).await;
        read.and_then(|read| read.told(&head, encoding)).unwrap_or_else(|error| {
            Body::new(StreamBody::new(tokio_stream::once(Err::<Frame<Bytes>, BoxError>(error))))
        })
    };
    Response::from_parts(head, body)
}

pub(super) fn sound_details(headers: HeaderMap) -> HeaderMap {
    if !headers.contains_key(STATUS_DETAILS) {
        return headers;
    }
    let metadata = MetadataMap::from_headers(headers);
    let sound = metadata.get_bin(STATUS_DETAILS).is_some_and(|value| value.to_bytes().is_ok());
    let mut headers = metadata.into_headers();
    if !sound {
        headers.remove(STATUS_DETAILS);
    }
    headers
}

fn refuses(head: &Parts) -> bool {
    head.status != StatusCode::OK || head.headers.get(STATUS).is_some_and(|status| status != "0")
}

fn speaks_grpc(headers: &HeaderMap) -> bool {
    headers.get("content-type").is_none_or(|kind| kind.as_bytes().starts_with(b"application/grpc"))
}

async fn read(body: Body) -> Result<Read, BoxError> {
    let (mut body, mut read) = (Limited::new(body, LONGEST_ANSWER + BEFORE), Read::default());
    while let Some(frame) = body.frame().await {
        match frame.map(Frame::into_data) {
            Ok(Ok(data)) => read.bytes.extend_from_slice(&data),
            Ok(Err(frame)) => read.trailers = frame.into_trailers().ok().filter(|t| t.contains_key(STATUS)),
            Err(error) if error.is::<LengthLimitError>() => read.is_too_long = true,
            Err(error) => return Err(error),
        }
        if read.is_too_long || read.trailers.is_some() || announces_too_much(&read.bytes) {
            return Ok(Read { is_too_long: read.trailers.is_none(), ..read });
        }
    }
    Ok(read)
}

/// Whether these bytes begin with the length of a message that is not worth waiting for, or are none.
fn announces_too_much(bytes: &[u8]) -> bool {
    let length = bytes.get(1..BEFORE).and_then(|length| <[u8; 4]>::try_from(length).ok()).map(u32::from_be_bytes);
    length.is_some_and(|length| length as usize > LONGEST_ANSWER)
}

impl Read {
    /// What tonic is told of it.
    fn told(self, head: &Parts, encoding: Option<Encoding>) -> Result<Body, BoxError> {
        let (bytes, speaks_grpc) = (self.bytes.freeze(), speaks_grpc(&head.headers));
        let ended = self.trailers.is_some() || head.headers.contains_key(STATUS);
        let trailers = self.trailers.map_or_else(success, sound_details);
        let refused = trailers.get(STATUS).is_some_and(|status| status != "0");
        let message = match first(&bytes, encoding).filter(|_| !self.is_too_long) {
            _ if refused => Bytes::new(),
            Some(message) => message,
            None if bytes.is_empty() && ended => Bytes::new(),
            None if !speaks_grpc => NO_MESSAGE,
            // A stream that was reset may come as one that ended.
            None if bytes.is_empty() && !self.is_too_long => {
                return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the answer ended before its message").into());
            }
            None => UNREADABLE,
        };
        Ok(Body::new(Full::new(message).with_trailers(async move { Some(Ok(trailers)) })))
    }
}

fn success() -> HeaderMap {
    HeaderMap::from_iter([(http::HeaderName::from_static(STATUS), HeaderValue::from_static("0"))])
}

/// The first message, not compressed; `None` if it is not whole, or compressed in a way that nobody asked for.
fn first(bytes: &Bytes, encoding: Option<Encoding>) -> Option<Bytes> {
    let (flag, rest) = bytes.split_first()?;
    let (length, content) = rest.split_first_chunk::<4>()?;
    let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
    let message = bytes.slice(..BEFORE + content.get(..length)?.len());
    match (flag, encoding) {
        (0, _) => Some(message),
        (1, Some(encoding)) => encoding.plain_message(message, LONGEST_ANSWER),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
