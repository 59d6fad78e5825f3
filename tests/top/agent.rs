//! The view of a running agent, over its death and its return.

use std::process::{Child, Command, Stdio};

use crate::pty::{Pty, Size, wait_until};

#[path = "../support/engine.rs"]
mod engine;

use engine::SmallEngine;

const WIDE: Size = Size { columns: 140, rows: 30 };

/// An agent; it is killed when this is dropped.
struct Agent(Child);

impl Agent {
    fn start(engine: &SmallEngine, control: &str) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_dockpulse"));
        command.args([
            "run",
            "--engine",
            &engine.endpoint(),
            "--interval",
            "200ms",
            "--endpoint",
            "http://127.0.0.1:1",
        ]);
        command.env_clear().env("DOCKPULSE_CONTROL__LISTEN", control).env("DOCKPULSE_STATUS__LISTEN", "off");
        Self(command.stdin(Stdio::null()).stderr(Stdio::null()).spawn().unwrap())
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

fn top(control: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_dockpulse"));
    command.args(["top", "--color", "never", "--control", control]).env("TERM", "xterm-256color");
    command
}

#[test]
fn a_lost_agent_is_told_and_its_view_goes_on_when_it_is_back() {
    let folder = tempfile::tempdir().unwrap();
    let engine = SmallEngine::start(folder.path(), "web");
    let socket = folder.path().join("control.sock");
    let control = format!("unix://{}", socket.display());
    let agent = Agent::start(&engine, &control);
    assert!(wait_until(|| socket.exists()), "the agent does not begin");
    let mut pty = Pty::start(top(&control), WIDE);
    pty.shows("agent on ");
    pty.shows("web");
    pty.shows("FAILING for");
    drop(agent);
    pty.shows("AGENT LOST, as of ");
    pty.shows_anew("what was known", |shown| shown.contains("AGENT LOST") && shown.contains("web"));
    let again = Agent::start(&engine, &control);
    pty.shows_anew("it to be back", |shown| shown.contains("CONTAINERS") && !shown.contains("LOST"));
    pty.types("q");
    assert!(pty.ends().success());
    pty.is_given_back();
    drop(again);
}
