//! What the findings of an engine mean.

use std::time::Duration;

use super::super::line::{Line, Sheet, apart, time, worst_and_median};
use super::super::{certificate, host::access};
use super::{Calls, Findings, Seen, Subject, numbers};
use crate::model::engine::{Answer, EngineError, EngineInfo};
use crate::model::time::UnixNanos;
use crate::model::{Text, counted};

/// Clocks that differ by more show in start times.
const SKEW: f64 = 1.0;

/// The lines of one engine.
pub(in super::super) fn judge(subject: &Subject, findings: &Findings, now: UnixNanos) -> Vec<Line> {
    let mut sheet = Sheet::of(subject.called());
    reachable(subject, findings, &mut sheet);
    if let Some(access) = &findings.access {
        access::judge(access, findings.reached.as_ref().err(), &mut sheet);
    }
    if let Some(tls) = &subject.tls {
        certificate::judge_peer(tls, findings.reached.is_ok(), now, &mut sheet);
        certificate::judge_own(tls, now, &mut sheet);
    }
    let (Ok(info), Some(calls)) = (&findings.reached, &findings.calls) else { return sheet.into_lines() };
    version(info, &mut sheet);
    list(subject, calls, &mut sheet);
    numbers::judge(subject, info, calls, &mut sheet);
    inspect(calls, &mut sheet);
    cgroup(info, &mut sheet);
    events(&calls.events, &mut sheet);
    clock(calls, &mut sheet);
    sheet.into_lines()
}

fn reachable(subject: &Subject, findings: &Findings, sheet: &mut Sheet) {
    let endpoint = &subject.endpoint;
    let error = match &findings.reached {
        Ok(_) => return sheet.ok("reachable", format!("{endpoint} answers in {}", time(findings.took))),
        Err(error) => error,
    };
    let otherwise = match error {
        EngineError::Broken { .. } if endpoint.starts_with("tcp://") => {
            "is that a Docker engine's port, and does it speak TLS? Then write https://"
        }
        _ => "is it overloaded, or does it hang? `docker ps` asks it the same",
    };
    let (found, mend) = told(error, otherwise);
    let found = if found.contains(endpoint.as_str()) { found } else { format!("{endpoint}: {found}") };
    let denied = findings.access.is_some() && access::is_denied(error);
    sheet.fail("reachable", found, if denied { "the next line says how".to_owned() } else { mend });
}

/// An error, and its mend or `otherwise`.
pub(super) fn told(error: &EngineError, otherwise: &str) -> (String, String) {
    apart(&error.to_string(), error.mend(), otherwise)
}

/// How whoever guards an engine lets a call through.
pub(super) fn let_through(path: &str, variable: &str) -> String {
    format!("let the socket proxy pass GET {path} (docker-socket-proxy: {variable}=1)")
}

fn version(info: &EngineInfo, sheet: &mut Sheet) {
    let text = |text: &Option<Text>| text.as_deref().map(str::to_owned);
    let mut parts = vec![match (text(&info.runtime), text(&info.version)) {
        (Some(runtime), Some(version)) => format!("{runtime} {version}"),
        (Some(runtime), None) => runtime,
        _ => "an engine of an unknown kind".to_owned(),
    }];
    parts.push(format!("API {}", info.api));
    parts.extend(info.rootless.filter(|rootless| *rootless).map(|_| "rootless".to_owned()));
    parts.extend(text(&info.host_name).map(|host| format!("host {host}")));
    parts.extend(text(&info.host_arch));
    sheet.ok("version", parts.join(", "));
    if let Some(error) = &info.version_withheld {
        let found = format!("{}: whether it is Docker or Podman is not sure", told(error, "").0);
        sheet.warn("version_call", found, let_through("/version", "VERSION"));
    }
    if let Some(error) = &info.info_withheld {
        let found = format!("{}: host.name, host.arch and the host's memory are missing", told(error, "").0);
        sheet.warn("info_call", found, let_through("/info", "INFO"));
    }
}

