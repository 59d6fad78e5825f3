//! What findings of a collector lead to which lines, and which other ways there are.

use std::time::Duration;

use tonic::Code;

use super::super::{Line, Status};
use super::instead::{Own, Way, proves, ways};
use super::*;
use crate::export::{Failure, Protocol};
use crate::model::time::UnixNanos;

fn judged(findings: &Findings) -> Line {
    let subject = Subject { settings: Settings::default() };
    judge(&subject, findings, UnixNanos(1_800_000_000_000_000_000)).pop().unwrap()
}

fn answered(verdict: Verdict) -> Findings {
    let connected = Some(Ok((([127, 0, 0, 1], 4317).into(), Duration::from_millis(1))));
    Findings { connected, answer: Some((verdict, Duration::from_millis(2))), ..Findings::default() }
}

fn http(status: u16) -> Failure {
    Failure::Http { status: http::StatusCode::from_u16(status).unwrap(), message: String::new() }
}

fn grpc(code: Code, message: &str) -> Failure {
    Failure::Grpc { code, message: message.to_owned() }
}

/// What tonic says of an HTTP status without a status of gRPC's.
const MAPPED: &str = "grpc-status header missing, mapped from HTTP status code 503";

#[track_caller]
fn expect(findings: &Findings, check: &str, status: Status, words: &[&str]) {
    let line = judged(findings);
    let text = format!("{} → {}", line.found, line.mend.as_deref().unwrap_or_default());
    assert_eq!((line.check, line.status), (check, status), "{text}");
    assert!(words.iter().all(|word| text.contains(word)), "{words:?}: {text}");
}

#[test]
fn each_verdict_has_its_mend() {
    let acked = |message: &str| Verdict::Acked { rejected: 0, message: message.to_owned() };
    let retry = |cause| Verdict::Retry { after: None, cause };
    for (verdict, status, words) in [
        (acked(""), Status::Ok, &["takes an export in 2.0 ms (grpc)"][..]),
        (acked("the answer is not OTLP's; check that it is"), Status::Warn, &["not OTLP's", "→ check that it is"]),
        (Verdict::Reauthenticate(http(401)), Status::Fail, &["401", "→ check export.headers"]),
        (Verdict::Drop(http(404)), Status::Fail, &["404", "→ check the path of export.endpoint"]),
        (Verdict::TooLarge(http(413)), Status::Fail, &["413", "→ lower export.max_request_bytes"]),
        (Verdict::Drop(http(400)), Status::Warn, &["400", "dockpulse once"]),
        (retry(http(503)), Status::Warn, &["503", "busy", "tries again"]),
        (retry(http(502)), Status::Fail, &["502", "see the collector's log"]),
        (retry(grpc(Code::Unavailable, "full")), Status::Warn, &["UNAVAILABLE", "busy"]),
        (retry(grpc(Code::Unavailable, MAPPED)), Status::Fail, &["UNAVAILABLE", "see the collector's log"]),
        (retry(grpc(Code::ResourceExhausted, "full")), Status::Warn, &["RESOURCE_EXHAUSTED", "busy"]),
        (
            Verdict::Drop(grpc(Code::ResourceExhausted, "full")),
            Status::Warn,
            &["RESOURCE_EXHAUSTED", "is dropped: see its log"],
        ),
        (retry(http(429)), Status::Warn, &["429", "busy"]),
        (
            retry(Failure::Timeout(Duration::from_secs(2))),
            Status::Fail,
            &["no answer within 2s", "another protocol's port"],
        ),
    ] {
        expect(&answered(verdict), "export", status, words);
    }
}

#[test]
fn another_way_that_works_is_the_mend() {
    let found = answered(Verdict::Drop(http(404)));
    let way = ways("http://c:4318", Protocol::Grpc).remove(0);
    let words = ["this port speaks OTLP/HTTP (the collector answered 404", "→ set export.protocol: http/protobuf"];
    expect(&Findings { instead: Some(way), ..found }, "export", Status::Fail, &words);
}

