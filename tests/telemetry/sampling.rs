//! A share of the traces is sent, and all in which something failed.

use super::*;

/// How many probes and requests that went well, and how many in which something failed, are traced of 200 each.
async fn traced(share: f64) -> [usize; 4] {
    let receiver = Receiver::grpc().await;
    let telemetry = Telemetry::silent();
    let setup = Setup { metrics: false, sampling: share, ..setup(receiver.address, Protocol::Grpc) };
    telemetry.send_to(&setup, HttpConnector::new()).expect("it starts");
    let well = ProbeReport { failed: 0, failures: Vec::new(), ..probe() };
    let partly = probe();
    let lost = ProbeReport { list: phase(1000, 1005, Some("500")), ..well.clone() };
    // Few enough at once that the SDK drops none.
    for _ in 0..200 {
        telemetry.record_probe(&well);
        telemetry.record_export(&export(Outcome::Delivered, None));
    }
    telemetry.shutdown(AMPLE).await;
    telemetry.send_to(&setup, HttpConnector::new()).expect("it starts again");
    for n in 0..200 {
        telemetry.record_probe(if n % 2 == 0 { &lost } else { &partly });
        telemetry.record_export(&export(Outcome::Retry, Some("503")));
    }
    telemetry.shutdown(AMPLE).await;
    let spans = receiver.spans();
    let of = |name: &str, failed: bool| {
        let has_failed = |s: &Span| {
            let listed = attribute(&s.attributes, "dockpulse.containers.failed");
            s.status.as_ref().is_some_and(|status| status.code == 2) || listed == Some(&Value::IntValue(1))
        };
        spans.iter().filter(|s| s.name == name && has_failed(s) == failed).count()
    };
    [of("probe", false), of("export", false), of("probe", true), of("export", true)]
}

#[tokio::test]
async fn all_traces_are_sent_by_default_and_without_a_share_those_that_failed() {
    assert_eq!(traced(1.0).await, [200; 4]);
    assert_eq!(traced(0.0).await, [0, 0, 200, 200]);
}

#[tokio::test]
async fn a_share_of_what_went_well_is_sent_of_probes_and_requests_alike() {
    let [probes, exports, failed @ ..] = traced(0.5).await;
    // Fewer or more than these come by chance less than once in ten million times.
    assert!((60..=140).contains(&probes) && (60..=140).contains(&exports), "{probes} and {exports} of 200");
    assert_eq!(failed, [200; 2]);
}
