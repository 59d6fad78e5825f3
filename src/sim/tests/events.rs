//! The events of each verb, in the order that Docker was seen to send them.

use super::*;
use crate::model::container::{Health, State};
use crate::sim::{Cgroup, Limits, RestartPolicy, WorldError};

/// The events of `act` on a running container `web` with two networks.
fn events_of(cgroup: Cgroup, spec: Spec, act: impl FnOnce(&mut World) -> Result<(), WorldError>) -> Vec<Action> {
    let mut world = World::new(7, Options { cgroup, ..Options::default() }, at(0.0));
    world.add(spec.interfaces(&["eth0", "eth1"]).health_check(), Duration::from_secs(60)).unwrap();
    act(&mut world).unwrap();
    actions(&mut world)
}

type Act = fn(&mut World) -> Result<(), WorldError>;

const BOTH: [Cgroup; 2] = [Cgroup::V1, Cgroup::V2];
const NETWORKS: [Action; 2] = [Action::Network, Action::Network];

fn in_order(parts: &[&[Action]]) -> Vec<Action> {
    parts.concat()
}

#[test]
fn a_container_that_was_there_before_sends_nothing() {
    assert_eq!(events_of(Cgroup::V2, web(), |_| Ok(())), []);
}

#[test]
fn running_creates_joins_the_networks_and_starts() {
    let mut world = world();
    world.run(web().interfaces(&["eth0", "eth1"])).unwrap();
    assert_eq!(actions(&mut world), in_order(&[&[Action::Create], &NETWORKS, &[Action::Start]]));
}

#[test]
fn a_container_on_the_host_s_network_joins_it_too() {
    let mut world = world();
    world.run(web().interfaces(&[])).unwrap();
    assert_eq!(actions(&mut world), [Action::Create, Action::Network, Action::Start]);
}

#[test]
fn an_old_engine_tells_the_death_before_the_networks_and_a_new_one_after() {
    let old = events_of(Cgroup::V1, web(), |w| w.stop("web", 0));
    assert_eq!(old, in_order(&[&[died(0)], &NETWORKS]));
    let new = events_of(Cgroup::V2, web(), |w| w.stop("web", 0));
    assert_eq!(new, in_order(&[&NETWORKS, &[died(0)]]));
}

#[test]
fn a_removed_container_dies_before_it_is_destroyed() {
    for cgroup in BOTH {
        let mut events = events_of(cgroup, web(), |w| w.remove("web"));
        events.retain(|e| *e != Action::Network);
        assert_eq!(events, [died(137), Action::Destroy], "{cgroup:?}");
    }
}

#[test]
fn a_stopped_container_is_destroyed_without_dying_again() {
    let events = events_of(Cgroup::V1, web(), |w| {
        w.kill("web")?;
        w.remove("web")
    });
    assert_eq!(events, in_order(&[&[died(137)], &NETWORKS, &[Action::Destroy]]));
}

#[test]
fn only_a_new_engine_tells_that_memory_killed_the_first_process() {
    let new = events_of(Cgroup::V2, web(), |w| w.oom("web"));
    assert_eq!(new, in_order(&[&[Action::Oom], &NETWORKS, &[died(137)]]));
    let old = events_of(Cgroup::V1, web(), |w| w.oom("web"));
    assert_eq!(old, in_order(&[&[died(137)], &NETWORKS]));
}

#[test]
fn every_engine_tells_that_memory_killed_another_process() {
    for cgroup in BOTH {
        assert_eq!(events_of(cgroup, web(), |w| w.oom_child("web")), [Action::Oom]);
    }
}

#[test]
fn a_restart_by_hand_dies_and_starts_at_once() {
    let events = events_of(Cgroup::V2, web(), |w| w.restart("web", 0));
    assert_eq!(events, in_order(&[&NETWORKS, &[died(0)], &NETWORKS, &[Action::Start]]));
}