#[test]
fn a_collector_that_speaks_the_protocol_is_not_looked_for_elsewhere() {
    let retry = |cause| Verdict::Retry { after: None, cause };
    for (verdict, own) in [
        (Verdict::Acked { rejected: 0, message: String::new() }, Own::Spoken),
        (Verdict::Reauthenticate(http(401)), Own::Spoken),
        (retry(http(429)), Own::Spoken),
        (retry(http(503)), Own::Unclear),
        (Verdict::Drop(http(400)), Own::Unclear),
        (Verdict::Drop(http(404)), Own::Not),
        (retry(grpc(Code::Unavailable, "full")), Own::Spoken),
        (Verdict::Drop(grpc(Code::ResourceExhausted, "full")), Own::Spoken),
        (Verdict::Drop(grpc(Code::InvalidArgument, "no value")), Own::Spoken),
        (retry(grpc(Code::Unavailable, MAPPED)), Own::Unclear),
        (Verdict::Drop(grpc(Code::Unimplemented, "")), Own::Not),
        (retry(Failure::Timeout(Duration::from_secs(1))), Own::Not),
    ] {
        assert_eq!(Own::of(Some(&verdict)), own, "{verdict:?}");
    }
    assert_eq!(Own::of(None), Own::Not);
}

#[test]
fn who_asks_for_credentials_proves_another_way_only_where_nobody_speaks_the_configured_protocol() {
    let asks = Verdict::Reauthenticate(http(401));
    assert!(proves(&asks, Own::Not) && !proves(&asks, Own::Unclear));
    let mapped = Verdict::Reauthenticate(grpc(Code::Unauthenticated, MAPPED));
    assert!(!proves(&mapped, Own::Not), "that is no gRPC");
    assert!(proves(&Verdict::Reauthenticate(grpc(Code::Unauthenticated, "who?")), Own::Not));
    assert!(proves(&Verdict::Acked { rejected: 0, message: String::new() }, Own::Unclear));
}

#[test]
fn nobody_who_listens_and_a_name_that_nobody_knows() {
    let found = |host: &str, why| Findings {
        host: host.to_owned(),
        port: 4317,
        connected: Some(Err(why)),
        ..Findings::default()
    };
    expect(
        &found("localhost", Unconnected::Refused),
        "tcp",
        Status::Fail,
        &["localhost:4317: nobody listens", "in a container"],
    );
    expect(&found("c", Unconnected::Refused), "tcp", Status::Fail, &["c:4317: nobody listens", "0.0.0.0"]);
    expect(&found("c", Unconnected::Silent), "tcp", Status::Fail, &["no answer", "firewall"]);
    let proxied = Findings { proxy: Some("http://p:1".to_owned()), ..found("p", Unconnected::Refused) };
    expect(&proxied, "tcp", Status::Fail, &["NO_PROXY"]);
    let unknown =
        Findings { connected: None, resolved: Some(Err("no such name".to_owned())), ..found("c", Unconnected::Silent) };
    expect(&unknown, "name", Status::Fail, &["c:4317 cannot be resolved: no such name", "networks"]);
    let untrusted =
        Findings { secured: Some(Err(("it expired".to_owned(), "renew it".to_owned()))), ..Findings::default() };
    expect(&untrusted, "certificate", Status::Fail, &["it expired → renew it"]);
}

#[test]
fn all_other_ways_are_tried_with_the_setting_that_each_needs() {
    let told = |ways: Vec<Way>| ways.into_iter().map(|way| (way.endpoint, way.protocol, way.mend)).collect::<Vec<_>>();
    let row = |endpoint: &str, protocol, mend: &str| (endpoint.to_owned(), protocol, mend.to_owned());
    use Protocol::{Grpc, HttpProtobuf as Http};
    assert_eq!(
        told(ways("http://c:4318", Grpc)),
        [
            row("http://c:4318/v1/metrics", Http, "set export.protocol: http/protobuf"),
            row(
                "https://c:4318",
                Grpc,
                "set export.endpoint: https://c:4318, with export.tls.ca_file if its authority is your own"
            ),
            row(
                "https://c:4318/v1/metrics",
                Http,
                "set export.endpoint: https://c:4318 and export.protocol: http/protobuf, with export.tls.ca_file if its authority is your own"
            ),
            row("http://c:4317", Grpc, "set export.endpoint: http://c:4317"),
        ]
    );
    let all = told(ways("https://c:4318/base/v1/metrics", Http));
    assert_eq!(all[0], row("https://c:4318", Grpc, "set export.protocol: grpc"));
    assert_eq!(all[3], row("https://c:4318/v1/metrics", Http, "set export.endpoint: https://c:4318"));
    assert_eq!(all.len(), 4, "it has the usual port");
    assert!(all[1].2.contains("if nobody can listen in"), "{}", all[1].2);
}
