//! The command line: what was asked for, and what the answer's exit status is.

pub mod args;
mod commands;
mod examples;
mod man;
pub mod settings;

use std::ffi::OsString;
use std::io::{self, Write};
use std::process::ExitCode;

use clap::{CommandFactory, Parser};
use clap_complete::Shell;

pub use self::commands::main;

use self::args::{Cli, Command};

/// How the program ends (contract §5).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// 0: done.
    Done,
    /// 1: failed.
    Failed,
    /// 2: wrong usage or settings.
    Usage,
}

impl From<Status> for ExitCode {
    fn from(status: Status) -> Self {
        Self::from(match status {
            Status::Done => 0,
            Status::Failed => 1,
            Status::Usage => 2,
        })
    }
}

/// What the arguments ask for; `arguments` begins with the program's name. Help and version are written to `out`,
/// wrong usage to `err`; then there is nothing left to do but to end with the status.
pub fn parse(
    arguments: impl IntoIterator<Item = OsString>,
    out: &mut impl Write,
    err: &mut impl Write,
) -> Result<Command, Status> {
    let error = match Cli::try_parse_from(arguments) {
        Ok(cli) => return Ok(cli.command),
        Err(error) => error,
    };
    let text = error.render();
    // Nobody is left to tell if this fails.
    let (_, status) =
        if error.use_stderr() { (write!(err, "{text}"), Status::Usage) } else { (write!(out, "{text}"), Status::Done) };
    Err(status)
}

