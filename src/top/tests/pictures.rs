//! Pictures, whole. `pictures/` has them as text.

use std::fs;
use std::path::PathBuf;

use ratatui::style::{Color, Modifier};

use super::*;

/// Compares with the file of that name; what was drawn instead is left below `target/pictures`.
fn expect(name: &str, drawn: &str) {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let known = fs::read_to_string(root.join("src/top/tests/pictures").join(name)).unwrap_or_default();
    if known != drawn {
        let instead = root.join("target/pictures");
        fs::create_dir_all(&instead).unwrap();
        fs::write(instead.join(name), drawn).unwrap();
        panic!("{name} is another picture; if it is right, take {}:\n{drawn}", instead.join(name).display());
    }
}

/// All kinds of containers on one engine, another one down, and two minutes of history.
fn usual() -> Top {
    let mut top = told(all_kinds());
    for second in 2..60 {
        let wave = f64::from(u32::try_from(second % 20).unwrap()) / 10.0;
        let web = Numbers {
            cpu_limit: Some(2.0),
            memory_limit: Some(512 << 20),
            throttled: Some(0.12),
            ..sample(second, wave, 300 + i64::try_from(second).unwrap())
        };
        let mut next = delta(second, vec![ContainerRow { health: Some("unhealthy".into()), ..row("web", Some(web)) }]);
        (next.totals, next.export) = (all_kinds().totals, all_kinds().export);
        next.engines.push(EngineRow {
            up: Some(false),
            error: Some("connection refused; is the engine running?".into()),
            failing_since: Some(START - 11_000),
            retry_at: Some(START + 63_000),
            ..engine(1, "edge")
        });
        top.told(next, at(second));
    }
    top
}

#[test]
fn a_usual_terminal() {
    expect("120x40.txt", &picture(&mut usual(), PLAIN, (120, 40), at(59)));
}

#[test]
fn a_small_terminal() {
    let mut top = usual();
    type_in(&mut top, "↓↓");
    expect("80x24.txt", &picture(&mut top, PLAIN, (80, 24), at(59)));
}

#[test]
fn a_tiny_terminal() {
    expect("40x10.txt", &picture(&mut usual(), PLAIN, (40, 10), at(59)));
}

#[test]
fn a_wide_terminal() {
    expect("200x30.txt", &picture(&mut usual(), PLAIN, (200, 30), at(59)));
}

#[test]
fn ascii_alone_with_the_notes() {
    let mut top = usual();
    type_in(&mut top, "\t");
    expect("ascii.txt", &picture(&mut top, ASCII, (100, 26), at(59)));
}

#[test]
fn one_container_alone() {
    let mut top = usual();
    type_in(&mut top, "\n");
    expect("detail.txt", &picture(&mut top, PLAIN, (120, 40), at(59)));
    expect("detail-small.txt", &picture(&mut top, PLAIN, (80, 24), at(59)));
}

#[test]
fn the_keys() {
    let mut top = usual();
    type_in(&mut top, "?");
    expect("help.txt", &picture(&mut top, PLAIN, (80, 24), at(59)));
}

#[test]
fn an_agent_that_is_lost_while_the_collector_is_away() {
    let mut next = all_kinds();
    next.export = Export {
        endpoint: "http://collector:4317".into(),
        last: Delivery::Retrying,
        at: Some(START),
        error: Some("cannot connect to http://collector:4317: connection refused".into()),
        failing_since: Some(START - 30_000),
        attempts: 4,
        retry_at: Some(START + 9000),
        ..Export::default()
    };
    next.outbox = Outbox {
        durable: true,
        batches: 31,
        bytes: 7 << 20,
        max_bytes: 8 << 20,
        oldest: Some(START - 30_000),
        ..Outbox::default()
    };
    let mut top = told(next);
    top.lost("the agent at unix:///run/dockpulse/control.sock has ended".to_owned(), Duration::from_secs(2), at(5));
    expect("lost.txt", &picture(&mut top, PLAIN, (120, 24), at(5)));
}

#[test]
fn an_engine_that_does_not_answer() {
    let down = EngineRow {
        up: Some(false),
        error: Some("cannot connect to unix:///var/run/docker.sock: permission denied; join the group docker".into()),
        ..engine(0, "local")
    };
    let mut top = top(Origin::Engine("no agent answers at unix:///run/dockpulse/control.sock".into()));
    assert!(picture(&mut top, PLAIN, (80, 24), at(0)).contains("waiting for the engine"));
    top.told(Delta { whole: true, engines: vec![down], ..delta(1, Vec::new()) }, at(1));
    expect("down.txt", &picture(&mut top, PLAIN, (80, 24), at(1)));
}

#[test]
fn without_colours_there_are_none_and_with_them_what_is_wrong_is_red() {
    let plain = drawn(&mut usual(), PLAIN, (120, 40), at(59));
    assert!(plain.content().iter().all(|cell| cell.fg == Color::Reset && cell.bg == Color::Reset));
    let colored = drawn(&mut usual(), COLOR, (120, 40), at(59));
    let text_of = |color| colored.content().iter().filter(|c| c.fg == color).map(|c| c.symbol()).collect::<String>();
    let red = text_of(Color::Red);
    for word in ["DOWN", "unhealthy", "no numbers", "exited 137"] {
        assert!(red.contains(word), "{word}: {red}");
    }
    assert!(text_of(Color::Green).contains("running"));
}

#[test]
fn the_selected_row_is_marked_with_colours_and_without() {
    let mut top = usual();
    type_in(&mut top, "↓");
    let plain = drawn(&mut top, PLAIN, (80, 24), at(59));
    let reversed = |cell: &&ratatui::buffer::Cell| cell.modifier.contains(Modifier::REVERSED);
    assert_eq!(plain.content().iter().filter(reversed).count(), 80);
    assert!(picture(&mut top, ASCII, (80, 24), at(59)).contains("\n>web"));
    let colored = drawn(&mut top, COLOR, (80, 24), at(59));
    assert_eq!(colored.content().iter().filter(|cell| cell.bg == Color::Indexed(24)).count(), 80);
}

#[test]
fn what_is_no_longer_so_is_grey() {
    let mut top = usual();
    top.lost("gone".to_owned(), Duration::ZERO, at(60));
    let grey = drawn(&mut top, COLOR, (80, 24), at(60));
    assert!(!grey.content().iter().any(|cell| matches!(cell.fg, Color::Green | Color::Yellow)));
}
