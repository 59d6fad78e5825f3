//! What the demo knows after which requests and reasons.

use super::*;
use crate::sink::made::{at, engine, exited, memory, memory_retracted, pair, removed, request, running, text};

fn retraction(container: &str, reason: Reason, secs: f64) -> Retraction {
    Retraction { container: container.into(), series: 6, reason, at: at(secs) }
}

fn only(state: &DemoState) -> &Container {
    let mut containers = state.containers();
    let container = containers.next().expect("there is a container");
    assert!(containers.next().is_none(), "there is but one");
    container
}

/// The reason that is shown for the end of the only container.
fn reason(state: &DemoState) -> Option<Reason> {
    only(state).end.unwrap().reason
}

#[test]
fn a_container_appears_with_what_the_collector_has_of_it() {
    let mut state = DemoState::default();
    let notices = state.apply(&running("web", 1.0, 0.125), at(1.0));
    assert_eq!(notices, [Notice::Appeared { container: "web".into(), series: 6, again: false }]);
    assert_eq!(state.apply(&running("web", 2.0, 0.25), at(2.0)), []);
    let web = only(&state);
    assert_eq!((web.live, web.measured, web.last_number, web.is_ended()), (6, 5, at(2.0).mono, false));
    assert_eq!(
        state.numbers(web),
        Numbers {
            state: Some("running".into()),
            cpu_percent: Some(25.0),
            memory: Some((120_u64 << 20) as f64),
            memory_limit: Some((512_u64 << 20) as f64),
            received: Some(1_500_000.0),
            sent: Some(300_000.0),
        }
    );
}

#[test]
fn what_was_retracted_is_not_among_the_numbers() {
    let mut state = DemoState::default();
    state.apply(&running("web", 1.0, 0.125), at(1.0));
    state.apply(&exited("web", 2.0), at(2.0));
    let web = only(&state);
    assert_eq!((web.live, web.measured, web.is_ended()), (1, 0, true));
    assert_eq!(web.end, Some(End { at: at(2.0).mono, series: 6, reason: None }));
    assert_eq!(state.numbers(web), Numbers { state: Some("exited".into()), ..Numbers::default() });
}

#[test]
fn the_reason_is_taken_whether_it_comes_before_or_after() {
    for before in [true, false] {
        let mut state = DemoState::default();
        state.apply(&running("web", 1.0, 0.125), at(1.0));
        if before {
            state.retracted(retraction("web", Reason::Removed, 1.9));
        }
        state.apply(&removed("web", 2.0), at(2.0));
        if !before {
            state.retracted(retraction("web", Reason::Removed, 2.1));
        }
        assert_eq!(reason(&state), Some(Reason::Removed));
        assert_eq!(state.log().count(), 1);
    }
}

#[test]
fn the_reason_of_another_end_is_not_taken() {
    let mut state = DemoState::default();
    state.apply(&running("web", 1.0, 0.125), at(1.0));
    state.retracted(retraction("web", Reason::SeriesEnded, 1.5));
    state.retracted(retraction("db", Reason::Stopped, 8.0));
    state.apply(&removed("web", 8.0), at(8.0));
    assert_eq!(reason(&state), None);
    state.retracted(retraction("web", Reason::Removed, 20.0));
    assert_eq!(reason(&state), None);
}

#[test]
fn a_container_that_stops_and_is_removed_ends_once_more() {
    let mut state = DemoState::default();
    state.apply(&running("web", 1.0, 0.125), at(1.0));
    state.apply(&exited("web", 2.0), at(2.0));
    state.retracted(retraction("web", Reason::Stopped, 2.0));
    let mut gone = exited("web", 20.0);
    let metrics = &mut gone.resource_metrics[0].scope_metrics[0].metrics;
    metrics.drain(..metrics.len() - 1);
    let Some(opentelemetry_proto::tonic::metrics::v1::metric::Data::Sum(sum)) = &mut metrics[0].data else { panic!() };
    sum.data_points[0].value = None;
    sum.data_points[0].flags = 1;
    state.retracted(retraction("web", Reason::Removed, 19.9));
    state.apply(&gone, at(20.0));
    assert_eq!(only(&state).end, Some(End { at: at(20.0).mono, series: 7, reason: Some(Reason::Removed) }));
}

