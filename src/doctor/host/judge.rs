//! What the findings on this host mean.

use bytesize::ByteSize;

use super::super::line::{Line, Sheet};
use super::{Findings, Folder, Listen, ListenAt, OutboxFound, Place, Subject, ask};
use crate::model::time::UnixNanos;
use crate::outbox::durable::InUse;
use crate::status::Delta;

/// 2025-01-01: no agent was built before.
const NEVER_BEFORE: UnixNanos = UnixNanos(1_735_689_600_000_000_000);

/// The lines of this host. `streams` is how many streams of numbers would be open.
pub(in super::super) fn judge(subject: &Subject, findings: &Findings, streams: usize, now: UnixNanos) -> Vec<Line> {
    let mut sheet = Sheet::of("host");
    if now < NEVER_BEFORE {
        let mend = "set it, and let it follow a time server: collectors refuse points that are too old";
        sheet.fail("clock", "the clock is before 2025", mend);
    }
    outbox(subject, findings, &mut sheet);
    listen("status", "status.listen", &subject.status, &findings.status, &mut sheet);
    listen("control", "control.listen", &subject.control, &findings.control, &mut sheet);
    open_files(subject, findings, streams as u64, &mut sheet);
    name(subject, findings, &mut sheet);
    agents(findings, &mut sheet);
    sheet.into_lines()
}

fn outbox(subject: &Subject, findings: &Findings, sheet: &mut Sheet) {
    let Some(directory) = &subject.outbox else {
        let most = ByteSize(subject.memory_max_bytes);
        return sheet
            .ok("outbox", format!("in memory, at most {most}; outbox.directory would make it outlive a crash"));
    };
    let shown = directory.display();
    let Some(Some(found)) = &findings.outbox else {
        return sheet.fail("outbox", format!("{shown} does not answer"), "see to the device: a disk or a mount hangs");
    };
    match &found.folder {
        Folder::Closed(folder, why) => {
            let found = format!("outbox.directory {shown} cannot be written to: {}: {why}", folder.display());
            let mend = "let the user that dockpulse runs as write there, or name another directory";
            return sheet.fail("outbox", found, mend);
        }
        Folder::Makeable => sheet.ok("outbox", format!("{shown} is not there yet, and can be made")),
        Folder::Writable => used(&shown.to_string(), found, findings, sheet),
    }
    space(subject, found, sheet);
}

fn used(shown: &str, found: &OutboxFound, findings: &Findings, sheet: &mut Sheet) {
    let size = ByteSize(found.size);
    let error = match &found.in_use {
        Ok(None) if found.size == 0 => return sheet.ok("outbox", format!("{shown} can be written to, and is empty")),
        Ok(None) => {
            return sheet
                .ok("outbox", format!("{shown} can be written to; its store has {size}, and nobody uses it now"));
        }
        Ok(Some(InUse { pid, .. })) => {
            let who = pid.map(|pid| match ask::called(pid) {
                Some(name) => format!("{name}, process {pid}"),
                None => format!("process {pid}, which cannot be seen from here"),
            });
            let who = who.unwrap_or_else(|| "another process".to_owned());
            let waits = waits(&findings.status).unwrap_or_default();
            return sheet.ok("outbox", format!("{shown} is in use by {who}; its store has {size}{waits}"));
        }
        Err(error) => error,
    };
    let mend = "run doctor as the user that the agent runs as";
    sheet.warn("outbox", format!("{shown} can be written to, but whether it is in use cannot be told: {error}"), mend);
}

/// What the agent that runs says of its outbox.
fn waits(status: &Place) -> Option<String> {
    let Place::Agent(Some(delta), _) = status else { return None };
    Some(match delta.outbox.batches {
        0 => ", and nothing waits in it".to_owned(),
        n => format!(", and {n} batches wait in it"),
    })
}

