//! Every answer of a collector and its verdict.

use proptest::prelude::*;

use super::*;

const SECOND: Duration = Duration::from_secs(1);

/// What a verdict comes to: r(etry), d(rop), t(oo large), c(redentials), a(cked).
fn letter(verdict: &Verdict) -> char {
    match verdict {
        Verdict::Acked { .. } => 'a',
        Verdict::Retry { .. } => 'r',
        Verdict::TooLarge(_) => 't',
        Verdict::Reauthenticate(_) => 'c',
        Verdict::Drop(_) => 'd',
    }
}

#[test]
fn every_grpc_code_has_the_verdict_that_otlp_gives_it() {
    let table = [
        (Code::Ok, 'd', 'd'),
        (Code::Cancelled, 'r', 'r'),
        (Code::Unknown, 'd', 'd'),
        (Code::InvalidArgument, 'd', 'd'),
        (Code::DeadlineExceeded, 'r', 'r'),
        (Code::NotFound, 'd', 'd'),
        (Code::AlreadyExists, 'd', 'd'),
        (Code::PermissionDenied, 'c', 'c'),
        (Code::ResourceExhausted, 'd', 'r'),
        (Code::FailedPrecondition, 'd', 'd'),
        (Code::Aborted, 'r', 'r'),
        (Code::OutOfRange, 'r', 'r'),
        (Code::Unimplemented, 'd', 'd'),
        (Code::Internal, 'd', 'd'),
        (Code::Unavailable, 'r', 'r'),
        (Code::DataLoss, 'r', 'r'),
        (Code::Unauthenticated, 'c', 'c'),
    ];
    for (number, (code, without, with_retry_info)) in table.into_iter().enumerate() {
        assert_eq!(code as usize, number, "the table has all codes in order");
        assert_eq!(letter(&grpc(code, "", None)), without, "{code:?}");
        assert_eq!(letter(&grpc(code, "", Some(SECOND))), with_retry_info, "{code:?} with RetryInfo");
    }
}

#[test]
fn every_http_status_has_the_verdict_that_otlp_gives_it() {
    for status in (100..600).filter(|status| !(200..300).contains(status)) {
        let expected = match status {
            429 | 502 | 503 | 504 => 'r',
            413 => 't',
            401 | 403 => 'c',
            _ => 'd',
        };
        let status = StatusCode::from_u16(status).unwrap();
        assert_eq!(letter(&http(status, "", None)), expected, "{status}");
        assert_eq!(letter(&http(status, "", Some(SECOND))), expected, "{status} with Retry-After");
    }
}

#[test]
fn the_words_of_servers_for_a_message_that_is_too_large_are_known() {
    for (code, words) in [
        (Code::ResourceExhausted, "grpc: received message larger than max (5000000 vs. 4194304)"),
        (Code::ResourceExhausted, "SERVER: Received message larger than max (5000000 vs. 4194304)"),
        (Code::ResourceExhausted, "gRPC message exceeds maximum size 4194304: 5000000"),
        (Code::ResourceExhausted, "grpc: received message after decompression larger than max (5000000 vs. 4194304)"),
        (Code::ResourceExhausted, "Received message exceeds the maximum configured message size."),
        (Code::ResourceExhausted, "Received message that decompresses to a size larger than 4194304"),
        (Code::InvalidArgument, "the write request's message is larger than max-recv-msg-size"),
        (Code::OutOfRange, "Error decompressing: size limit, of 4194304 bytes, exceeded while decompressing message"),
        (Code::OutOfRange, "Error, decoded message length too large: found 5000000 bytes, the limit is: 4194304 bytes"),
        (Code::Unknown, "grpc-status header missing, mapped from HTTP status code 413"),
    ] {
        assert_eq!(letter(&grpc(code, words, None)), 't', "{words}");
        assert_eq!(letter(&grpc(code, words, Some(SECOND))), 't', "{words}: it would be as large then");
    }
    assert_eq!(letter(&http(StatusCode::BAD_REQUEST, "http: request body too large", None)), 't');
    assert_eq!(letter(&http(StatusCode::INTERNAL_SERVER_ERROR, "http: request body too large", None)), 'd');
    assert_eq!(letter(&grpc(Code::Internal, "larger than max", None)), 'd');
    assert_eq!(letter(&grpc(Code::ResourceExhausted, "quota of 10 points a second", None)), 'd');
    assert_eq!(letter(&grpc(Code::Unavailable, "larger than max", None)), 'r');
}

