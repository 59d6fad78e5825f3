//! The commands: what was asked for → the library, errors → one line on stderr and an exit status.

use std::collections::BTreeMap;
use std::fs;
use std::future::Future;
use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use clap::ColorChoice;

use super::args::{
    CheckArgs, Command, ConfigCommand, DemoArgs, DoctorArgs, ExplainArgs, SettingsFlags, SinkArgs, SinkFormat,
    StatusArgs, TopArgs,
};
use super::{Status, completions, man, parse, settings};
use crate::app::{self, AppError};
use crate::config::{self, Errors, Flags, Loaded, Sources};
use crate::model::time::Clock;
use crate::sink;
use crate::sink::SinkOptions;
use crate::sink::server::Listen;
use crate::telemetry::log::{self, Level, Log};
use crate::telemetry::{Event, Telemetry};
use crate::top::{Column, Filter, Format, Order, Theme};

/// How long the log may take to be written when the process ends.
const LAST_WORDS: Duration = Duration::from_millis(500);

/// Runs the program with the process' arguments, variables and streams.
pub fn main() -> Status {
    let (mut out, mut err) = (io::stdout(), io::stderr());
    let command = match parse(std::env::args_os(), &mut out, &mut err) {
        Ok(command) => command,
        Err(status) => return status,
    };
    match perform(command, &mut out, &mut err) {
        Ok(status) => status,
        // Nobody reads any more: `dockpulse … | head` is no failure.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Status::Done,
        Err(error) => fail(&mut err, &format!("cannot write: {error}")),
    }
}

fn perform(command: Command, out: &mut (dyn Write + Send), err: &mut (dyn Write + Send)) -> io::Result<Status> {
    match command {
        Command::Run(args) => with_settings(args.settings, err, |start| {
            let Start { loaded, host, clock, telemetry, log, sources } = start;
            // From now on that file, also if it is gone: the defaults are not what is meant then.
            let config = sources.flags.config.clone().or_else(|| loaded.file.clone());
            let sources = Sources { flags: Flags { config, ..sources.flags }, ..sources };
            let looked_at = sources.clone();
            let watched = args.watch.then(|| -> app::Fingerprint { Arc::new(move || config::fingerprint(&looked_at)) });
            let reload = app::Reload { load: Box::new(move || load(&sources)), watched };
            Box::pin(app::run(loaded, host, clock, telemetry, log, reload))
        }),
        Command::Once(args) => with_settings(args.settings, err, |start| {
            let Start { loaded, host, clock, telemetry, .. } = start;
            Box::pin(app::once(loaded.settings, host, clock, telemetry, args.retract, out))
        }),
        Command::Explain(args) => {
            let ExplainArgs { container, json, control, settings } = args;
            let agent = control.control;
            let options = app::ExplainOptions { container, json, agent, color: colored(&io::stdout()) };
            with_settings(settings, err, |start| {
                let Start { loaded, host, clock, telemetry, .. } = start;
                Box::pin(app::explain(loaded, host, clock, telemetry, options, out))
            })
        }
        Command::Status(args) => status(args, out, err),
        Command::Config { command } => with_config(command, out, err),
        Command::Completions { shell } => completions(shell, &mut &mut *out).map(|()| Status::Done),
        Command::Man { command, dir } => manual(&command, dir.as_deref(), out, err),
        Command::Doctor(args) => doctor(args, out, err),
        Command::Demo(args) => demo(args, err),
        Command::Sink(args) => sink(args, err),
        Command::Top(args) => top(args, out, err),
    }
}

fn with_config(
    command: ConfigCommand,
    mut out: &mut (dyn Write + Send),
    mut err: &mut (dyn Write + Send),
) -> io::Result<Status> {
    match command {
        ConfigCommand::Check(CheckArgs { files, settings }) if files.is_empty() => check(settings, out, err),
        ConfigCommand::Check(CheckArgs { files, settings }) => {
            let mut all = Status::Done;
            for file in files {
                let flags = SettingsFlags { config: Some(file), ..settings.clone() };
                if check(flags, out, err)? != Status::Done {
                    all = Status::Usage;
                }
            }
            Ok(all)
        }
        ConfigCommand::Print(args) => settings::print(&load(&sources(args.settings)), args.json, &mut out, &mut err),
        ConfigCommand::Schema => settings::schema(&app::known(), &mut out),
        ConfigCommand::Default => settings::default_file(&mut out),
    }
}

fn check(
    flags: SettingsFlags,
    mut out: &mut (dyn Write + Send),
    mut err: &mut (dyn Write + Send),
) -> io::Result<Status> {
    let loaded = load(&sources(flags));
    let lacking = loaded.as_ref().map(|l| app::unsupported(&l.settings)).unwrap_or_default();
    if lacking.is_empty() {
        return settings::check(&loaded, &mut out, &mut err);
    }
    Ok(usage(err, &lacking.join("\ndockpulse: ")))
}

