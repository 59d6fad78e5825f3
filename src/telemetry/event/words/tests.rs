//! What is said, word for word.

use std::time::Duration;

use super::*;
use crate::model::Text;
use crate::model::batch::Reason;
use crate::model::container::ContainerId;
use crate::telemetry::event::Failure;

fn engine() -> Text {
    "local".into()
}

fn web() -> Named {
    Named { name: "web".into(), id: ContainerId::try_new(&"0123456789ab".repeat(5)).expect("an id") }
}

fn collector() -> Text {
    "http://c:4317".into()
}

fn status(path: &'static str, status: u16) -> EngineError {
    EngineError::Status { path, status, message: "no".into() }
}

fn check(event: &Event, words: &str) {
    assert_eq!(event.to_string(), words);
}

#[test]
fn engines_are_spoken_of_with_cause_and_mend() {
    let (endpoint, pause) = (Text::from("unix:///var/run/docker.sock"), Duration::from_millis(1500));
    let info = EngineInfo {
        runtime: Some("docker".into()),
        version: Some("28.0.1".into()),
        host_name: Some("h\x1b1".into()),
        host_arch: Some("amd64".into()),
        ..EngineInfo::default()
    };
    check(
        &Event::EngineConnected { engine: engine(), endpoint: endpoint.clone(), info },
        r"engine local: connected to unix:///var/run/docker.sock (docker 28.0.1, API 1.52, host h\u{1b}1, amd64)",
    );
    let (cause, mend) = ("permission denied".into(), "add the user to the group docker".into());
    let error = EngineError::Connect { endpoint: endpoint.clone(), cause, mend };
    check(
        &Event::EngineFailed { engine: endpoint, call: EngineCall::List, error: error.clone(), retry_in: pause },
        "engine unix:///var/run/docker.sock: cannot connect: permission denied; add the user to the group docker; trying again in 1.5 s",
    );
    check(
        &Event::EngineFailed { engine: engine(), call: EngineCall::List, error, retry_in: pause },
        "engine local: cannot connect to unix:///var/run/docker.sock: permission denied; add the user to the group docker; trying again in 1.5 s",
    );
    let error = EngineError::Timeout { path: "/containers/json", after: Duration::from_secs(10) };
    check(
        &Event::EngineFailed { engine: engine(), call: EngineCall::List, error, retry_in: pause },
        "engine local: no list of containers: GET /containers/json gave no whole answer within 10.0 s; trying again in 1.5 s",
    );
    check(
        &Event::EngineRecovered { engine: engine(), after: Duration::from_secs(61) },
        "engine local: answers again, after 1 min 1 s",
    );
    check(
        &Event::FeatureMissing { engine: engine(), feature: Feature::Events, error: status("/events", 403) },
        "engine local: GET /events answered 403 (no); whatever guards this engine (a socket proxy?) has to let it through; without it changes are seen at the next probe",
    );
    check(
        &Event::EventsLost { engine: engine(), error: None, retry_in: pause },
        "engine local: the events were lost; trying again in 1.5 s; until then changes are seen at the next probe",
    );
}

#[test]
fn containers_are_named_with_their_short_id() {
    let error = status("/containers/{id}/stats", 500);
    check(
        &Event::ContainerFailed { engine: engine(), container: web(), failure: Failure::Stats, error },
        "engine local: container web (0123456789ab): GET /containers/{id}/stats answered 500 (no); its series are retracted",
    );
    let error = EngineError::Timeout { path: "/containers/{id}/json?size=1", after: Duration::from_secs(300) };
    check(
        &Event::SizeFailed { engine: engine(), container: web(), failure: Failure::Timeout, error },
        "engine local: container web (0123456789ab): GET /containers/{id}/json?size=1 gave no whole answer within 300.0 s; container.filesystem.* of it are retracted",
    );
    let retracted = |container| Event::Retracted { engine: engine(), container, series: 41, reason: Reason::Removed };
    check(&retracted(Some(web())), "engine local: container web (0123456789ab): 41 series retracted: removed");
    check(&retracted(None), "engine local: 41 series retracted: removed");
    check(
        &Event::AttributesCut { engine: engine(), container: web(), count: 2 },
        "engine local: container web (0123456789ab): 2 attributes are too long and were cut to 1024 bytes each",
    );
    check(
        &Event::NameShared { engine: "h".into(), endpoint: "unix:///b".into(), other: "unix:///a".into() },
        "engine h: unix:///a and unix:///b report the same host name; their series stay apart by \
         service.instance.id, but give each a name (engines[].name) to tell them apart in this log and on dashboards",
    );
    check(
        &Event::OverCap { engine: engine(), max: 10, listed: 12 },
        "engine local: 12 containers, of which 10 are watched; raise containers.max or exclude some",
    );
}