#[test]
fn retry_after_is_seconds_or_a_date_and_never_more_than_ten_minutes() {
    let at = UnixNanos(784_111_777 * 1_000_000_000);
    let seconds = |text| retry_after(text, at).map(|wait| wait.as_secs());
    for (text, expected) in [
        ("0", Some(0)),
        ("2", Some(2)),
        (" 120 ", Some(120)),
        ("601", Some(600)),
        ("99999999999999999999999999", Some(600)),
        ("Sun, 06 Nov 1994 08:49:41 GMT", Some(4)),
        ("Sun, 06 Nov 1994 08:49:30 GMT", Some(0)),
        ("Sat, 06 Nov 2094 08:49:37 GMT", Some(600)),
        ("", None),
        ("-1", None),
        ("1.5", None),
        ("soon", None),
    ] {
        assert_eq!(seconds(text), expected, "{text:?}");
    }
}

#[test]
fn a_wait_that_the_collector_asks_for_is_passed_on_up_to_ten_minutes() {
    let after = |verdict| match verdict {
        Verdict::Retry { after, .. } => after,
        other => panic!("{other:?}"),
    };
    assert_eq!(after(grpc(Code::Unavailable, "", Some(SECOND))), Some(SECOND));
    assert_eq!(after(grpc(Code::ResourceExhausted, "", Some(SECOND * 86400))), Some(LONGEST_ASKED));
    assert_eq!(after(http(StatusCode::TOO_MANY_REQUESTS, "", Some(SECOND * 86400))), Some(LONGEST_ASKED));
    assert_eq!(after(http(StatusCode::BAD_GATEWAY, "", None)), None);
}

#[test]
fn a_partial_success_is_a_success() {
    assert_eq!(acked(7, "odd"), Verdict::Acked { rejected: 7, message: "odd".to_owned() });
    assert_eq!(acked(-7, ""), Verdict::Acked { rejected: 0, message: String::new() });
}

#[test]
fn failures_name_the_cause_and_the_mend() {
    let text = |verdict| match verdict {
        Verdict::Retry { cause, .. }
        | Verdict::Drop(cause)
        | Verdict::TooLarge(cause)
        | Verdict::Reauthenticate(cause) => cause.to_string(),
        Verdict::Acked { .. } => String::new(),
    };
    assert_eq!(
        text(grpc(Code::Unauthenticated, "no token", None)),
        "the collector answered UNAUTHENTICATED (16): no token; check export.headers"
    );
    assert_eq!(
        text(http(StatusCode::NOT_FOUND, "", None)),
        "the collector answered 404 Not Found; check the path of export.endpoint, usually /v1/metrics"
    );
}

proptest! {
    #[test]
    fn what_is_shown_is_short_and_has_no_control_characters(text in any::<String>()) {
        let shown = shown(&text);
        prop_assert!(shown.chars().all(|c| !c.is_control()));
        prop_assert!(shown.chars().count() <= LONGEST_TEXT * 10 + 1);
    }

    #[test]
    fn any_retry_after_is_taken_or_left(text in any::<String>(), now in any::<u64>()) {
        prop_assert!(retry_after(&text, UnixNanos(now)).is_none_or(|wait| wait <= LONGEST_ASKED));
    }
}

#[test]
fn terminal_codes_and_hidden_marks_are_escaped() {
    assert_eq!(shown("a\u{1b}[2Jb\n\u{202e}c"), r"a\u{1b}[2Jb\n\u{202e}c");
    assert_eq!(shown("žluťoučký ✓"), "žluťoučký ✓");
}
