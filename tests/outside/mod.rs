//! What the built program is run against from outside: a simulated engine on a socket, a collector that tells what it
//! is sent, the program itself as a process, and a judge that holds one against the other.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a fake fails loudly")]

pub(crate) mod agent;
pub(crate) mod collector;
pub(crate) mod ears;
pub(crate) mod engine;
pub(crate) mod judge;
#[path = "../support/listening.rs"]
mod listening;
#[path = "../support/memory.rs"]
pub(crate) mod memory;
pub(crate) mod starved;
pub(crate) mod words;

use std::io::{IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::str::FromStr;

/// One line that is written over by the next, where somebody watches.
pub(crate) fn progress(line: &str) {
    let mut out = std::io::stderr();
    if out.is_terminal() {
        let _ = write!(out, "\r\x1b[K{line}").and_then(|()| out.flush());
    }
}

/// A program that is called by hand, and by `cargo test` with other tests' arguments, which are none of its business.
pub(crate) fn program(name: &str, help: &str, run: impl FnOnce(&[String]) -> Result<ExitCode, String>) -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    if is_for_other_tests(&args) {
        return ExitCode::SUCCESS;
    }
    if args.iter().any(|arg| arg == "--help" || arg == "-h") {
        let _ = write!(std::io::stdout(), "{help}");
        return ExitCode::SUCCESS;
    }
    run(&args).unwrap_or_else(|error| {
        let _ = writeln!(std::io::stderr(), "{name}: {error}; see --help");
        ExitCode::from(2)
    })
}

/// The number that an argument is.
pub(crate) fn number<T: FromStr>(text: &str) -> Result<T, String> {
    text.parse().map_err(|_| format!("{text} is no such number"))
}

/// Another program than the one that was built with the test.
pub(crate) fn binary(path: &str) -> Result<PathBuf, String> {
    PathBuf::from(path).canonicalize().map_err(|error| format!("--binary: {error}"))
}

/// Words that the usual test harness knows: whoever passes them asks for other tests.
fn is_for_other_tests(args: &[String]) -> bool {
    const HARNESS: [&str; 9] =
        ["--nocapture", "--no-capture", "--list", "--ignored", "--exact", "--skip", "--test-threads", "-q", "--quiet"];
    let is_filter = |arg: &String| arg.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    let known = |arg: &String| HARNESS.iter().any(|h| arg == h || arg.starts_with(&format!("{h}=")));
    args.iter().any(known) || args.first().is_some_and(is_filter)
}