fn list(subject: &Subject, calls: &Calls, sheet: &mut Sheet) {
    let Seen { ids, running, skipped } = match &calls.list {
        Ok(seen) => seen,
        Err(error) if error.is_forbidden() => {
            let found = format!("{}: without it there are no containers", told(error, "").0);
            return sheet.fail("list", found, let_through("/containers/json", "CONTAINERS"));
        }
        Err(error) => {
            let (found, mend) =
                told(error, "is the engine overloaded, or does it hang? `docker ps -a` asks it the same");
            return sheet.fail("list", found, mend);
        }
    };
    let Some((worst, median)) = worst_and_median(&calls.lists) else { return };
    let found = format!(
        "{}, {} running; the list takes {}, at worst {}",
        counted(ids.len() as u64, "container", "containers"),
        running.len(),
        time(median),
        time(worst)
    );
    match (worst > subject.interval / 2, skipped) {
        (true, _) => {
            sheet.warn(
                "list",
                format!("{found}: more than half the interval"),
                "set a longer interval, or remove containers",
            );
        }
        (false, 0) => sheet.ok("list", found),
        (false, skipped) => {
            let mend = "`docker ps -a` shows which are odd; they are left out";
            sheet.warn("list", format!("{found}; {skipped} more entries cannot be read"), mend);
        }
    }
}

fn inspect(calls: &Calls, sheet: &mut Sheet) {
    match &calls.inspect {
        None => {}
        Some(Ok(())) => sheet.ok("inspect", "start times, limits and restarts can be had"),
        Some(Err(error)) => {
            let (found, mend) = told(error, "is the engine overloaded? `docker inspect` asks it the same");
            let found = format!("{found}: start times, limits, restarts and exit codes are missing");
            let mend = if error.is_forbidden() { let_through("/containers/{id}/json", "CONTAINERS") } else { mend };
            sheet.warn("inspect", found, mend);
        }
    }
}

fn cgroup(info: &EngineInfo, sheet: &mut Sheet) {
    let driver = info.cgroup_driver.as_deref();
    let by = driver.map(|driver| format!(" by {driver}")).unwrap_or_default();
    match (info.cgroup_version.as_deref(), driver) {
        (_, Some("none")) => sheet.warn(
            "cgroup",
            "the engine has no control groups: containers have no numbers and no limits",
            "rootless Docker needs cgroup v2 and systemd, with controllers delegated to the user",
        ),
        (Some("1"), _) => sheet.ok("cgroup", format!("version 1{by}; kills for memory are counted by events")),
        (Some(version), _) => sheet.ok("cgroup", format!("version {version}{by}")),
        (None, _) => sheet.ok("cgroup", "the engine does not tell which version; nothing depends on it"),
    }
}

fn events(events: &Answer<()>, sheet: &mut Sheet) {
    let error = match events {
        Ok(()) => return sheet.ok("events", "the stream is open: what dies is retracted at once"),
        Err(error) => error,
    };
    let (found, mend) = told(error, "is there something between that ends long answers (a proxy with a timeout)?");
    let found = format!("{found}: what dies is retracted at the next probe only, and kills for memory are not counted");
    let mend = if error.is_forbidden() { let_through("/events", "EVENTS") } else { mend };
    sheet.warn("events", found, mend);
}

fn clock(calls: &Calls, sheet: &mut Sheet) {
    let Some((least, most)) = calls.ahead else { return };
    let (apart, way) = if least > 0.0 { (least, "ahead of") } else { (-most, "behind") };
    if apart > SKEW {
        let apart = time(Duration::try_from_secs_f64(apart).unwrap_or(Duration::MAX));
        let found =
            format!("the engine's clock is {apart} {way} ours: start times are brought to ours, but not exactly");
        return sheet.warn("clock", found, "let both hosts follow a time server (chrony, systemd-timesyncd)");
    }
    sheet.ok("clock", "the engine's clock and ours agree to a second or better");
}