fn manual(
    command: &[String],
    dir: Option<&Path>,
    mut out: &mut (dyn Write + Send),
    err: &mut (dyn Write + Send),
) -> io::Result<Status> {
    let Some(dir) = dir else {
        return Ok(match man::page(command, &mut out)? {
            true => Status::Done,
            false => usage(err, &format!("there is no command {}; see: dockpulse --help", command.join(" "))),
        });
    };
    match man::pages(dir) {
        Ok(pages) => writeln!(out, "{pages} pages in {}", dir.display()).map(|()| Status::Done),
        Err(error) => Ok(fail(err, &error.to_string())),
    }
}

/// Where the agent is may be said; else the settings say it.
fn status(args: StatusArgs, out: &mut (dyn Write + Send), err: &mut (dyn Write + Send)) -> io::Result<Status> {
    let StatusArgs { json, watch, control, settings } = args;
    let options = app::StatusOptions { json, watch, color: colored(&io::stdout()) };
    let Some(address) = control.control else {
        return with_settings(settings, err, |start| {
            Box::pin(async move { app::status(app::control_address(&start.loaded)?, options, out).await })
        });
    };
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return Ok(fail(err, &format!("cannot start: {error}"))),
    };
    match runtime.block_on(app::status(address, options, out)) {
        Ok(()) => Ok(Status::Done),
        Err(AppError::Io(error)) => Err(error),
        Err(error) => Ok(fail(err, &error.to_string())),
    }
}

fn demo(args: DemoArgs, err: &mut (dyn Write + Send)) -> io::Result<Status> {
    let mut flags = args.settings;
    // Only what goes wrong: the view tells what happens.
    flags.log.get_or_insert_with(|| "error".to_owned());
    let options = app::DemoOptions {
        simulate: args.simulate,
        containers: args.containers.map(|n| n as usize),
        seed: args.seed,
        color: colored(&io::stdout()),
    };
    with_settings(flags, err, |start| {
        let Start { loaded, host, clock, telemetry, .. } = start;
        let settings = app::demo_settings(loaded.settings, loaded.origins.is_default("interval"));
        Box::pin(app::demo(settings, host, clock, telemetry, options))
    })
}

fn doctor(args: DoctorArgs, out: &mut (dyn Write + Send), err: &mut (dyn Write + Send)) -> io::Result<Status> {
    let DoctorArgs { json, mut settings } = args;
    // What the log would say is among the findings.
    settings.log.get_or_insert_with(|| "error".to_owned());
    let options = app::DoctorOptions { json, color: colored(&io::stdout()) };
    with_settings(settings, err, |start| {
        let Start { loaded, host, clock, telemetry, .. } = start;
        Box::pin(app::doctor(loaded, host, clock, telemetry, options, out))
    })
}

fn top(args: TopArgs, out: &mut (dyn Write + Send), err: &mut (dyn Write + Send)) -> io::Result<Status> {
    let TopArgs { once, json, sort, reverse, filter, color, ascii, simulate, containers, seed, control, .. } = args;
    let mut flags = args.settings;
    // Only what goes wrong: the view tells what happens.
    flags.log.get_or_insert_with(|| "error".to_owned());
    let terminal = io::stdout().is_terminal() && variables().all(|(name, value)| name != "TERM" || value != "dumb");
    let color = match color {
        ColorChoice::Auto => colored(&io::stdout()),
        ColorChoice::Always => true,
        ColorChoice::Never => false,
    };
    let format = if json { Some(Format::Json) } else { (once || !terminal).then_some(Format::Table) };
    let options = app::TopOptions {
        agent: control.control,
        engine: !flags.engines.is_empty(),
        simulate: simulate || containers.is_some(),
        containers: containers.map(|n| n as usize),
        seed,
        order: Order { column: Column::of(&sort).unwrap_or(Column::Cpu), reversed: reverse },
        filter: Filter::new(&filter),
        theme: Theme { color, unicode: !ascii && is_unicode(variables()) },
        format,
    };
    with_settings(flags, err, |start| {
        let Start { loaded, host, clock, telemetry, log, .. } = start;
        let settings = app::demo_settings(loaded.settings, loaded.origins.is_default("interval"));
        Box::pin(async move {
            // Lines of the log would stand in the picture.
            if options.format.is_none() && io::stderr().is_terminal() {
                log.set_level(Level::OFF);
            }
            let ended = app::top(settings, host, clock, telemetry, options, out).await;
            log.set_level(Level::ERROR);
            ended
        })
    })
}

/// Whether the locale lets more than ASCII be shown. Where there is none, as in a container, it is assumed.
fn is_unicode(variables: impl Iterator<Item = (String, String)>) -> bool {
    let all: BTreeMap<String, String> = variables.filter(|(_, value)| !value.is_empty()).collect();
    let locale = ["LC_ALL", "LC_CTYPE", "LANG"].into_iter().find_map(|name| all.get(name));
    locale.is_none_or(|locale| ["utf-8", "utf8"].iter().any(|word| locale.to_lowercase().contains(word)))
}

