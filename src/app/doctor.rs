//! `dockpulse doctor`: from the settings to what is to be looked at.

use std::io::{self, ErrorKind, IsTerminal, Write};
use std::sync::Arc;

use super::{AppError, bridge, settings};
use crate::config::{self, Concurrency, ControlListen, EngineEndpoint, EngineSource, Loaded, Settings, WebListen};
use crate::doctor::host::{Listen, ListenAt};
use crate::doctor::{self, Line, Plan, SettingsFound, Status, collector, engine, host};
use crate::engine::docker::DockerEngine;
use crate::engine::{Address, sockets, ssh};
use crate::model::engine::Source;
use crate::model::time::Clock;
use crate::probe;
use crate::telemetry::Telemetry;

/// Open files besides those of the engines' calls.
const OTHER_FILES: u64 = 128;

/// How the findings are written.
#[derive(Debug, Clone, Copy)]
pub struct DoctorOptions {
    /// As JSON.
    pub json: bool,
    /// With colours.
    pub color: bool,
}

/// Looks at everything that the agent needs, and writes a line for each to `out`. While that takes, `err` is told what is
/// waited for, if it is a terminal.
///
/// # Errors
/// When something is not as it has to be.
pub async fn doctor(
    loaded: Loaded,
    agent_host: String,
    clock: Clock,
    telemetry: Telemetry,
    options: DoctorOptions,
    out: &mut (impl Write + ?Sized),
) -> Result<(), AppError> {
    let plan = plan(&loaded, agent_host, &telemetry)?;
    let mut err = std::io::stderr();
    let is_terminal = err.is_terminal();
    let lines = doctor::examine(&plan, clock, |text| {
        if is_terminal {
            // What cannot be shown is not missed.
            let _ = write!(err, "\r\x1b[K{}", text.chars().take(78).collect::<String>()).and_then(|()| err.flush());
        }
    });
    let lines = lines.await;
    outcome(&lines, write(&lines, options, out))
}

fn write(lines: &[Line], options: DoctorOptions, out: &mut (impl Write + ?Sized)) -> io::Result<()> {
    if options.json {
        doctor::show::json(lines, out)?;
    } else {
        doctor::show::text(lines, options.color, out)?;
    }
    out.flush()
}

/// What is wrong is wrong also if nobody read on (`doctor | head -1`).
fn outcome(lines: &[Line], written: io::Result<()>) -> Result<(), AppError> {
    let wrong = lines.iter().filter(|line| line.status == Status::Fail).count();
    match written {
        Err(error) if wrong == 0 || error.kind() != ErrorKind::BrokenPipe => Err(error.into()),
        _ if wrong > 0 => Err(AppError::Doctor { wrong, all: lines.len() }),
        _ => Ok(()),
    }
}

fn plan(loaded: &Loaded, agent_host: String, telemetry: &Telemetry) -> Result<Plan, AppError> {
    let settings = &loaded.settings;
    let warnings = loaded.warnings.iter().map(ToString::to_string);
    let engines: Result<Vec<_>, _> = settings.engines.iter().map(|e| subject(settings, e, telemetry)).collect();
    let engines = engines?;
    Ok(Plan {
        settings: SettingsFound {
            file: loaded.file.as_ref().map(|path| path.to_string_lossy().into_owned()),
            warnings: warnings.collect(),
        },
        collector: collector::Subject { settings: settings::export(settings, telemetry)? },
        host: this_host(loaded, agent_host),
        engines,
    })
}

fn subject(settings: &Settings, engine: &config::Engine, telemetry: &Telemetry) -> Result<engine::Subject, AppError> {
    let endpoint = engine.endpoint.to_string();
    let address = settings::address(engine, bridge::certificates(telemetry.clone(), endpoint.as_str().into()));
    let tls = match &address {
        Address::Tls(_, tls) => Some(tls.clone()),
        _ => None,
    };
    let user = &settings.user;
    let docker = DockerEngine::new(&endpoint, address, engine.api_version)
        .map(|docker| docker.with_sockets(sockets::known(user.home.as_deref(), user.runtime.as_deref())))
        .map_err(|error| AppError::Engine { name: engine.name.clone().unwrap_or_else(|| endpoint.clone()), error })?;
    let socket = match &engine.endpoint {
        EngineEndpoint::Unix(path) => Some(path.clone()),
        _ => None,
    };
    Ok(engine::Subject {
        name: engine.name.clone(),
        endpoint,
        engine: Arc::new(docker),
        socket,
        tls,
        wanted: Arc::new(settings::wanted(settings)),
        timeout: engine.timeout,
        interval: settings.interval,
        source: match engine.source {
            EngineSource::OneShot => Some(Source::OneShot),
            EngineSource::TwoSample => Some(Source::TwoSample),
            EngineSource::Stream => Some(Source::Stream { every: settings.interval }),
            EngineSource::Auto | EngineSource::Cgroup => None,
        },
        at_once: settings::concurrency(engine).unwrap_or(probe::MOST_CALLS),
        is_fixed: engine.concurrency != Concurrency::Auto,
    })
}

fn this_host(loaded: &Loaded, name: String) -> host::Subject {
    let (settings, origins) = (&loaded.settings, &loaded.origins);
    let calls = settings.engines.iter().map(|engine| match &engine.endpoint {
        EngineEndpoint::Ssh(_) => 3 * ssh::CALLS as u64,
        _ => settings::concurrency(engine).unwrap_or(probe::MOST_CALLS) as u64,
    });
    host::Subject {
        name,
        outbox: settings.outbox.directory.clone(),
        max_bytes: settings.outbox.max_bytes.as_u64(),
        memory_max_bytes: settings.outbox.memory_max_bytes.as_u64(),
        status: Listen {
            is_set: !origins.is_default("status.listen"),
            at: match settings.status.listen {
                WebListen::Off => ListenAt::Off,
                WebListen::Tcp(address) => ListenAt::Tcp(address),
            },
        },
        control: Listen {
            is_set: !origins.is_default("control.listen"),
            at: match &settings.control.listen {
                ControlListen::Off => ListenAt::Off,
                ControlListen::Unix(path) => ListenAt::Unix(path.clone()),
                ControlListen::Tcp(address) => ListenAt::Tcp(*address),
            },
        },
        files: OTHER_FILES + calls.sum::<u64>(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_is_wrong_also_if_nobody_reads_on() {
        let line = |status| Line { check: "tcp", subject: "c".into(), status, found: "f".into(), mend: None };
        let (well, wrong) = ([line(Status::Warn)], [line(Status::Ok), line(Status::Fail)]);
        let broken = || Err(ErrorKind::BrokenPipe.into());
        assert!(outcome(&well, Ok(())).is_ok());
        assert!(matches!(outcome(&wrong, Ok(())), Err(AppError::Doctor { wrong: 1, all: 2 })));
        assert!(matches!(outcome(&wrong, broken()), Err(AppError::Doctor { wrong: 1, all: 2 })));
        assert!(matches!(outcome(&well, broken()), Err(AppError::Io(_))), "the caller takes that for no failure");
        let full = Err(ErrorKind::StorageFull.into());
        assert!(matches!(outcome(&wrong, full), Err(AppError::Io(_))));
    }
}
