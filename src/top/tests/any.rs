//! Whatever is told and typed, at whatever size: it is drawn, and nothing grows without bound.

use proptest::prelude::*;

use super::*;
use crate::top::history::MOST_POINTS;

fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-c]{1,3}",
        prop::collection::vec(any::<char>(), 0..12).prop_map(|chars| chars.into_iter().collect()),
        Just("👩‍👩‍👧‍👦名\u{301}\u{200d}".to_owned()),
        Just("x".repeat(5000)),
    ]
}

fn number() -> impl Strategy<Value = Option<f64>> {
    prop::option::of(prop_oneof![
        Just(0.0),
        Just(f64::MAX),
        Just(f64::NAN),
        Just(f64::NEG_INFINITY),
        Just(-1.0),
        0.0..1e12f64,
    ])
}

fn count() -> impl Strategy<Value = Option<i64>> {
    prop::option::of(prop_oneof![Just(i64::MAX), Just(i64::MIN), Just(0), 0..1_000_000_000_000i64])
}

prop_compose! {
    fn numbers()(
        at in 0u64..20,
        rates in prop::array::uniform6(number()),
        counts in prop::array::uniform8(count()),
    ) -> Numbers {
        let [cpu, cpu_limit, received_rate, sent_rate, read_rate, written_rate] = rates;
        let [memory, memory_limit, received, sent, read, written, pids, pids_limit] = counts;
        Numbers {
            at, cpu, cpu_limit, throttled: cpu, memory, memory_limit, received, received_rate, sent, sent_rate, read,
            read_rate, written, written_rate, pids, pids_limit,
        }
    }
}

prop_compose! {
    fn container()(
        engine in 0u32..3,
        id in "[a-d]",
        texts in prop::array::uniform4(text()),
        health in prop::option::of(text()),
        failing in prop::option::of(text()),
        state in prop_oneof![Just("running".to_owned()), Just("exited".to_owned()), text()],
        numbers in prop::option::of(numbers()),
        times in prop::array::uniform2(prop::option::of(any::<u64>())),
        exit_code in count(),
    ) -> ContainerRow {
        let [name, image, ..] = texts.map(Into::into);
        ContainerRow {
            engine, id: id.into(), name, image, state: state.into(), health: health.map(Into::into), exit_code,
            created: times[0], started: times[1], restarts: exit_code, oom_kills: exit_code.unwrap_or(0), series: 7,
            numbers, failing: failing.map(Into::into),
        }
    }
}

prop_compose! {
    fn engine_row()(id in 0u32..3, name in text(), up in any::<Option<bool>>(), error in prop::option::of(text()),
        times in prop::array::uniform3(prop::option::of(any::<u64>())), probe in any::<bool>()) -> EngineRow {
        EngineRow {
            id, name: name.into(), up, error: error.map(Into::into), failing_since: times[0], retry_at: times[1],
            probe: probe.then(|| ProbeRow { duration: f64::NAN, failed: u32::MAX / 2, late: 3, ..ProbeRow::default() }),
            over_cap: 3, ..EngineRow::default()
        }
    }
}

prop_compose! {
    fn any_delta()(
        whole in any::<bool>(),
        at in any::<u64>(),
        interval in number(),
        pid in 0u32..2,
        containers in prop::collection::vec(container(), 0..6),
        engines in prop::collection::vec(engine_row(), 0..4),
        gone in prop::collection::vec((0u32..3, "[a-d]"), 0..3),
        said in prop::collection::vec((any::<u64>(), text(), prop::option::of(text())), 0..4),
        last in prop::sample::select(vec![Delivery::None, Delivery::Delivered, Delivery::Partial, Delivery::Retrying, Delivery::Dropped]),
    ) -> Delta {
        let whom = |name: &Option<String>| name.as_ref().map(|n| Whom { id: "a".into(), name: n.as_str().into() });
        Delta {
            whole, at, containers, engines,
            agent: Agent { interval: interval.unwrap_or(1.0), pid, started: at / 2, ..Agent::default() },
            gone: gone.into_iter().map(|(engine, id)| Gone { engine, id: id.into() }).collect(),
            retractions: said.iter().map(|(at, text, name)| Retraction {
                at: *at, reason: text.as_str().into(), engine: text.as_str().into(), container: whom(name),
                ..Retraction::default()
            }).collect(),
            notes: said.iter().map(|(at, text, _)| Note { at: *at, text: text.as_str().into(), ..Note::default() }).collect(),
            export: Export { last, at: Some(at), duration: interval, retry_at: Some(at), failing_since: Some(at), ..Export::default() },
            outbox: Outbox { batches: at % 3, bytes: at, max_bytes: at / 3, oldest: Some(at), ..Outbox::default() },
            ..Delta::default()
        }
    }
}