fn sink(args: SinkArgs, err: &mut (dyn Write + Send)) -> io::Result<Status> {
    let options = SinkOptions {
        listen: Listen { grpc: Listen::address(&args.grpc), http: Listen::address(&args.http) },
        format: match args.format {
            SinkFormat::Table => sink::Format::Table,
            SinkFormat::Json => sink::Format::Json,
        },
        color: colored(&io::stdout()),
        expect: args.expect,
        within: args.within,
    };
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return Ok(fail(err, &format!("cannot start: {error}"))),
    };
    let outcome = runtime.block_on(async {
        let mut end = app::End::new()?;
        let (mut out, mut told) = (tokio::io::stdout(), tokio::io::stderr());
        sink::run(&options, &Clock::start(), &mut out, &mut told, end.asked()).await
    });
    runtime.shutdown_background();
    Ok(match outcome {
        Ok(sink::Outcome::Ended | sink::Outcome::Met) => Status::Done,
        Ok(sink::Outcome::Unmet) => Status::Failed,
        Err(error) if error.is_usage() => usage(err, &error.to_string()),
        Err(error) => fail(err, &error.to_string()),
    })
}

/// Colours on a terminal only, and not where the user wants none (`NO_COLOR`).
fn colored(stream: &impl IsTerminal) -> bool {
    stream.is_terminal() && variables().all(|(name, value)| name != "NO_COLOR" || value.is_empty())
}

/// What a command begins with.
struct Start {
    loaded: Loaded,
    host: String,
    clock: Clock,
    telemetry: Telemetry,
    log: Log,
    sources: Sources,
}

type Running<'a> = std::pin::Pin<Box<dyn Future<Output = Result<(), AppError>> + 'a>>;

/// Loads the settings, starts log and runtime, and runs the command to its end.
fn with_settings<'a>(
    flags: SettingsFlags,
    mut err: &mut (dyn Write + Send),
    command: impl FnOnce(Start) -> Running<'a>,
) -> io::Result<Status> {
    let sources = sources(flags);
    let loaded = match load(&sources) {
        Ok(loaded) => loaded,
        Err(errors) => {
            settings::refuse(&errors, &mut err)?;
            return Ok(Status::Usage);
        }
    };
    let lacking = app::unsupported(&loaded.settings);
    if !lacking.is_empty() {
        return Ok(usage(err, &lacking.join("\ndockpulse: ")));
    }
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return Ok(fail(err, &format!("cannot start: {error}"))),
    };
    let guard = runtime.enter();
    let clock = Clock::start();
    let log = match start_log(&loaded, clock) {
        Ok(log) => log,
        Err(error) => return Ok(fail(err, &error)),
    };
    drop(guard);
    let json = loaded.settings.log.format == config::LogFormat::Json;
    let telemetry = Telemetry::new(clock);
    let odd = loaded.warnings.iter().map(ToString::to_string).chain(app::goes_without(&loaded));
    odd.for_each(|text| telemetry.record(&Event::SettingsOdd { text }));
    let start = Start { loaded, host: host(), clock, telemetry, log: log.clone(), sources };
    let result = runtime.block_on(command(start));
    // A name server or a disk that hangs holds a thread that nobody can end.
    runtime.shutdown_background();
    if let Err(error) = &result
        && json
    {
        tracing::error!(target: "dockpulse", "{error}");
    }
    log.flush(LAST_WORDS);
    Ok(match result {
        Ok(()) => Status::Done,
        // Nobody reads any more.
        Err(AppError::Io(error)) if error.kind() == io::ErrorKind::BrokenPipe => Status::Done,
        Err(_) if json => Status::Failed,
        Err(error) => fail(err, &error.to_string()),
    })
}

fn start_log(loaded: &Loaded, clock: Clock) -> Result<Log, String> {
    let settings = &loaded.settings.log;
    let format = match settings.format {
        config::LogFormat::Text => log::Format::Text,
        config::LogFormat::Json => log::Format::Json,
    };
    log::init(app::log_level(settings.level), format, colored(&io::stderr()), clock).map_err(|e| e.to_string())
}

fn load(sources: &Sources) -> Result<Loaded, Errors> {
    config::load(sources, &app::known())
}

fn sources(flags: SettingsFlags) -> Sources {
    Sources {
        flags: flags.into(),
        environment: variables().collect(),
        working_directory: std::env::current_dir().unwrap_or_else(|_| PathBuf::from(".")),
        system_directory: PathBuf::from("/etc/dockpulse"),
    }
}

/// The process' variables; those that are no text are none of ours.
fn variables() -> impl Iterator<Item = (String, String)> {
    std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
}

/// The name of the host that the agent runs on; part of the identity of engines' own series.
fn host() -> String {
    let name = fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    if name.trim().is_empty() { "localhost".to_owned() } else { name.trim().to_owned() }
}

fn fail(err: &mut (dyn Write + Send), text: &str) -> Status {
    say(err, text);
    Status::Failed
}

fn usage(err: &mut (dyn Write + Send), text: &str) -> Status {
    say(err, text);
    Status::Usage
}

fn say(err: &mut (dyn Write + Send), text: &str) {
    // If stderr is gone there is nobody to tell.
    let _ = writeln!(err, "dockpulse: {text}");
}
