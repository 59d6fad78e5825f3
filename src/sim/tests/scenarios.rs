//! The scenarios keep their promises.

use std::collections::BTreeSet;

use super::*;
use crate::model::container::State;
use crate::sim::{Caption, ContainerCount, Reach, Scenario};

fn count(containers: usize) -> ContainerCount {
    ContainerCount::try_new(containers).unwrap()
}

/// Runs a scenario until so many seconds, looking at the world as often as something happens.
fn play(scenario: &mut Scenario, world: &mut World, until: f64, mut look: impl FnMut(&World, &[Caption])) {
    let mut now = world.now().mono;
    loop {
        world.advance(Now { mono: now, wall: EPOCH.after(now.0) });
        let captions = scenario.step(world, world.now());
        look(world, &captions);
        let next = [world.next_at(), scenario.next_at()].into_iter().flatten().min();
        match next {
            Some(next) if next <= at(until).mono => {
                assert!(next > now || now.0.is_zero(), "it stands still at {now}");
                now = next;
            }
            _ => return,
        }
    }
}

#[test]
fn the_demo_begins_with_about_eight_believable_containers() {
    let mut world = world();
    Scenario::demo().step(&mut world, at(0.0));
    let running = world.names().filter(|n| world.state(n) == Some(State::Running)).count();
    assert_eq!(running, 8);
    let wanted = crate::model::engine::Wanted {
        labels: ["com.docker.compose.project".to_owned(), "com.docker.compose.service".to_owned()].into(),
        ..nothing()
    };
    for container in world.listing(&wanted).containers {
        assert_eq!(container.labels.iter().count(), 2, "{:?}", container.name);
    }
}

#[test]
fn in_its_first_seconds_the_demo_shows_what_dockpulse_is_for() {
    let (mut world, mut demo) = (world(), Scenario::demo());
    let mut seen = Vec::new();
    let first_web = std::cell::RefCell::new(None);
    play(&mut demo, &mut world, 32.0, |world, _| {
        first_web.borrow_mut().get_or_insert_with(|| id(world, "shop-web-1"));
        let second = world.now().mono.0.as_secs();
        let state = |name: &str| world.state(name);
        let redis = world.faults().meets(crate::sim::Call::Stats, &id(world, "shop-redis-1"));
        let facts = [
            ("worker-3 runs", state("shop-worker-3") == Some(State::Running)),
            ("worker-2 is gone", state("shop-worker-2").is_none()),
            ("api is restarting", state("shop-api-1") == Some(State::Restarting)),
            ("web is another one", first_web.borrow().as_ref() != world.id("shop-web-1")),
            ("redis hangs", redis),
            ("the engine is away", world.faults().reach() == Reach::Down),
        ];
        for (fact, holds) in facts {
            let was = seen.iter().rev().find(|(f, _, _)| *f == fact).is_some_and(|(_, h, _)| *h);
            if holds != was {
                seen.push((fact, holds, second));
            }
        }
    });
    let expected = [
        ("worker-3 runs", true, 3),
        ("worker-2 is gone", true, 6),
        ("api is restarting", true, 9),
        ("api is restarting", false, 9),
        ("web is another one", true, 13),
        ("redis hangs", true, 16),
        ("redis hangs", false, 21),
        ("the engine is away", true, 25),
        ("the engine is away", false, 31),
    ];
    assert_eq!(seen, expected);
}

#[test]
fn the_demo_goes_round_for_ever_and_every_step_of_it_works() {
    let (mut world, mut demo) = (world(), Scenario::demo());
    let mut rounds = vec![Vec::new(); 5];
    play(&mut demo, &mut world, 299.0, |_, captions| {
        for caption in captions {
            rounds[(caption.at.0.as_secs() / 60) as usize].push(caption.text.clone());
        }
    });
    assert_eq!(rounds[0].len(), 24, "{:?}", rounds[0]);
    assert!(rounds.iter().all(|round| *round == rounds[0]));
    let names: BTreeSet<_> = world.names().map(|n| &**n).collect();
    assert_eq!(names.len(), 9, "{names:?}");
}

#[test]
fn the_demo_survives_a_visitor_who_removes_everything() {
    let (mut world, mut demo) = (world(), Scenario::demo());
    play(&mut demo, &mut world, 5.0, |_, _| {});
    for name in world.names().cloned().collect::<Vec<_>>() {
        world.remove(&name).unwrap();
    }
    play(&mut demo, &mut world, 200.0, |_, _| {});
    assert_eq!(world.faults().reach(), Reach::Up);
}

#[test]
fn after_a_long_sleep_the_demo_goes_on_and_makes_up_for_nothing() {
    let (mut world, mut demo) = (world(), Scenario::demo());
    play(&mut demo, &mut world, 5.0, |_, _| {});
    let now = at(1e6);
    world.advance(now);
    let captions = demo.step(&mut world, now);
    assert_eq!(captions.len(), 1);
    assert!(demo.next_at().unwrap().since(now.mono) <= Duration::from_secs(5));
}

#[test]
fn a_steady_fleet_is_there_at_once_and_nothing_happens_to_it() {
    let (mut world, mut steady) = (world(), Scenario::steady(count(500)));
    assert!(steady.next_at().is_some());
    steady.step(&mut world, at(0.0));
    assert_eq!((world.len(), steady.next_at(), world.next_at()), (500, None, None));
    assert!(world.names().all(|n| world.state(n) == Some(State::Running)));
    assert_eq!(actions(&mut world), []);
}

#[test]
fn churn_keeps_the_number_and_the_pace() {
    let (mut world, mut churn) = (world(), Scenario::churn(count(50), 10.0));
    let mut captions = 0;
    play(&mut churn, &mut world, 60.0, |world, said| {
        captions += said.len();
        assert_eq!(world.len(), 50);
    });
    // One that restarts already is not restarted again.
    assert!((560..=600).contains(&captions), "{captions}");
    assert!(world.take_events().len() > 1_000);
}

#[test]
fn churn_without_a_pace_is_steady() {
    for pace in [0.0, -1.0, f64::NAN] {
        let (mut world, mut churn) = (world(), Scenario::churn(count(3), pace));
        churn.step(&mut world, at(0.0));
        assert_eq!((world.len(), churn.next_at()), (3, None));
    }
}

#[test]
fn churn_does_not_make_up_for_a_long_sleep_all_at_once() {
    let (mut world, mut churn) = (world(), Scenario::churn(count(3), 1e9));
    churn.step(&mut world, at(0.0));
    let now = at(1_000.0);
    world.advance(now);
    assert!(churn.step(&mut world, now).len() <= 1_000);
    assert!(churn.next_at().unwrap() > now.mono);
}

#[test]
fn an_empty_scenario_does_nothing() {
    let (mut world, mut empty) = (world(), Scenario::empty());
    assert!(empty.step(&mut world, at(0.0)).is_empty());
    assert!(world.is_empty() && empty.next_at().is_none());
}
