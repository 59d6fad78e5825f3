//! What findings of an engine lead to which lines.

use std::sync::Arc;
use std::time::Duration;

use super::super::{Line, Status};
use super::*;
use crate::engine::Address;
use crate::model::container::ContainerId;
use crate::model::engine::ApiVersion;
use crate::model::time::UnixNanos;

const NOW: UnixNanos = UnixNanos(1_800_000_000_000_000_000);

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

fn subject() -> Subject {
    let endpoint = "unix:///e.sock".to_owned();
    Subject {
        name: Some("e".to_owned()),
        engine: Arc::new(DockerEngine::new(&endpoint, Address::Unix("/e.sock".into()), None).unwrap()),
        endpoint,
        socket: None,
        tls: None,
        wanted: Arc::default(),
        timeout: ms(10_000),
        interval: ms(10_000),
        source: None,
        at_once: 256,
        is_fixed: false,
    }
}

fn seen(running: usize) -> Seen {
    let id = |n| ContainerId::try_new(&format!("{n:064x}")).unwrap();
    Seen { ids: (0..running).map(id).collect(), running: (0..running).map(id).collect(), skipped: 0 }
}

fn tried(call: u64, round: u64) -> Option<Tried> {
    Some(Tried { error: None, calls: vec![ms(call); 3], rounds: vec![ms(round); 3], at_once: 8 })
}

fn findings() -> Findings {
    let calls = Calls {
        list: Ok(seen(20)),
        lists: vec![ms(2); 3],
        inspect: Some(Ok(())),
        events: Ok(()),
        ahead: Some((-0.01, 0.01)),
        one_shot: tried(3, 9),
        two_sample: tried(2000, 2000),
        stream: tried(1000, 1000),
    };
    let info = EngineInfo {
        api: ApiVersion { major: 1, minor: 47 },
        version: Some("28.0.0".into()),
        runtime: Some("docker".into()),
        cgroup_version: Some("2".into()),
        ..EngineInfo::default()
    };
    Findings { access: None, reached: Ok(info), took: ms(1), calls: Some(calls) }
}

/// The findings with something changed, judged: the lines that are not ok, and all of them.
fn judged(subject: &Subject, change: impl FnOnce(&mut EngineInfo, &mut Calls)) -> (Vec<Line>, Vec<Line>) {
    let mut findings = findings();
    if let (Ok(info), Some(calls)) = (&mut findings.reached, &mut findings.calls) {
        change(info, calls);
    }
    let all = judge(subject, &findings, NOW);
    (all.iter().filter(|line| line.status != Status::Ok).cloned().collect(), all)
}

/// That exactly one line is not ok: this one, which says these words.
#[track_caller]
fn one(lines: &[Line], check: &str, status: Status, words: &[&str]) {
    let [line] = lines else { panic!("{lines:#?}") };
    let text = format!("{} → {}", line.found, line.mend.as_deref().unwrap_or_default());
    assert_eq!((line.check, line.status), (check, status), "{text}");
    assert!(words.iter().all(|word| text.contains(word)), "{words:?}: {text}");
}

fn status(status: u16) -> EngineError {
    EngineError::Status { path: "/x", status, message: "no".into() }
}

#[test]
fn an_engine_that_has_all_is_well() {
    let (wrong, all) = judged(&subject(), |_, _| ());
    assert_eq!(wrong, []);
    let checks: Vec<_> = all.iter().map(|line| line.check).collect();
    let expected = ["reachable", "version", "list", "source", "latency", "inspect", "cgroup", "events", "clock"];
    assert_eq!(checks, expected);
    let source = "one_shot (auto: API 1.47 knows it); works: one_shot in 3.0 ms, two_sample in 2.0 s, stream in 1.0 s";
    assert_eq!(all[3].found, source);
}