#[derive(Debug, Clone)]
enum Step {
    Told(Box<Delta>),
    Lost(String),
    Pressed(Key),
    Drawn(u16, u16, Theme),
    Waited(u64),
}

fn key() -> impl Strategy<Value = Key> {
    prop_oneof![
        prop::sample::select("nshcmxtdwpa<>ir/?jkgG !aeé\u{202e}".chars().map(Key::Char).collect::<Vec<_>>()),
        prop::sample::select(vec![
            Key::Enter,
            Key::Escape,
            Key::Tab,
            Key::BackTab,
            Key::Backspace,
            Key::Up,
            Key::Down,
            Key::Left,
            Key::Right,
            Key::Home,
            Key::End,
            Key::PageUp,
            Key::PageDown,
            Key::Ctrl('u'),
            Key::Ctrl('w'),
            Key::Ctrl('f'),
        ]),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    let size = || prop_oneof![0u16..6, 6u16..60, 60u16..220];
    prop_oneof![
        3 => any_delta().prop_map(|delta| Step::Told(Box::new(delta))),
        1 => text().prop_map(Step::Lost),
        6 => key().prop_map(Step::Pressed),
        4 => (size(), size(), prop::sample::select(vec![COLOR, PLAIN, ASCII])).prop_map(|(w, h, t)| Step::Drawn(w, h, t)),
        1 => (0u64..100).prop_map(Step::Waited),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn nothing_that_is_told_or_typed_breaks_the_picture_at_any_size(steps in prop::collection::vec(step(), 1..40)) {
        let mut top = top(Origin::Agent);
        let mut seconds = 0;
        for step in steps {
            match step {
                Step::Told(delta) => top.told(*delta, at(seconds)),
                Step::Lost(why) => top.lost(why, Duration::from_secs(3), at(seconds)),
                Step::Pressed(key) => { press(&mut top, key); }
                Step::Waited(more) => seconds += more,
                Step::Drawn(width, height, theme) => {
                    let buffer = drawn(&mut top, theme, (width, height), at(seconds));
                    for cell in buffer.content() {
                        prop_assert!(!cell.symbol().chars().any(char::is_control), "{:?}", cell.symbol());
                        prop_assert!(theme.color || cell.fg == ratatui::style::Color::Reset);
                    }
                }
            }
            // What is selected is seen, unless it is looked at alone.
            prop_assert!(top.detail || top.selection().is_none_or(|selected| top.rows().contains(selected)));
            prop_assert!(top.scene().containers.values().all(|container| container.history.len() <= MOST_POINTS));
        }
    }

    #[test]
    fn ascii_is_ascii(containers in prop::collection::vec("[a-z]{1,30}", 0..9), width in 0u16..200, height in 0u16..60, keys in prop::collection::vec(key(), 0..6)) {
        let rows = containers.iter().map(|name| row(name, Some(sample(1, 0.5, 20)))).collect();
        let mut top = told(Delta { containers: rows, ..all_kinds() });
        for key in keys {
            if key != Key::Char('é') && key != Key::Char('\u{202e}') {
                press(&mut top, key);
            }
        }
        prop_assert!(picture(&mut top, ASCII, (width, height), at(2)).is_ascii());
    }
}
