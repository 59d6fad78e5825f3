//! What a collector answers, over HTTP and gRPC. Parts: a status, the content type or `grpc-message`, `Retry-After` or
//! the status' details in base64, the body or message.
#![no_main]

use std::time::Duration;

use dockpulse::export::fuzzing;
use dockpulse::export::retry::{Backoff, LONGEST_ASKED};
use dockpulse::export::{Verdict, classify};
use dockpulse_fuzz::{at, can_be_shown, parts, within};
use libfuzzer_sys::fuzz_target;

/// So much of an answer is read.
const LONGEST_ANSWER: usize = 64 << 10;
const NOW: u64 = 1_795_315_523;
const BACKOFF: Backoff = Backoff { initial: Duration::from_secs(1), max: Duration::from_secs(30) };

fuzz_target!(|input: &[u8]| {
    let [status, second, third, body] = parts(input);
    let most = (256 << 10) + 16 * input.len();
    let number = str::from_utf8(status).ok().and_then(|text| text.trim().parse().ok()).unwrap_or(200);
    let headers = [("content-type", second), ("retry-after", third)];
    if let Some(verdict) = within(most, || fuzzing::over_http(number, &headers, body, at(NOW).wall)) {
        check(&verdict);
        let retries = matches!(verdict, Verdict::Retry { .. });
        assert_eq!(matches!(verdict, Verdict::Acked { .. }), (200..300).contains(&number), "{number}: {verdict:?}");
        // Two of them say that the request did not get to the collector.
        assert!(!retries || [400, 407, 429, 502, 503, 504].contains(&number), "{number}: {verdict:?}");
    }
    let headers = [("grpc-status", status), ("grpc-message", second), ("grpc-status-details-bin", third)];
    if let Some(verdict) = within(most, || fuzzing::grpc_status(&headers)) {
        assert!(!matches!(verdict, Verdict::Acked { .. }), "a failure is no success: {verdict:?}");
        check(&verdict);
    }
    let verdict = within(most, || fuzzing::grpc_message(body));
    assert!(matches!(verdict, Verdict::Acked { .. }), "the collector has the points, whatever it says");
    check(&verdict);
    compressed(body);
    if let Ok(text) = str::from_utf8(third) {
        assert!(classify::retry_after(text, at(NOW).wall).is_none_or(|wait| wait <= LONGEST_ASKED));
    }
});

/// A message may be compressed; what it becomes is bounded, and what was compressed comes out again.
fn compressed(message: &[u8]) {
    let framed = [&[1][..], &(message.len() as u32).to_be_bytes(), message].concat();
    for gzip in [true, false] {
        let plain = within((512 << 10) + 4 * message.len(), || fuzzing::grpc_compressed(gzip, &framed));
        assert!(plain.is_none_or(|plain| plain.len() <= LONGEST_ANSWER + 5));
        let again = fuzzing::compressed(gzip, message).expect("there is memory");
        let back = fuzzing::grpc_compressed(gzip, &again).expect("it was compressed here");
        assert_eq!(&back[5..], message);
    }
}

fn check(verdict: &Verdict) {
    if let Verdict::Acked { message, .. } = verdict {
        assert!(can_be_shown(message) && message.chars().count() <= 301 * 10, "{message:?}");
    }
    if let Verdict::Retry { after: Some(after), .. } = verdict {
        assert!(*after <= LONGEST_ASKED && BACKOFF.asked(*after, 1.0) <= LONGEST_ASKED);
    }
    let cause = match verdict {
        Verdict::Acked { .. } => return,
        Verdict::Retry { cause, .. } => cause,
        Verdict::TooLarge(cause) | Verdict::Reauthenticate(cause) | Verdict::Drop(cause) => cause,
    };
    let words = cause.to_string();
    assert!(can_be_shown(&words) && words.chars().count() <= 301 * 10 + 300, "{words:?}");
}
