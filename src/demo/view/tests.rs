//! What the demo's view shows.

use opentelemetry_proto::tonic::metrics::v1::metric::Data;

use super::*;
use crate::model::batch::Reason;
use crate::sink::made::{at, engine, exited, pairs, removed, running};

fn view() -> View {
    View {
        info: DemoInfo {
            engines: vec!["unix:///var/run/docker.sock".into()],
            simulated: false,
            collector: "127.0.0.1:4317".into(),
            page: Some("http://127.0.0.1:9797".into()),
        },
    }
}

fn retraction(container: &str, series: u32, reason: Reason, secs: f64) -> Retraction {
    Retraction { container: container.into(), series, reason, at: at(secs) }
}

/// `web` runs, `db` was removed at 10 s, `job` exited at 12 s.
fn state() -> DemoState {
    let mut state = DemoState::default();
    state.apply(&engine("local", 1.0, true), at(1.0));
    for secs in [1.0, 9.5] {
        for (name, cpus) in [("web", 0.125), ("db", 1.5), ("job", 0.0)] {
            state.apply(&running(name, secs, cpus), at(secs));
        }
    }
    state.apply(&removed("db", 10.0), at(10.0));
    state.retracted(retraction("db", 6, Reason::Removed, 10.0));
    state.apply(&exited("job", 12.0), at(12.0));
    state.retracted(retraction("job", 6, Reason::Stopped, 12.0));
    state
}

fn shown(state: &DemoState, width: usize, height: usize, secs: f64) -> String {
    let lines = view().render(state, width, height, at(secs));
    assert!(lines.len() <= height, "{} lines", lines.len());
    assert!(lines.iter().all(|line| line.width() <= width));
    lines.iter().map(|line| line.text(false) + "\n").collect()
}

#[test]
fn a_wide_terminal_shows_all_there_is() {
    let expected = "\
dockpulse demo · engine unix:///var/run/docker.sock · collector 127.0.0.1:4317 · page http://127.0.0.1:9797
8 series live · 38 points received · 12 retracted
2 containers ended in the last 5 minutes · another agent would still show their numbers

CONTAINER                      STATE    CPU %      MEMORY       LIMIT      NET RX      NET TX  SERIES   AGE
db                        ✕ retracted 3s ago: removed (6 series)  another agent would still show it for 4m 57s
job                       ✕ retracted 1s ago: stopped (6 series)  another agent would still show it for 4m 57s
web                          running     12.5   120.0 MiB   512.0 MiB     1.4 MiB   293.0 KiB       6    3s

LAST RETRACTIONS
00:16:52  job                       stopped           6 series
00:16:50  db                        removed           6 series
";
    assert_eq!(shown(&state(), 120, 40, 13.0), expected);
}

#[test]
fn a_narrow_terminal_shows_what_matters_most() {
    let expected = "\
dockpulse demo
engine unix:///var/run/docker.sock
collector 127.0.0.1:4317
page http://127.0.0.1:9797
8 series live · 38 points received · 12 retracted
2 containers ended in the last 5 minutes
another agent would still show their numbers

CONTAINER                  CPU %      MEMORY   AGE
db  ✕ retracted 3s ago: removed (6 series)
  └ another agent would still show it for 4m 57s
job  ✕ retracted 1s ago: stopped (6 series)
  └ another agent would still show it for 4m 57s
web                         12.5   120.0 MiB    3s

LAST RETRACTIONS
00:16:52  job                       stopped      …
00:16:50  db                        removed      …
";
    assert_eq!(shown(&state(), 50, 40, 13.0), expected);
}

#[test]
fn a_low_terminal_shows_the_latest_ends_first() {
    let expected = "\
dockpulse demo · engine unix:///var/run/docker.sock · collector 127.0.0.1:4317…
8 series live · 38 points received · 12 retracted
CONTAINER                      STATE    CPU %      MEMORY  SERIES   AGE
db                        ✕ retracted 3s ago: removed (6 series)
  └ another agent would still show it for 4m 57s
job                       ✕ retracted 1s ago: stopped (6 series)
  └ another agent would still show it for 4m 57s
web                          running     12.5   120.0 MiB       6    3s
";
    assert_eq!(shown(&state(), 79, 8, 13.0), expected);
    let fewer = shown(&state(), 79, 6, 13.0);
    assert!(fewer.contains("\ndb ") && fewer.ends_with("… and 2 more\n"), "{fewer}");
}

#[test]
fn where_not_all_fit_those_that_ended_are_shown_in_their_places() {
    let mut state = state();
    for name in ["a", "b", "c", "x"] {
        state.apply(&running(name, 12.0, 0.5), at(12.0));
    }
    let text = shown(&state, 79, 9, 13.0);
    let names: Vec<_> = text.lines().skip(3).map(|line| line.split(' ').next().unwrap()).collect();
    assert_eq!(names, ["a", "db", "", "job", "", "…"], "{text}");
    assert!(text.ends_with("… and 4 more\n"), "{text}");
}

