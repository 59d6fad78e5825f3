//! What the command line may say. Values of settings stay texts here: the settings read them, with one kind of error
//! for all sources.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::builder::{NonEmptyStringValueParser, PossibleValuesParser};
use clap::{Args, ColorChoice, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;

use super::examples::{
    CHECK_EXAMPLES, COMPLETIONS_EXAMPLES, DEMO_EXAMPLES, DOCTOR_EXAMPLES, EXAMPLES, EXPLAIN_EXAMPLES, MAN_EXAMPLES,
    ONCE_EXAMPLES, PRINT_EXAMPLES, RUN_EXAMPLES, SCHEMA_EXAMPLES, SINK_EXAMPLES, STATUS_EXAMPLES, TOP_EXAMPLES,
};
use crate::app;
use crate::config::{Flags, LogFormat, LogLevel, Profile, Protocol, parse_duration};
use crate::control::Address;
use crate::top::Column;

/// The command line.
#[derive(Debug, Parser)]
#[command(
    name = "dockpulse",
    version,
    about = "Docker container metrics, pushed as OpenTelemetry, with no stale series left behind",
    after_help = EXAMPLES,
    arg_required_else_help = true,
    disable_help_subcommand = true,
    max_term_width = 120
)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Watch the engines and push their containers' metrics until a signal ends it
    Run(RunArgs),
    /// Show it at work without any set-up: an embedded collector and the local engine, or a simulated one
    Demo(DemoArgs),
    /// Probe once, push once, wait for the collector's answer and sum it up; for CI and cron
    Once(OnceArgs),
    /// Tell what the running agent does: its engines, the export, the outbox, the last retractions
    Status(StatusArgs),
    /// Tell why a container is or is not watched, its identity, its series and what would retract them
    Explain(ExplainArgs),
    /// Check what the agent needs: engines, permissions, the collector, TLS, clocks, directories; with the mend of each
    Doctor(DoctorArgs),
    /// Show what the containers do now: CPU, memory, network, disk; from the running agent, else from the engine
    Top(TopArgs),
    /// Receive OTLP (gRPC and HTTP) and print what arrives
    Sink(SinkArgs),
    /// Look after the settings
    #[command(arg_required_else_help = true, disable_help_subcommand = true)]
    Config {
        /// What to do with them.
        #[command(subcommand)]
        command: ConfigCommand,
    },
    /// Print completions for a shell
    #[command(after_help = COMPLETIONS_EXAMPLES)]
    Completions {
        /// The shell.
        shell: Shell,
    },
    /// Print the manual page of dockpulse or of one of its commands, or write them all into a directory
    #[command(after_help = MAN_EXAMPLES)]
    Man {
        /// The command, such as: run, or: config check
        #[arg(conflicts_with = "dir")]
        command: Vec<String>,
        /// Write a page for each command into this directory, which has to be there
        #[arg(long, value_name = "DIRECTORY")]
        dir: Option<PathBuf>,
    },
}

/// What to do with the settings.
#[derive(Debug, Subcommand)]
pub enum ConfigCommand {
    /// Tell everything that is wrong with the settings, with file, line and key
    #[command(after_help = CHECK_EXAMPLES)]
    Check(CheckArgs),
    /// Print the settings that are in effect with the origin of each; secrets are masked
    #[command(after_help = PRINT_EXAMPLES)]
    Print(PrintArgs),
    /// Print the JSON Schema of the settings file
    #[command(after_help = SCHEMA_EXAMPLES)]
    Schema,
    /// Print the documented settings file with every key and its default
    Default,
}

/// Flags of `config check`.
#[derive(Debug, Args)]
pub struct CheckArgs {
    /// Settings files, each to be looked at by itself
    #[arg(value_name = "FILE", conflicts_with = "config")]
    pub files: Vec<PathBuf>,
    /// Settings.
    #[command(flatten)]
    pub settings: SettingsFlags,
}