#[test]
fn a_restart_by_policy_starts_when_its_pause_is_over() {
    let mut world = world();
    let spec = web().restart(RestartPolicy::Always);
    world.add(spec, Duration::from_secs(60)).unwrap();
    world.exit("web", 1).unwrap();
    assert_eq!(actions(&mut world), [Action::Network, died(1)]);
    assert_eq!(world.state("web"), Some(State::Restarting));
    world.advance(at(0.099));
    assert_eq!(actions(&mut world), []);
    world.advance(at(0.1));
    assert_eq!(actions(&mut world), [Action::Network, Action::Start]);
    assert_eq!(world.state("web"), Some(State::Running));
}

#[test]
fn a_recreated_container_comes_before_the_old_one_goes_and_then_takes_its_name() {
    let mut world = world();
    let old = world.add(web(), Duration::from_secs(60)).unwrap();
    let new = world.recreate("web", |spec| spec).unwrap();
    let events: Vec<_> = world.take_events().into_iter().flatten().map(|e| (e.container, e.action)).collect();
    let expected = [
        (&new, Action::Create),
        (&old, Action::Network),
        (&old, died(137)),
        (&old, Action::Destroy),
        (&new, Action::Rename),
        (&new, Action::Network),
        (&new, Action::Start),
    ];
    assert_eq!(events, expected.map(|(id, action)| (id.clone(), action)));
    assert_eq!(world.id("web"), Some(&new));
    assert_eq!(world.len(), 1);
}

#[test]
fn a_job_dies_and_is_destroyed_at_its_time() {
    let mut world = world();
    world.run(web().job(Duration::from_secs(5), 2)).unwrap();
    actions(&mut world);
    world.advance(at(4.9));
    assert_eq!(actions(&mut world), []);
    world.advance(at(60.0));
    assert_eq!(actions(&mut world), [Action::Network, died(2), Action::Destroy]);
    assert!(world.is_empty());
}

#[test]
fn what_does_not_end_a_life_sends_one_event() {
    let cases: [(Act, Action); 7] = [
        (|w| w.rename("web", "www"), Action::Rename),
        (|w| w.pause("web"), Action::Pause),
        (|w| w.set_health("web", Health::Unhealthy), Action::Health(Some(Health::Unhealthy))),
        (|w| w.connect_network("web", "eth2"), Action::Network),
        (|w| w.disconnect_network("web", "eth1"), Action::Network),
        (|w| w.set_limit("web", Limits { pids: Some(5), ..Limits::default() }), Action::Update),
        (|w| w.oom_child("web"), Action::Oom),
    ];
    for (act, expected) in cases {
        assert_eq!(events_of(Cgroup::V2, web(), act), [expected]);
    }
}

#[test]
fn health_is_told_only_when_it_changes() {
    let mut world = world();
    world.run(web().health_check()).unwrap();
    actions(&mut world);
    world.advance(at(10.0));
    assert_eq!(actions(&mut world), [Action::Health(Some(Health::Healthy))]);
    world.set_health("web", Health::Healthy).unwrap();
    assert_eq!(actions(&mut world), []);
}

#[test]
fn a_health_that_was_told_is_not_overruled_by_the_first_check() {
    let mut world = world();
    world.run(web().health_check()).unwrap();
    world.set_health("web", Health::Unhealthy).unwrap();
    actions(&mut world);
    world.advance(at(10.0));
    assert_eq!(actions(&mut world), []);
}

#[test]
fn events_that_nobody_takes_are_bounded_and_the_loss_is_told() {
    let mut world = world();
    world.add(web(), Duration::ZERO).unwrap();
    for _ in 0..40_000 {
        world.pause("web").unwrap();
        world.unpause("web").unwrap();
    }
    let events = world.take_events();
    assert_eq!(events.len(), (1 << 16) + 1);
    assert_eq!(events.last(), Some(&None));
    assert_eq!(world.take_events(), []);
}