#[test]
fn no_size_is_too_small() {
    let state = state();
    for width in 0..60 {
        for height in 0..30 {
            shown(&state, width, height, 13.0);
        }
    }
}

#[test]
fn an_end_is_shown_for_half_a_minute() {
    let expected = "\
dockpulse demo · engine unix:///var/run/docker.sock · collector 127.0.0.1:4317 · page http://127.0.0.1:9797
8 series live · 38 points received · 12 retracted
2 containers ended in the last 5 minutes · another agent would still show their numbers

CONTAINER                      STATE    CPU %      MEMORY       LIMIT      NET RX      NET TX  SERIES   AGE
job                           exited        -           -           -           -           -       1   30s
web                          running     12.5   120.0 MiB   512.0 MiB     1.4 MiB   293.0 KiB       6   32s

LAST RETRACTIONS
00:16:52  job                       stopped           6 series
00:16:50  db                        removed           6 series
";
    assert_eq!(shown(&state(), 120, 40, 42.0), expected);
    assert!(
        shown(&state(), 120, 40, 41.9)
            .contains("✕ retracted 29s ago: stopped (6 series)  another agent would still show it for 4m 28s")
    );
}

#[test]
fn before_anything_arrives_it_says_so() {
    let expected = "\
dockpulse demo · simulated engine 3 of them · collector 127.0.0.1:4317
0 series live · 0 points received · 0 retracted

CONTAINER                      STATE    CPU %      MEMORY  SERIES   AGE
the collector knows of no container yet
";
    let mut view = view();
    view.info = DemoInfo { engines: vec!["3 of them".into()], simulated: true, page: None, ..view.info };
    let lines = view.render(&DemoState::default(), 80, 24, at(1.0));
    assert_eq!(lines.iter().map(|l| l.text(false) + "\n").collect::<String>(), expected);
}

#[test]
fn an_engine_that_is_down_is_told() {
    let mut state = state();
    state.apply(&engine("lo\ncal", 13.0, false), at(13.0));
    assert!(shown(&state, 79, 24, 13.0).contains("\nengine lo\\ncal is down\n"));
    state.apply(&engine("lo\ncal", 14.0, true), at(14.0));
    assert!(!shown(&state, 79, 24, 14.0).contains("is down"));
}

#[test]
fn text_from_outside_cannot_steer_the_terminal() {
    let mut state = DemoState::default();
    let evil = "\x1b[2J\u{202e}\u{9b}名";
    let mut sent = running(evil, 1.0, 0.5);
    let metrics = &mut sent.resource_metrics[0].scope_metrics[0].metrics;
    let Some(Data::Sum(sum)) = &mut metrics.last_mut().unwrap().data else { panic!("the last is the state") };
    sum.data_points[0].attributes = pairs(&[("container.status.state", evil)]);
    state.apply(&sent, at(1.0));
    state.retracted(retraction(evil, 1, Reason::SeriesEnded, 1.0));
    let mut view = view();
    view.info =
        DemoInfo { engines: vec![evil.into()], simulated: false, collector: evil.into(), page: Some(evil.into()) };
    for secs in [1.0, 2.0] {
        let text: String = view.render(&state, 200, 40, at(secs)).iter().map(|l| l.text(false)).collect();
        assert!(!text.contains(['\x1b', '\u{202e}', '\u{9b}']), "{text:?}");
        state.apply(&removed(evil, 2.0), at(2.0));
    }
}

#[test]
fn with_colours_the_dead_are_struck() {
    let lines = view().render(&state(), 120, 40, at(13.0));
    let db = lines.iter().map(|l| l.text(true)).find(|l| l.contains("db")).unwrap();
    assert!(db.starts_with("\x1b[2m\x1b[9mdb\x1b[0m"), "{db:?}");
    assert!(db.contains("\x1b[31m✕ retracted 3s ago: removed (6 series)\x1b[0m"), "{db:?}");
}

#[test]
fn spans_of_time_are_short_and_count_down_from_the_whole() {
    let secs = Duration::from_secs;
    let all = [0, 59, 60, 3599, 3600, 100_000].map(|s| short(secs(s)));
    assert_eq!(all, ["0s", "59s", "1m", "59m", "1h", "27h"]);
    let all = [secs(300), Duration::from_millis(299_500), secs(299), secs(60), secs(59), secs(0)].map(long);
    assert_eq!(all, ["5m 00s", "5m 00s", "4m 59s", "1m 00s", "59s", "0s"]);
}
