//! The view as a whole: what is told and typed goes in, pictures come out.

mod any;
mod pictures;
mod source;
mod state;

use std::time::Duration;

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use super::canvas::Theme;
use super::input::Key;
use super::keys::{Wish, press};
use super::state::{Origin, Top};
use super::{Filter, Order, view};
use crate::model::time::{Monotonic, Now, UnixNanos};
use crate::status::{
    Agent, ContainerRow, Delivery, Delta, EngineRow, Export, Gone, Level, Note, Numbers, Outbox, ProbeRow, Retraction,
    Totals, Whom,
};

/// 2026-11-22 02:45:23 UTC, in milliseconds.
const START: u64 = 1_795_315_523_000;

const COLOR: Theme = Theme { color: true, unicode: true };
const PLAIN: Theme = Theme { color: false, unicode: true };
const ASCII: Theme = Theme { color: false, unicode: false };

/// So many seconds after it began.
fn at(seconds: u64) -> Now {
    let mono = Monotonic(Duration::from_secs(seconds));
    Now { mono, wall: UnixNanos((START + seconds * 1000) * 1_000_000) }
}

fn row(name: &str, numbers: Option<Numbers>) -> ContainerRow {
    ContainerRow {
        engine: 0,
        id: format!("{name:0<64}").into(),
        name: name.into(),
        image: format!("registry/{name}:1.27").into(),
        state: "running".into(),
        created: Some(START - 90_000_000),
        started: Some(START - 7_500_000),
        restarts: Some(0),
        series: 30,
        numbers,
        ..ContainerRow::default()
    }
}

/// A sample that was taken so many seconds after it began.
fn sample(seconds: u64, cpu: f64, memory: i64) -> Numbers {
    Numbers {
        at: START + seconds * 1000,
        cpu: Some(cpu),
        memory: Some(memory << 20),
        received: Some(5 << 20),
        received_rate: Some(1234.0),
        sent: Some(9 << 20),
        sent_rate: Some(98_765.0),
        read: Some(0),
        read_rate: Some(0.0),
        written: Some(1 << 20),
        written_rate: Some(4096.0),
        pids: Some(12),
        ..Numbers::default()
    }
}

fn engine(id: u32, name: &str) -> EngineRow {
    EngineRow {
        id,
        name: name.into(),
        endpoint: format!("unix:///{name}.sock").into(),
        up: Some(true),
        runtime: Some("docker".into()),
        version: Some("28.5.2".into()),
        events: Some(true),
        watched: 6,
        series: 150,
        probes: 9,
        probe: Some(ProbeRow { at: START, duration: 0.0123, sampled: 6, ..ProbeRow::default() }),
        ..EngineRow::default()
    }
}

fn agent() -> Agent {
    Agent {
        version: "0.1.0".into(),
        host: "web1".into(),
        pid: 4242,
        started: START - 7_500_000,
        interval: 1.0,
        ..Agent::default()
    }
}

fn delta(revision: u64, containers: Vec<ContainerRow>) -> Delta {
    Delta {
        revision,
        at: START + revision * 1000,
        agent: agent(),
        engines: vec![engine(0, "local")],
        containers,
        ..Delta::default()
    }
}

/// All kinds of containers.
fn all_kinds() -> Delta {
    let limited = Numbers { cpu_limit: Some(2.0), memory_limit: Some(512 << 20), ..sample(1, 1.9, 400) };
    let retraction = |number, container: &str, series, reason: &str, ago| Retraction {
        number,
        at: START + 1000 - ago,
        engine: "local".into(),
        container: Some(Whom { id: format!("{container:0<64}").into(), name: container.into() }),
        series,
        reason: reason.into(),
    };
    Delta {
        whole: true,
        totals: Totals {
            series_live: 1204,
            retracted: [("removed".into(), 30), ("stopped".into(), 282)].into(),
            ..Totals::default()
        },
        retractions: vec![
            retraction(1, "old-job", 30, "removed", 125_000),
            retraction(2, "paused", 1, "state_changed", 60_000),
            retraction(3, "migrate", 27, "stopped", 12_000),
        ],
        notes: vec![Note {
            number: 4,
            at: START - 20_000,
            level: Level::Warn,
            event: "container_failed".into(),
            text: "container hangs: no answer within 10 s".into(),
            ..Note::default()
        }],
        export: Export {
            endpoint: "http://localhost:4317".into(),
            last: Delivery::Delivered,
            at: Some(START - 2000),
            duration: Some(0.012),
            ..Export::default()
        },
        outbox: Outbox { batches: 0, max_bytes: 8 << 20, ..Outbox::default() },
        ..delta(
            1,
            vec![
                ContainerRow { health: Some("unhealthy".into()), ..row("web", Some(limited)) },
                row("idle", Some(sample(1, 0.002, 3))),
                ContainerRow { failing: Some("no answer within 10 s".into()), ..row("hangs", None) },
                ContainerRow { state: "exited".into(), exit_code: Some(137), started: None, ..row("migrate", None) },
                ContainerRow { state: "paused".into(), ..row("paused", Some(sample(1, 0.0, 64))) },
                row("名前-\x1b[31mevil\u{202e}", Some(sample(1, 0.3, 1024))),
            ],
        )
    }
}

fn top(origin: Origin) -> Top {
    Top::new(origin, Order::default(), Filter::default())
}

/// A view of an agent that has said this.
fn told(delta: Delta) -> Top {
    let mut top = top(Origin::Agent);
    top.told(delta, at(1));
    top
}

fn type_in(top: &mut Top, keys: &str) {
    for key in keys.chars() {
        let key = match key {
            '\n' => Key::Enter,
            '\x1b' => Key::Escape,
            '\x7f' => Key::Backspace,
            '\t' => Key::Tab,
            '↓' => Key::Down,
            '↑' => Key::Up,
            other => Key::Char(other),
        };
        assert_eq!(press(top, key), Wish::Draw, "{key:?}");
    }
}

fn names(top: &Top) -> Vec<String> {
    let name = |key| top.scene().containers.get(key).unwrap().row.name.to_string();
    top.rows().iter().map(name).collect()
}

fn selected(top: &Top) -> Option<String> {
    top.selected().map(|container| container.row.name.to_string())
}

fn drawn(top: &mut Top, theme: Theme, (width, height): (u16, u16), now: Now) -> Buffer {
    let mut buffer = Buffer::empty(Rect::new(0, 0, width, height));
    view::draw(top, theme, &mut buffer, now);
    buffer
}

/// The text of a picture, without spaces at the ends of lines.
fn picture(top: &mut Top, theme: Theme, size: (u16, u16), now: Now) -> String {
    let buffer = drawn(top, theme, size, now);
    let mut out = String::new();
    for row in buffer.area.rows() {
        let (mut line, mut skip) = (String::new(), 0);
        for position in row.positions() {
            let symbol = buffer[position].symbol();
            if skip == 0 {
                line += symbol;
                skip = usize::from(super::canvas::width(symbol)).max(1);
            }
            skip -= 1;
        }
        out += line.trim_end();
        out.push('\n');
    }
    out
}
