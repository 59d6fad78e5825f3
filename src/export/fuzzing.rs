//! For the fuzz targets: what reads a collector's answers and is private to this part.

use ::http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};
use bytes::Bytes;
use tonic::Status;

use super::answer;
use super::classify::Verdict;
use super::client::LONGEST_ANSWER;
use super::compress::Encoding;
use super::grpc::{self, Answer};
use super::http;
use crate::model::time::UnixNanos;

/// The verdict on an answer over HTTP; `None` if no such answer can be. Headers that cannot stand in one are left out.
pub fn over_http(status: u16, headers: &[(&'static str, &[u8])], body: &[u8], now: UnixNanos) -> Option<Verdict> {
    let mut answer = Response::new(());
    *answer.status_mut() = StatusCode::from_u16(status).ok()?;
    *answer.headers_mut() = header_map(headers);
    Some(http::verdict(&answer.into_parts().0, body, true, now))
}

/// The verdict on a gRPC status as headers or trailers tell it; `None` if they tell none, or success.
pub fn grpc_status(headers: &[(&'static str, &[u8])]) -> Option<Verdict> {
    let status = Status::from_header_map(&answer::sound_details(header_map(headers)))?;
    (status.code() != tonic::Code::Ok).then(|| grpc::told(&status))
}

/// The verdict on the message of an answer with status OK.
pub fn grpc_message(message: &[u8]) -> Verdict {
    Answer::read(message).verdict()
}

/// The message of an answer that came compressed, in gzip or else in zstd; `None` if it cannot be read.
pub fn grpc_compressed(gzip: bool, message: &[u8]) -> Option<Bytes> {
    let encoding = if gzip { Encoding::Gzip } else { Encoding::Zstd };
    encoding.plain_message(Bytes::copy_from_slice(message), LONGEST_ANSWER)
}

/// A message as it is sent compressed.
pub fn compressed(gzip: bool, message: &[u8]) -> Option<Bytes> {
    let encoding = if gzip { Encoding::Gzip } else { Encoding::Zstd };
    encoding.grpc_message(message)
}

fn header_map(headers: &[(&'static str, &[u8])]) -> HeaderMap {
    let values = headers.iter().filter_map(|(name, value)| Some((*name, HeaderValue::from_bytes(value).ok()?)));
    values.map(|(name, value)| (HeaderName::from_static(name), value)).collect()
}
