//! Where there is no terminal: text, once.

use std::os::unix::net::UnixListener;
use std::process::{Command, Output, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

fn top(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_dockpulse"));
    command.arg("top").args(arguments).env_clear().output().unwrap()
}

#[test]
fn what_is_no_terminal_gets_one_table_in_the_order_and_with_the_filter_that_was_asked_for() {
    let output = top(&["--simulate", "--sort", "name", "--reverse", "--filter", "shop running"]);
    assert!(output.status.success(), "{output:?}");
    let table = String::from_utf8(output.stdout).unwrap();
    assert!(!table.contains('\x1b'), "{table}");
    let names: Vec<&str> = table.lines().skip(1).map(|line| line.split_whitespace().next().unwrap()).collect();
    assert!(table.starts_with("NAME") && names.len() > 3 && names.iter().all(|n| n.starts_with("shop-")), "{table}");
    assert!(names.is_sorted_by(|a, b| a >= b), "{names:?}");
    assert!(!table.contains("exited"), "{table}");
}

#[test]
fn json_is_one_document_with_numbers() {
    let output = top(&["--containers", "12", "--json"]);
    let read: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(read["whole"], true);
    assert!(read["containers"].as_array().unwrap().len() > 5, "{read}");
    assert!(read["containers"][0]["numbers"]["cpu"].as_f64().is_some(), "{read}");
}

#[test]
fn an_engine_that_is_not_there_is_told_with_the_status() {
    let folder = tempfile::tempdir().unwrap();
    let engine = format!("unix://{}/none.sock", folder.path().display());
    let output = top(&["--once", "--engine", &engine]);
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.lines().last().unwrap().starts_with("dockpulse: top: engine") && said.contains("none.sock"), "{said}");
    assert!(output.stdout.is_empty());
}

#[test]
fn an_agent_that_was_asked_for_and_is_not_there_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let control = format!("unix://{}/none.sock", folder.path().display());
    let output = top(&["--once", "--control", &control]);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert!(String::from_utf8(output.stderr).unwrap().contains("no agent answers at unix://"));
}

#[test]
fn a_reader_that_has_gone_is_no_failure() {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let mut command = Command::new(env!("CARGO_BIN_EXE_dockpulse"));
    let child = command.args(["top", "--simulate", "--json"]).env_clear().stdout(writer).stderr(Stdio::piped()).spawn();
    let output = child.unwrap().wait_with_output().unwrap();
    assert_eq!((output.status.code(), String::from_utf8(output.stderr).unwrap().as_str()), (Some(0), ""));
}

#[test]
fn a_signal_is_heard_while_an_agent_says_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("stuck.sock");
    let _stuck = UnixListener::bind(&socket).unwrap();
    let control = format!("unix://{}", socket.display());
    let mut command = Command::new(env!("CARGO_BIN_EXE_dockpulse"));
    let mut child =
        command.args(["top", "--once", "--control", &control]).env_clear().stderr(Stdio::piped()).spawn().unwrap();
    while !catches_sigterm(child.id()) {
        assert_eq!(child.try_wait().unwrap(), None, "it waits for the agent");
        std::thread::yield_now();
    }
    kill_process(Pid::from_child(&child), Signal::TERM).unwrap();
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("a signal ended it"), "{said}");
}

/// Whether it has a handler of its own: before that the signal would end it as it ends any process.
fn catches_sigterm(process: u32) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigCgt:")).unwrap().trim();
    u64::from_str_radix(mask, 16).unwrap() & (1 << (Signal::TERM.as_raw() - 1)) != 0
}