#[test]
fn a_container_that_is_measured_again_is_back() {
    let mut state = DemoState::default();
    state.apply(&running("web", 1.0, 0.125), at(1.0));
    state.apply(&exited("web", 2.0), at(2.0));
    let notices = state.apply(&memory("web", 3.0, 1), at(3.0));
    assert_eq!(notices, [Notice::Appeared { container: "web".into(), series: 2, again: true }]);
    assert!(!only(&state).is_ended());
    state.apply(&memory_retracted("web", 4.0), at(4.0));
    assert_eq!(only(&state).end.unwrap().series, 1, "those of the end before are not counted again");
}

#[test]
fn a_stopped_container_that_is_known_again_is_no_longer_ended() {
    let mut state = DemoState::default();
    let stopped = |secs: f64, flags: u32| {
        let mut request = exited("job", secs);
        let metrics = &mut request.resource_metrics[0].scope_metrics[0].metrics;
        metrics.drain(..metrics.len() - 1);
        let Some(opentelemetry_proto::tonic::metrics::v1::metric::Data::Sum(sum)) = &mut metrics[0].data else {
            panic!()
        };
        sum.data_points[0].flags = flags;
        request
    };
    state.apply(&stopped(1.0, 0), at(1.0));
    state.apply(&stopped(2.0, 1), at(2.0));
    assert!(only(&state).is_ended(), "its engine went away");
    state.apply(&stopped(3.0, 0), at(3.0));
    assert!(!only(&state).is_ended() && only(&state).live == 1, "its engine is back");
    state.apply(&stopped(4.0, 1), at(4.0));
    assert_eq!(only(&state).end.unwrap().series, 1, "those of the end before are not counted again");
}

#[test]
fn a_container_under_a_new_identity_is_the_same() {
    let mut state = DemoState::default();
    state.apply(&memory("web", 1.0, 1), at(1.0));
    let mut renamed = memory("web", 2.0, 2);
    let attributes = &mut renamed.resource_metrics[0].resource.as_mut().unwrap().attributes;
    attributes[1] = pair("container.name", text("www"));
    let mut both = memory_retracted("web", 2.0).resource_metrics;
    both.extend(renamed.resource_metrics);
    assert_eq!(state.apply(&request(both), at(2.0)), []);
    let www = only(&state);
    assert_eq!((&*www.name, www.live, www.is_ended(), www.identities.len()), ("www", 1, false, 1));
    assert_eq!(state.numbers(www).memory, Some(2.0));
}

#[test]
fn a_dead_container_is_forgotten_when_nobody_would_show_it() {
    let mut state = DemoState::default();
    state.apply(&memory("web", 1.0, 1), at(1.0));
    state.apply(&memory_retracted("web", 2.0), at(2.0));
    let left = |state: &DemoState, secs| only(state).would_stay(at(secs).mono);
    assert_eq!(left(&state, 11.0), Some(Duration::from_secs(290)));
    state.apply(&memory("db", 300.9, 1), at(300.9));
    assert_eq!(state.containers().count(), 2);
    state.apply(&memory("db", 301.9, 1), at(301.9));
    assert_eq!(&*only(&state).name, "db");
}

#[test]
fn an_engine_is_told_of_when_it_changes() {
    let mut state = DemoState::default();
    let told = |state: &mut DemoState, secs, up| state.apply(&engine("local", secs, up), at(secs));
    assert_eq!(told(&mut state, 1.0, true), [Notice::Engine { name: "local".into(), up: true }]);
    assert_eq!(told(&mut state, 2.0, true), []);
    assert_eq!(told(&mut state, 3.0, false), [Notice::Engine { name: "local".into(), up: false }]);
    assert_eq!(state.engines().map(|(name, up)| (&**name, up)).collect::<Vec<_>>(), [("local", false)]);
}

#[test]
fn the_log_keeps_the_last_ones_latest_first() {
    let mut state = DemoState::default();
    for i in 0..40 {
        state.retracted(retraction(&i.to_string(), Reason::Removed, f64::from(i)));
    }
    let names: Vec<_> = state.log().map(|r| r.container.to_string()).collect();
    assert_eq!((names.len(), &*names[0], &*names[LOGGED - 1]), (LOGGED, "39", "8"));
}
