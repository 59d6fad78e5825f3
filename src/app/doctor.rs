//! `dockpulse doctor`: from the settings to what is to be looked at.

use std::io::{IsTerminal, Write};
use std::sync::Arc;

use super::{AppError, bridge, settings};
use crate::config::{self, Concurrency, ControlListen, EngineEndpoint, EngineSource, Loaded, Settings, WebListen};
use crate::doctor::host::{Listen, ListenAt};
use crate::doctor::{self, Plan, SettingsFound, Status, collector, engine, host};
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
    if options.json {
        doctor::show::json(&lines, out)?;
    } else {
        doctor::show::text(&lines, options.color, out)?;
    }
    out.flush()?;
    match lines.iter().filter(|line| line.status == Status::Fail).count() {
        0 => Ok(()),
        wrong => Err(AppError::Doctor { wrong, all: lines.len() }),
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