#[test]
fn what_a_socket_proxy_forbids_is_told_with_what_is_missing_then() {
    let e = subject();
    let (wrong, _) = judged(&e, |_, calls| calls.events = Err(status(403)));
    one(&wrong, "events", Status::Warn, &["answered 403", "retracted at the next probe only", "EVENTS=1"]);
    let (wrong, _) = judged(&e, |info, _| info.info_withheld = Some(status(403)));
    one(&wrong, "info_call", Status::Warn, &["host.name", "INFO=1"]);
    let (wrong, _) = judged(&e, |info, _| info.version_withheld = Some(status(403)));
    one(&wrong, "version_call", Status::Warn, &["Podman", "VERSION=1"]);
    let (wrong, _) = judged(&e, |_, calls| calls.inspect = Some(Err(status(403))));
    one(&wrong, "inspect", Status::Warn, &["start times", "CONTAINERS=1"]);
    let (wrong, _) = judged(&e, |_, calls| calls.list = Err(status(403)));
    assert_eq!((wrong[0].check, wrong[0].status), ("list", Status::Fail));
    let forbidden = |tried: &mut Option<Tried>| *tried = Some(Tried { error: Some(status(403)), ..Tried::default() });
    let (wrong, _) = judged(&e, |_, calls| forbidden(&mut calls.one_shot));
    let words = ["one_shot", "gives no numbers", "works: two_sample in 2.0 s", "does not: one_shot"];
    one(&wrong, "source", Status::Fail, &words);
    let (wrong, _) = judged(&e, |_, calls| forbidden(&mut calls.stream));
    assert_eq!(wrong, [], "what is not used may fail");
}

#[test]
fn an_engine_that_is_not_there_has_one_line() {
    let error =
        EngineError::Connect { endpoint: "unix:///e.sock".into(), cause: "gone".into(), mend: "start it".into() };
    let lines = judge(&subject(), &Findings { reached: Err(error), calls: None, ..findings() }, NOW);
    one(&lines, "reachable", Status::Fail, &["cannot connect to unix:///e.sock: gone → start it"]);
    let error = EngineError::Timeout { path: "/_ping", after: ms(9000) };
    let lines = judge(&subject(), &Findings { reached: Err(error), calls: None, ..findings() }, NOW);
    let words = ["unix:///e.sock: GET /_ping gave no whole answer within 9.0 s", "docker ps"];
    one(&lines, "reachable", Status::Fail, &words);
    let error = EngineError::Broken { path: "/_ping", cause: "closed".into() };
    let tcp = Subject { endpoint: "tcp://e:2376".to_owned(), ..subject() };
    let lines = judge(&tcp, &Findings { reached: Err(error), calls: None, ..findings() }, NOW);
    one(&lines, "reachable", Status::Fail, &["tcp://e:2376: GET /_ping", "https://"]);
}

#[test]
fn an_old_engine_is_asked_in_the_old_way() {
    let old = |info: &mut EngineInfo, calls: &mut Calls| {
        info.api = ApiVersion { major: 1, minor: 40 };
        calls.one_shot = None;
    };
    let (wrong, all) = judged(&subject(), old);
    assert_eq!(wrong, []);
    let found = &all[3].found;
    assert!(found.starts_with("two_sample (auto: one_shot needs API 1.41, this is 1.40)"), "{found}");
    let set = Subject { source: Some(Source::OneShot), ..subject() };
    one(&judged(&set, old).0, "source", Status::Warn, &["two_sample", "one_shot is set", "update the engine"]);
}

#[test]
fn a_probe_that_does_not_fit_into_half_the_interval_is_told() {
    let e = subject();
    let (wrong, _) = judged(&e, |_, calls| {
        calls.list = Ok(seen(800));
        calls.one_shot = tried(30, 60);
    });
    // A hundred rounds of 60 ms, and the list.
    one(&wrong, "latency", Status::Warn, &["about 6.0 s of the 10.0 s", "more than half", "a longer interval"]);
    let old = |running| {
        let old = judged(&e, move |info, calls| {
            (info.api, calls.one_shot) = (ApiVersion::ONE_SHOT, tried(1000, 1000));
            calls.list = Ok(seen(running));
        });
        old.0
    };
    assert_eq!(old(1000), [], "Docker 20.10 answers all that wait at its next second");
    one(&old(2000), "latency", Status::Warn, &["about 8.0 s"]);
    let (wrong, _) = judged(&e, |_, calls| calls.lists = vec![ms(6000)]);
    assert_eq!(wrong[0].check, "list");
}