/// Writes the completions for `shell`.
///
/// # Errors
/// If they cannot be written.
pub fn completions(shell: Shell, out: &mut impl Write) -> io::Result<()> {
    // The generator panics where it cannot write, so it writes to memory.
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "dockpulse", &mut script);
    out.write_all(&script)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Flags;
    use args::{ConfigCommand, SinkFormat};

    struct Answer {
        result: Result<Command, Status>,
        out: String,
        err: String,
    }

    fn ask(line: &str) -> Answer {
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let arguments = std::iter::once("dockpulse").chain(line.split_whitespace()).map(OsString::from);
        let result = parse(arguments, &mut out, &mut err);
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Answer { result, out: text(out), err: text(err) }
    }

    #[test]
    fn the_definition_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn wrong_usage_is_told_on_stderr_alone() {
        for (line, word) in [
            ("", "Usage"),
            ("config", "Usage"),
            ("run --intervall 10s", "--interval"),
            ("--nonsense", "--nonsense"),
            ("frobnicate", "frobnicate"),
            ("run stray", "stray"),
            ("config chekc", "check"),
            ("run --profile semconf", "semconv"),
            ("sink --within soon", "--within"),
            ("demo --containers 0", "--containers"),
            ("top --sort colour", "--sort"),
            ("explain", "CONTAINER"),
            ("explain web db", "db"),
            ("status web", "web"),
            ("status --control 127.0.0.1:9798", "unix:///run/dockpulse/control.sock"),
            ("status --control off", "--control"),
            ("explain web --control tcp://10.0.0.1:9798", "other hosts"),
            ("completions tcsh", "tcsh"),
            ("man run --dir d", "--dir"),
            ("config check a -c b", "--config"),
        ] {
            let answer = ask(line);
            assert_eq!(answer.result.err(), Some(Status::Usage), "{line}");
            assert!(answer.err.contains(word) && answer.out.is_empty(), "{line}: {}", answer.err);
        }
    }

    #[test]
    fn help_and_version_are_on_stdout_and_no_failure() {
        for (line, words) in [
            ("--help", &["run", "demo", "once", "sink", "config", "Examples"][..]),
            ("--version", &["dockpulse 0."]),
            ("completions --help", &["bash", "zsh", "fish", "Examples"]),
            ("man --help", &["COMMAND", "--dir", "Examples"]),
            ("config print --help", &["--json", "Examples"]),
            ("run --help", &["Usage", "--watch", "--config", "--engine", "--state-dir", "--log-format", "Examples"]),
            ("once --help", &["Usage", "--retract", "Examples"]),
            ("demo --help", &["--simulate", "--seed", "--containers", "Examples"]),
            ("explain --help", &["CONTAINER", "--json", "--config", "Examples"]),
            ("top --help", &["--once", "--json", "--sort", "--filter", "--ascii", "--control", "Examples"]),
            ("status --help", &["--json", "--watch", "--control", "Examples"]),
            ("sink --help", &["--format", "--expect", "--within", "--grpc", "--http", "Examples"]),
            ("config --help", &["Usage", "check"]),
            ("config check --help", &["Usage", "--config", "Examples"]),
        ] {
            let answer = ask(line);
            assert_eq!(answer.result.err(), Some(Status::Done), "{line}");
            assert!(answer.err.is_empty(), "{line}");
            for word in words {
                assert!(answer.out.contains(word), "{line}: no {word} in {}", answer.out);
            }
        }
    }

    #[test]
    fn flags_become_settings() {
        let line = "run -c f.yaml --engine unix:///a --engine tcp://b:1 --endpoint http://c:1 --protocol grpc \
                    --interval 5s --profile semconv --state-dir /s --log debug --log-format json";
        let Ok(Command::Run(run)) = ask(line).result else { panic!("not run") };
        let expected = Flags {
            config: Some("f.yaml".into()),
            engines: vec!["unix:///a".into(), "tcp://b:1".into()],
            endpoint: Some("http://c:1".into()),
            protocol: Some("grpc".into()),
            interval: Some("5s".into()),
            profile: Some("semconv".into()),
            state_dir: Some("/s".into()),
            log: Some("debug".into()),
            log_format: Some("json".into()),
        };
        assert_eq!(Flags::from(run.settings), expected);
    }

    #[test]
    fn each_command_has_its_flags() {
        let Ok(Command::Once(once)) = ask("once --retract").result else { panic!("not once") };
        assert!(once.retract);
        let Ok(Command::Explain(explain)) = ask("explain web --json -c x").result else { panic!("not explain") };
        assert_eq!(
            (explain.container.as_str(), explain.json, explain.settings.config),
            ("web", true, Some("x".into()))
        );
        let line = "status --json --watch --control tcp://localhost:9798";
        let Ok(Command::Status(status)) = ask(line).result else { panic!("not status") };
        let address = status.control.control.map(|address| address.to_string());
        assert_eq!((status.json, status.watch, address.as_deref()), (true, true, Some("tcp://127.0.0.1:9798")));
        let Ok(Command::Demo(demo)) = ask("demo --simulate --containers 3 --seed 9").result else { panic!("not demo") };
        assert_eq!((demo.simulate, demo.containers, demo.seed), (true, Some(3), 9));
        let Ok(Command::Top(top)) = ask("top --sort memory --filter web --once").result else { panic!("not top") };
        assert_eq!((top.sort.as_str(), top.filter.as_str(), top.once, top.json), ("memory", "web", true, false));
        let line = "sink --format json --expect e.yaml --within 1m30s --grpc 127.0.0.1:0 --http [::1]:1";
        let Ok(Command::Sink(sink)) = ask(line).result else { panic!("not sink") };
        assert_eq!((sink.format, sink.within.as_secs()), (SinkFormat::Json, 90));
        let Ok(Command::Config { command: ConfigCommand::Check(check) }) = ask("config check -c x").result else {
            panic!("not config check")
        };
        assert_eq!((check.settings.config, check.files.len()), (Some("x".into()), 0));
        let Ok(Command::Config { command: ConfigCommand::Check(check) }) = ask("config check a b").result else {
            panic!("not config check")
        };
        assert_eq!(check.files.len(), 2);
    }

    #[test]
    fn completions_know_the_commands() {
        for shell in [Shell::Bash, Shell::Zsh, Shell::Fish, Shell::PowerShell, Shell::Elvish] {
            let mut out = Vec::new();
            completions(shell, &mut out).unwrap();
            let script = String::from_utf8(out).unwrap();
            assert!(script.contains("dockpulse") && script.contains("state-dir"), "{shell}");
        }
    }
}
