//! A look around on this host. Nothing is written.

use std::fs;
use std::path::Path;
use std::time::Duration;

use futures_util::future::join3;
use rustix::process::{Resource, getrlimit};

use super::super::waiting::{Budget, Waiting};
use super::{Findings, OutboxFound, Subject, access, listening};
use crate::outbox::durable;

/// How long a disk may take.
const DISK: Duration = Duration::from_secs(5);
/// So many processes are looked at.
const MOST_PROCESSES: usize = 50_000;

/// Looks around.
pub(in super::super) async fn ask(subject: &Subject, budget: Budget, waiting: &Waiting) -> Findings {
    let place = |name: &'static str, listen| waiting.on(name, listening::look(listen, budget));
    let (outbox, status, control) = join3(
        waiting.on("host (the outbox's disk)", outbox(subject, budget)),
        place("host (status.listen)", &subject.status.at),
        place("host (control.listen)", &subject.control.at),
    )
    .await;
    Findings {
        outbox,
        status,
        control,
        open_files: getrlimit(Resource::Nofile).current,
        in_container: access::in_container(),
        agents: agents(),
    }
}

/// A disk may hang, and must not take the rest with it.
async fn outbox(subject: &Subject, budget: Budget) -> Option<Option<OutboxFound>> {
    let Some(directory) = subject.outbox.clone() else { return Some(None) };
    let looking = tokio::task::spawn_blocking(move || OutboxFound::look(&directory));
    let (found, _) = budget.time(DISK, looking).await?;
    found.ok().map(Some)
}

impl OutboxFound {
    pub(super) fn look(directory: &Path) -> Self {
        let whole = access::whole(directory);
        let there = whole.ancestors().find(|folder| folder.is_dir());
        let room = there.and_then(|folder| rustix::fs::statvfs(folder).ok());
        Self {
            folder: access::folder(directory),
            in_use: durable::in_use(directory),
            size: durable::size(directory),
            free: room.map(|room| room.f_bavail.saturating_mul(room.f_frsize)),
        }
    }
}

/// The processes of other agents, as far as they can be seen from here.
fn agents() -> Vec<u32> {
    let Ok(entries) = fs::read_dir("/proc") else { return Vec::new() };
    let numbers = entries.take(MOST_PROCESSES).filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    numbers.filter(|pid| *pid != std::process::id() && is_agent(*pid)).collect()
}

fn is_agent(pid: u32) -> bool {
    let command = if called(pid).as_deref() == Some("dockpulse") {
        fs::read(format!("/proc/{pid}/cmdline"))
    } else {
        return false;
    };
    command.is_ok_and(|line| line.split(|b| *b == 0).nth(1) == Some(b"run"))
}

/// What a process is called.
pub(super) fn called(pid: u32) -> Option<String> {
    fs::read_to_string(format!("/proc/{pid}/comm")).ok().map(|name| name.trim().to_owned())
}