fn space(subject: &Subject, found: &OutboxFound, sheet: &mut Sheet) {
    let Some(free) = found.free else { return };
    let most = ByteSize(subject.max_bytes);
    let text = format!("{} are free, and outbox.max_bytes is {most}", ByteSize(free));
    if free.saturating_add(found.size) < subject.max_bytes {
        sheet.warn(
            "space",
            format!("{text}: a long outage would fill the disk"),
            "make room there, or lower outbox.max_bytes",
        );
    } else {
        sheet.ok("space", text);
    }
}

fn listen(check: &'static str, key: &str, listen: &Listen, place: &Place, sheet: &mut Sheet) {
    let at = match &listen.at {
        ListenAt::Off => "off".to_owned(),
        ListenAt::Tcp(address) => address.to_string(),
        ListenAt::Unix(path) => format!("unix://{}", path.display()),
    };
    let (why, mend) = match place {
        Place::Off => return sheet.ok(check, format!("{key} is off")),
        Place::Free => return sheet.ok(check, format!("{at} is free")),
        Place::Agent(delta, pid) => {
            let who = delta.as_deref().map(agent).or(pid.map(|pid| format!("dockpulse, process {pid}")));
            return sheet.ok(check, format!("{at} is in use by {}", who.unwrap_or_else(|| "dockpulse".to_owned())));
        }
        Place::Taken(by) => (by, format!("set {key} to another address, or end whoever is there")),
        Place::Denied(why) => (why, denied(key, &listen.at)),
    };
    if listen.is_set {
        sheet.fail(check, format!("{at} cannot be had: {why}"), mend);
    } else {
        sheet.warn(check, format!("{at}, the default, cannot be had: {why}; the agent runs without"), mend);
    }
}

fn agent(delta: &Delta) -> String {
    format!("dockpulse {}, process {}", delta.agent.version, delta.agent.pid)
}

fn denied(key: &str, at: &ListenAt) -> String {
    match at {
        ListenAt::Unix(path) => {
            let folder = path.parent().map(|folder| folder.display().to_string()).unwrap_or_default();
            format!(
                "make {folder} for the user that dockpulse runs as (systemd: RuntimeDirectory=), or set {key}, or \"off\""
            )
        }
        _ => format!("set {key} to an address of this host, with a port over 1023 unless dockpulse is root"),
    }
}

fn open_files(subject: &Subject, findings: &Findings, streams: u64, sheet: &mut Sheet) {
    let needed = subject.files.saturating_add(streams);
    match findings.open_files {
        Some(limit) if limit < needed => {
            let found = format!("{limit} may be open at once, and it may come to {needed}");
            sheet.warn(
                "open_files",
                found,
                "raise it: LimitNOFILE= (systemd), --ulimit nofile= (docker), ulimit -n (shell)",
            );
        }
        Some(limit) => sheet.ok("open_files", format!("{limit} may be open at once; it comes to {needed} at most")),
        None => sheet.ok("open_files", "without limit"),
    }
}

/// A container's own name is the beginning of its id, and another one each time it is made.
fn name(subject: &Subject, findings: &Findings, sheet: &mut Sheet) {
    let name = &subject.name;
    let is_id = name.len() == 12 && name.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
    if findings.in_container && is_id {
        let found = format!(
            "this container's id, {name}, stands for the host in the engines' own series: each new container is another one"
        );
        return sheet.warn("host_name", found, "in compose: uts: host, or hostname: NAME; with docker run: --uts host");
    }
    sheet.ok("host_name", format!("{name} stands for this host in the engines' own series"));
}

fn agents(findings: &Findings, sheet: &mut Sheet) {
    let told: Vec<String> = findings.agents.iter().map(ToString::to_string).collect();
    match &told[..] {
        [] => sheet.ok("agents", "no agent is seen to run on this host"),
        [one] => sheet.ok("agents", format!("one runs on this host, process {one}")),
        more => {
            let found = format!(
                "{} run on this host, processes {}: for engines of the same name their series are the same",
                more.len(),
                more.join(", ")
            );
            sheet.warn("agents", found, "end all but one, or give their engines different names: engines[].name");
        }
    }
}
