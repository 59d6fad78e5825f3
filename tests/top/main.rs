//! `dockpulse top` on a pseudo terminal: what is seen, and that the terminal is given back whatever happens.
// /proc, setsid and the flags of the terminal's master are Linux's.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "a test fails loudly")]
#![expect(clippy::unwrap_used, reason = "a test that cannot go on says where")]

mod agent;
mod pty;
mod text;

use std::process::Command;

use dockpulse::model::time::Clock;
use dockpulse::status::Delta;
use dockpulse::top::{self, Filter, Order, Origin, Source, SourceError, Theme, Top};
use rustix::process::Signal;

use pty::{Pty, Size};

const USUAL: Size = Size { columns: 100, rows: 30 };

/// `dockpulse top` of a simulated engine.
fn simulated() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_dockpulse"));
    command.args(["top", "--simulate", "--color", "never"]).env_clear().env("TERM", "xterm-256color");
    command
}

#[test]
fn containers_are_seen_and_q_gives_the_terminal_back() {
    let mut pty = Pty::start(simulated(), USUAL);
    pty.shows("dockpulse top");
    pty.shows("shop-api-1");
    assert!(!pty.is_as_before(), "keys come one by one, unseen");
    pty.types("q");
    assert!(pty.ends().success());
    pty.is_given_back();
}

#[test]
fn signals_give_the_terminal_back() {
    for signal in [Signal::TERM, Signal::INT, Signal::HUP] {
        let mut pty = Pty::start(simulated(), USUAL);
        pty.shows("CONTAINERS");
        pty.signal(signal);
        assert!(pty.ends().success(), "{signal:?}");
        pty.is_given_back();
    }
}

#[test]
fn control_c_is_a_key_that_ends_it() {
    let mut pty = Pty::start(simulated(), USUAL);
    pty.shows("CONTAINERS");
    pty.types("\x03");
    assert!(pty.ends().success());
    pty.is_given_back();
}

#[test]
fn another_size_is_another_picture() {
    let mut pty = Pty::start(simulated(), Size { columns: 50, rows: 10 });
    pty.shows("NAME");
    assert!(!pty.has_shown("RX/s"));
    pty.resize(USUAL);
    pty.shows("RX/s");
    pty.resize(Size { columns: 1, rows: 1 });
    pty.resize(USUAL);
    pty.types("?");
    pty.shows("the selected container alone");
    pty.types("xq");
    assert!(pty.ends().success());
}

#[test]
fn it_can_be_suspended_and_brought_back() {
    let mut pty = Pty::start(simulated(), USUAL);
    pty.shows("CONTAINERS");
    pty.types("\x1a");
    pty.stands_still();
    pty.is_given_back();
    pty.forget();
    pty.signal(Signal::CONT);
    pty.shows("dockpulse top");
    assert!(!pty.is_as_before());
    pty.types("q");
    assert!(pty.ends().success());
    pty.is_given_back();
}

#[test]
fn a_terminal_that_is_gone_ends_it() {
    let mut pty = Pty::start(simulated(), USUAL);
    pty.shows("CONTAINERS");
    pty.hang_up();
    pty.ends();
}

/// A source in which something goes badly wrong.
struct Panicking;

#[async_trait::async_trait(?Send)]
impl Source for Panicking {
    async fn next(&mut self) -> Result<Delta, SourceError> {
        tokio::time::sleep(std::time::Duration::from_millis(300)).await;
        panic!("on purpose");
    }
}

#[test]
fn a_panic_gives_the_terminal_back_and_is_said_there() {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--ignored", "--exact", "panics_when_it_is_told_to", "--nocapture"]).env("TERM", "xterm");
    let mut pty = Pty::start(command, USUAL);
    pty.shows("waiting for the engine");
    assert!(!pty.ends().success());
    pty.is_given_back();
    assert!(pty.shown_at_last().contains("on purpose"), "after the terminal was given back: {}", pty.shown_at_last());
}

#[test]
#[ignore = "part of a_panic_gives_the_terminal_back_and_is_said_there"]
fn panics_when_it_is_told_to() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let view = Top::new(Origin::Engine("".into()), Order::default(), Filter::default());
        let theme = Theme { color: false, unicode: true };
        top::run(Box::new(Panicking), view, theme, &Clock::start(), std::future::pending()).await.unwrap();
    });
}