/// Flags of `config print`.
#[derive(Debug, Args)]
pub struct PrintArgs {
    /// For scripts
    #[arg(long)]
    pub json: bool,
    /// Settings.
    #[command(flatten)]
    pub settings: SettingsFlags,
}

/// Flags of `run`.
#[derive(Debug, Args)]
#[command(after_help = RUN_EXAMPLES)]
pub struct RunArgs {
    /// Read the settings again whenever their file changes, as SIGHUP does
    #[arg(long)]
    pub watch: bool,
    /// Settings.
    #[command(flatten)]
    pub settings: SettingsFlags,
}

/// Flags of `once`.
#[derive(Debug, Args)]
#[command(after_help = ONCE_EXAMPLES)]
pub struct OnceArgs {
    /// Retract everything at the end, so that nothing is left behind
    #[arg(long)]
    pub retract: bool,
    /// Settings.
    #[command(flatten)]
    pub settings: SettingsFlags,
}

/// Flags of `demo`.
#[derive(Debug, Args)]
#[command(after_help = DEMO_EXAMPLES)]
pub struct DemoArgs {
    /// Use the simulated engine even if a real one answers
    #[arg(long)]
    pub simulate: bool,
    /// Use a simulated engine with so many containers that come and go [default: a small story]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub containers: Option<u32>,
    /// What the simulated engine's chance begins with; the same number gives the same story
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seed: u64,
    /// Settings.
    #[command(flatten)]
    pub settings: SettingsFlags,
}

/// Flags of `status`.
#[derive(Debug, Args)]
#[command(after_help = STATUS_EXAMPLES)]
pub struct StatusArgs {
    /// For scripts: everything, containers included
    #[arg(long)]
    pub json: bool,
    /// Go on telling, once a second; with --json one object a line
    #[arg(long)]
    pub watch: bool,
    /// Which agent.
    #[command(flatten)]
    pub control: ControlFlags,
    /// Settings.
    #[command(flatten)]
    pub settings: SettingsFlags,
}

/// Which agent is asked.
#[derive(Debug, Clone, Default, Args)]
pub struct ControlFlags {
    /// The running agent's control API: unix:///PATH or tcp://127.0.0.1:PORT [default: control.listen of the settings]
    #[arg(long, value_name = "ADDRESS", value_parser = app::control_flag)]
    pub control: Option<Address>,
}

/// Flags of `explain`.
#[derive(Debug, Args)]
#[command(after_help = EXPLAIN_EXAMPLES)]
pub struct ExplainArgs {
    /// Its name, its id, or the beginning of its id
    #[arg(value_parser = NonEmptyStringValueParser::new())]
    pub container: String,
    /// For scripts
    #[arg(long)]
    pub json: bool,
    /// Which agent is asked first, if one runs.
    #[command(flatten)]
    pub control: ControlFlags,
    /// Settings.
    #[command(flatten)]
    pub settings: SettingsFlags,
}

/// Flags of `doctor`.
#[derive(Debug, Args)]
#[command(after_help = DOCTOR_EXAMPLES)]
pub struct DoctorArgs {
    /// For scripts: an array of objects with check, subject, status, found and mend
    #[arg(long)]
    pub json: bool,
    /// Settings.
    #[command(flatten)]
    pub settings: SettingsFlags,
}

/// Flags of `top`.
#[derive(Debug, Args)]
#[command(after_help = TOP_EXAMPLES)]
pub struct TopArgs {
    /// Print one table and end; so does anything that is no terminal
    #[arg(long)]
    pub once: bool,
    /// Print all that is known once, for scripts
    #[arg(long)]
    pub json: bool,
    /// By which column rows are sorted
    #[arg(long, value_name = "COLUMN", default_value = "cpu", value_parser = PossibleValuesParser::new(Column::WORDS))]
    pub sort: String,
    /// The other way round
    #[arg(long)]
    pub reverse: bool,
    /// Show containers with these words in name, image, id, state, health or engine; !word: without it
    #[arg(long, value_name = "WORDS", default_value = "", hide_default_value = true)]
    pub filter: String,
    /// When to use colours; auto: on a terminal, unless NO_COLOR is set
    #[arg(long, value_enum, default_value_t = ColorChoice::Auto)]
    pub color: ColorChoice,
    /// Draw with ASCII alone; usual where the locale is not UTF-8
    #[arg(long)]
    pub ascii: bool,
    /// Show a simulated engine
    #[arg(long)]
    pub simulate: bool,
    /// Show a simulated engine with so many containers that come and go
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub containers: Option<u32>,
    /// What the simulated engine's chance begins with
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seed: u64,
    /// The running agent.
    #[command(flatten)]
    pub control: ControlFlags,
    /// Settings.
    #[command(flatten)]
    pub settings: SettingsFlags,
}