#[test]
fn the_collector_is_spoken_of_with_what_is_lost_and_what_is_not() {
    check(
        &Event::ExportRetrying {
            endpoint: collector(),
            cause: "connection refused".into(),
            attempt: 1,
            pause: Duration::from_secs(2),
        },
        "collector http://c:4317: connection refused; attempt 2 in 2.0 s, nothing is lost meanwhile",
    );
    check(
        &Event::ExportDropped {
            endpoint: collector(),
            cause: "answered 400 (bad\x07)".into(),
            reason: DropReason::Refused,
            points: 40,
            retractions: 2,
        },
        r"collector http://c:4317: answered 400 (bad\u{7}); 40 points dropped (2 retractions among them): sending them again would be no use",
    );
    check(
        &Event::ExportRejected { endpoint: collector(), rejected: 3, message: "odd-points".into() },
        "collector http://c:4317: rejected 3 points: odd-points",
    );
    check(
        &Event::OwnTelemetryFailed { signal: Signal::Traces, cause: "404".into() },
        "dockpulse's own traces cannot be delivered: 404; containers' metrics do not depend on it; telemetry.traces: false turns it off",
    );
}

#[test]
fn the_agent_speaks_of_its_settings_and_its_end() {
    let errors: Vec<String> = (0..12).map(|i| format!("e{i}")).collect();
    check(
        &Event::SettingsRejected { errors },
        "new settings rejected, the old ones stay: e0; e1; e2; e3; e4; e5; e6; e7; e8; e9; and 2 more",
    );
    let reloaded = |changed: &[&str], waiting: &[&str]| {
        let owned = |keys: &[&str]| keys.iter().map(|key| (*key).to_owned()).collect();
        Event::SettingsReloaded { changed: owned(changed), waiting: owned(waiting) }
    };
    check(&reloaded(&[], &[]), "settings reloaded: no change");
    check(&reloaded(&["interval", "log.level"], &[]), "settings reloaded: changed interval, log.level");
    check(
        &reloaded(&["interval"], &["export.endpoint", "outbox.directory"]),
        "settings reloaded: changed interval; not in force before a restart: export.endpoint, outbox.directory",
    );
    check(&reloaded(&[], &["log.format"]), "settings reloaded: no change; not in force before a restart: log.format");
    check(&Event::SettingsOdd { text: "a.yaml:1:1: \x07".into() }, r"a.yaml:1:1: \u{7}");
    check(
        &Event::CertificateUnchecked { peer: "collector https://c:4317".into() },
        "collector https://c:4317: its certificate is not verified, so whoever is in between can read and change everything; set export.tls.ca_file instead of insecure_skip_verify",
    );
    let name: Text = "authorization".into();
    check(&Event::HeaderReloaded { name: name.clone() }, "header authorization: the new value of its file is in force");
    check(
        &Event::HeaderKept { name, cause: "${file:t}: the file is empty".into() },
        "header authorization: the last value stays: ${file:t}: the file is empty",
    );
    check(
        &Event::CertificatesKept { peer: "https://h:2376".into(), cause: "tls.ca_file /ca: no".into() },
        "https://h:2376: new certificates are of no use, the old ones stay: tls.ca_file /ca: no",
    );
    check(
        &Event::StoppedWithRest { path: "/s".into(), points: 7, retractions: 3 },
        "stopped; 7 points (3 retractions) wait in /s for the next start",
    );
    check(
        &Event::Resumed { path: "/s".into(), series: 40, points: 7 },
        "outbox.directory /s: going on with 40 series that were published before; 7 points wait to be delivered",
    );
    check(&Event::Stopped { unsent: 0 }, "stopped; nothing is left to send");
    check(&Event::Stopped { unsent: 7 }, "stopped; 7 points were not delivered");
    check(
        &Event::ServiceOff { what: "the status page", address: "127.0.0.1:9797".into(), cause: "in use".into() },
        "the status page cannot be had at 127.0.0.1:9797: in use; going on without",
    );
    let serving = |open| Event::Serving { what: "the status page", address: "http://10.0.0.5:9797/".into(), open };
    check(&serving(false), "the status page is at http://10.0.0.5:9797/");
    check(&serving(true), "the status page is at http://10.0.0.5:9797/, for whoever reaches it: there is no password");
}