#[test]
fn clocks_that_are_apart_are_told_and_an_uncertain_answer_is_none() {
    let ahead = |ahead| judged(&subject(), |_, calls| calls.ahead = ahead).0;
    one(&ahead(Some((3.5, 4.5))), "clock", Status::Warn, &["3.5 s ahead of ours", "chrony"]);
    one(&ahead(Some((-7300.0, -7200.0))), "clock", Status::Warn, &["2 h behind ours"]);
    assert_eq!(ahead(Some((-0.5, 5.0))), []);
    assert_eq!(ahead(None), []);
}

#[test]
fn no_container_that_runs_and_no_control_groups() {
    let (wrong, all) = judged(&subject(), |_, calls| {
        (calls.list, calls.one_shot, calls.two_sample, calls.stream) = (Ok(seen(0)), None, None, None);
    });
    assert_eq!(wrong, []);
    assert!(all[3].found.contains("not tried, because no container runs"));
    let (wrong, _) = judged(&subject(), |info, _| info.cgroup_driver = Some("none".into()));
    one(&wrong, "cgroup", Status::Warn, &["no numbers", "cgroup v2 and systemd"]);
}

#[test]
fn numbers_that_some_containers_do_not_give_concern_these_alone() {
    let hung = EngineError::Timeout { path: "/containers/{id}/stats", after: ms(4000) };
    let (wrong, all) = judged(&subject(), |_, calls| {
        calls.one_shot = Some(Tried { error: Some(hung), calls: vec![ms(3); 7], rounds: vec![ms(3)], at_once: 8 });
    });
    let words =
        ["7 calls gave numbers, but not all did: GET /containers/{id}/stats", "4.0 s; works: one_shot in 3.0 ms"];
    one(&wrong, "source", Status::Warn, &words);
    assert!(all.iter().all(|line| !line.found.contains("does not: one_shot")));
}

#[test]
fn numbers_for_which_there_was_no_time_are_not_said_to_be_well() {
    let (wrong, _) = judged(&subject(), |_, calls| calls.one_shot = None);
    one(&wrong, "source", Status::Warn, &["not tried, because there was no time left", "docker stats"]);
}

#[test]
fn engines_that_are_one_and_engines_that_look_alike() {
    let named = |name: Option<&str>, endpoint: &str| Subject {
        name: name.map(str::to_owned),
        endpoint: endpoint.to_owned(),
        ..subject()
    };
    let with = |ids: std::ops::Range<usize>, host: &str| {
        let mut findings = findings();
        if let (Ok(info), Some(calls)) = (&mut findings.reached, &mut findings.calls) {
            info.host_name = Some(host.into());
            let mut list = seen(ids.end);
            list.ids.drain(..ids.start);
            calls.list = Ok(list);
        }
        findings
    };
    let both = [named(None, "unix:///a"), named(None, "unix:///b")];
    let lines = judge_together(&both, &[with(0..2, "h"), with(2..4, "i")]);
    assert_eq!(lines[0].status, Status::Ok);
    let lines = judge_together(&both, &[with(0..2, "h"), with(2..4, "h")]);
    one(&lines, "identity", Status::Warn, &["unix:///a, unix:///b are all called h", "engines[].name"]);
    let [a, b] = [named(Some("a"), "unix:///a"), named(Some("b"), "unix:///b")];
    let lines = judge_together(&[a, b], &[with(0..3, "h"), with(1..4, "h")]);
    one(&lines, "identity", Status::Fail, &["engine a and engine b list 2 containers both", "leave one of them out"]);
    assert_eq!(judge_together(&both[..1], &[with(0..2, "h")]), []);
}
