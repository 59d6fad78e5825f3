//! Answers over gRPC, odd and sound.

use super::*;

use futures_util::stream;

/// An answer's parts as they come: data, then trailers with this status, if any.
fn answer(
    head: &[(&'static str, &'static str)],
    data: &[&'static [u8]],
    status: Option<&'static str>,
) -> Response<Body> {
    let trailers = status.map(|status| Frame::trailers(HeaderMap::from_iter([header(STATUS, status)])));
    let data = data.iter().map(|data| Frame::data(Bytes::from_static(data)));
    let frames: Vec<Result<_, BoxError>> = data.chain(trailers).map(Ok).collect();
    let mut answer = Response::new(Body::new(StreamBody::new(stream::iter(frames))));
    answer.headers_mut().extend(head.iter().map(|(name, value)| header(name, value)));
    answer
}

fn header(name: &'static str, value: &'static str) -> (http::HeaderName, HeaderValue) {
    (http::HeaderName::from_static(name), HeaderValue::from_static(value))
}

/// The message that is left, and the status after it.
async fn seen(answer: Response<Body>) -> Result<(Bytes, String), tonic::Status> {
    let whole = sound(answer).await.into_body().collect().await?;
    let status = whole.trailers().map(|trailers| trailers[STATUS].to_str().unwrap().to_owned());
    Ok((whole.to_bytes(), status.unwrap_or_default()))
}

const GRPC: (&str, &str) = ("content-type", "application/grpc");
const EMPTY: &[u8] = &[0; 5];

#[tokio::test]
async fn whoever_answers_with_a_message_has_the_points_whether_it_can_be_read_or_not() {
    let snappy = [GRPC, ("grpc-encoding", "snappy")];
    let cases: [(&[_], &[&'static [u8]], _, Bytes); 8] = [
        (&[GRPC], &[EMPTY], Some("0"), Bytes::from_static(EMPTY)),
        (&[GRPC], &[&[0, 0], &[0, 0, 0]], Some("0"), Bytes::from_static(EMPTY)),
        // A proxy that knows no trailers.
        (&[GRPC], &[EMPTY], None, Bytes::from_static(EMPTY)),
        (&snappy, &[&[1, 0, 0, 0, 1, 7]], Some("0"), UNREADABLE),
        (&[GRPC, ("grpc-encoding", "gzip")], &[&[1, 0, 0, 0, 1, 7]], Some("0"), UNREADABLE),
        (&[GRPC], &[&[0, 0, 0, 0, 9, 1, 2]], Some("0"), UNREADABLE),
        (&[GRPC], &[&[0, 0, 0]], None, UNREADABLE),
        (&[GRPC], &[&[0, 0, 1, 0, 1]], None, UNREADABLE),
    ];
    for (head, data, status, message) in cases {
        assert_eq!(seen(answer(head, data, status)).await.unwrap(), (message, "0".into()), "{head:?} {data:?}");
    }
}

#[tokio::test]
async fn a_status_that_refuses_stands_whatever_came_before_it() {
    for data in [EMPTY, &[1, 0, 0, 0, 1, 7], &[0, 0, 0, 0, 9]] {
        assert_eq!(seen(answer(&[GRPC], &[data], Some("14"))).await.unwrap(), (Bytes::new(), "14".into()));
    }
    let in_head = seen(answer(&[GRPC, (STATUS, "14")], &[b"page"], None)).await.unwrap();
    assert_eq!(in_head, (Bytes::new(), String::new()));
    let mut page = answer(&[], &[b"<html>"], None);
    *page.status_mut() = StatusCode::BAD_GATEWAY;
    assert_eq!(seen(page).await.unwrap().0, Bytes::new());
}

#[tokio::test]
async fn an_answer_that_says_nothing_is_a_connection_that_was_cut() {
    let error = seen(answer(&[GRPC], &[], None)).await.unwrap_err();
    assert!(error.source().is_some(), "{error:?}");
    assert_eq!(seen(answer(&[GRPC], &[], Some("0"))).await.unwrap(), (Bytes::new(), "0".into()));
    assert!(seen(answer(&[GRPC, (STATUS, "0")], &[], None)).await.is_ok());
}

#[tokio::test]
async fn what_is_no_grpc_is_shown_to_be_none() {
    let page = ("content-type", "text/html");
    for data in [&[][..], &[&b"<"[..]], &[&b"<html>"[..]], &[&[0; 70_000][..]]] {
        assert_eq!(seen(answer(&[page], data, None)).await.unwrap().0, NO_MESSAGE);
    }
}

#[tokio::test]
async fn more_than_the_longest_answer_is_not_waited_for() {
    let endless = stream::repeat_with(|| Ok::<_, BoxError>(Frame::data(Bytes::from_static(&[0; 5 << 10]))));
    let mut answer = Response::new(Body::new(StreamBody::new(endless)));
    answer.headers_mut().extend([header(GRPC.0, GRPC.1)]);
    assert_eq!(seen(answer).await.unwrap(), (UNREADABLE, "0".into()));
}