/// Flags of `sink`.
#[derive(Debug, Args)]
#[command(after_help = SINK_EXAMPLES)]
pub struct SinkArgs {
    /// How arriving points are printed; json: OTLP/JSON, one request a line
    #[arg(long, value_enum, default_value_t = SinkFormat::Table)]
    pub format: SinkFormat,
    /// End with status 0 as soon as everything in this file has arrived
    #[arg(long, value_name = "FILE")]
    pub expect: Option<PathBuf>,
    /// With --expect: end with status 1 after this time
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = parse_duration)]
    pub within: Duration,
    /// Where OTLP/gRPC is received; "off" for nowhere
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:4317", value_parser = listen)]
    pub grpc: String,
    /// Where OTLP/HTTP is received; "off" for nowhere
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:4318", value_parser = listen)]
    pub http: String,
}

/// How the sink prints.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum SinkFormat {
    /// For people.
    Table,
    /// OTLP/JSON lines.
    Json,
}

/// Flags that set settings; they win over all other sources.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Settings")]
pub struct SettingsFlags {
    /// The settings file, YAML or TOML [default: ./dockpulse.yaml, then /etc/dockpulse/dockpulse.yaml]
    #[arg(short, long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// A Docker engine: unix:///PATH, tcp://HOST:PORT, https://HOST:PORT or ssh://USER@HOST; can be given several times
    #[arg(long = "engine", value_name = "URL")]
    pub engines: Vec<String>,
    /// The collector, such as http://localhost:4317
    #[arg(long, value_name = "URL")]
    pub endpoint: Option<String>,
    /// How OTLP is spoken
    #[arg(long, value_parser = PossibleValuesParser::new(Protocol::WORDS))]
    pub protocol: Option<String>,
    /// How often each engine is probed, such as 10s
    #[arg(long, value_name = "TIME")]
    pub interval: Option<String>,
    /// Whose names the metrics have
    #[arg(long, value_parser = PossibleValuesParser::new(Profile::WORDS))]
    pub profile: Option<String>,
    /// A directory for what has to outlive a crash: what waits for the collector, and what is to be retracted
    #[arg(long, value_name = "DIRECTORY")]
    pub state_dir: Option<String>,
    /// The least important lines of the log that are written
    #[arg(long, value_name = "LEVEL", value_parser = PossibleValuesParser::new(LogLevel::WORDS))]
    pub log: Option<String>,
    /// How log lines look
    #[arg(long, value_name = "FORMAT", value_parser = PossibleValuesParser::new(LogFormat::WORDS))]
    pub log_format: Option<String>,
}

impl From<SettingsFlags> for Flags {
    fn from(flags: SettingsFlags) -> Self {
        let SettingsFlags { config, engines, endpoint, protocol, interval, profile, state_dir, log, log_format } =
            flags;
        Self { config, engines, endpoint, protocol, interval, profile, state_dir, log, log_format }
    }
}

fn listen(text: &str) -> Result<String, String> {
    match text.parse::<SocketAddr>() {
        Ok(_) => Ok(text.to_owned()),
        Err(_) if text == "off" => Ok(text.to_owned()),
        Err(error) => Err(format!("{error}; write ADDRESS:PORT such as 127.0.0.1:4317, or off")),
    }
}
