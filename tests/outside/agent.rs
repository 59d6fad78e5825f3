//! The built program as a process.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tokio::process::{Child, Command};

/// A running `dockpulse run`; it is killed when this is dropped.
pub(crate) struct Agent {
    child: Child,
    pid: u32,
    log: PathBuf,
}

/// What the kernel tells of a process.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Figures {
    /// Open descriptors.
    pub(crate) descriptors: usize,
    /// Threads.
    pub(crate) threads: u64,
    /// Resident memory, in KiB.
    pub(crate) rss: u64,
    /// The part of it that is read from files: a debug build's is large.
    pub(crate) file: u64,
    /// The most there ever was of it, in KiB.
    pub(crate) peak: u64,
}

impl Agent {
    /// Starts `binary` with the settings in `folder`; its log is there too, that of the last start alone.
    pub(crate) fn start(binary: &Path, folder: &Path) -> Self {
        let log = folder.join("log");
        let child = Command::new(binary)
            .args(["run", "--config", "settings.yaml"])
            .current_dir(folder)
            .env_clear()
            .env("DOCKPULSE_STATUS__LISTEN", "off")
            .env("DOCKPULSE_CONTROL__LISTEN", "off")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(File::create(&log).unwrap())
            .kill_on_drop(true)
            .spawn()
            .expect("the binary starts");
        let pid = child.id().expect("it was just started");
        Self { child, pid, log }
    }

    /// How it ended, if it has.
    pub(crate) fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().unwrap()
    }

    /// SIGKILL.
    pub(crate) async fn kill(&mut self) {
        self.child.start_kill().unwrap();
        self.child.wait().await.unwrap();
    }

    /// SIGTERM; `None` if it does not end in time, which ends it.
    pub(crate) async fn terminate(&mut self, within: Duration) -> Option<ExitStatus> {
        kill_process(Pid::from_raw(self.pid.cast_signed()).unwrap(), Signal::TERM).unwrap();
        match tokio::time::timeout(within, self.child.wait()).await {
            Ok(status) => Some(status.unwrap()),
            Err(_) => {
                self.kill().await;
                None
            }
        }
    }

    /// What it has logged since it was started.
    pub(crate) fn log(&self) -> String {
        String::from_utf8_lossy(&std::fs::read(&self.log).unwrap()).into_owned()
    }

    /// How long its threads that live have waited for a processor, if the kernel tells.
    pub(crate) fn waited(&self) -> Duration {
        let threads = std::fs::read_dir(format!("/proc/{}/task", self.pid)).into_iter().flatten().flatten();
        let waited = |thread: std::fs::DirEntry| {
            let text = std::fs::read_to_string(thread.path().join("schedstat")).ok()?;
            text.split_whitespace().nth(1)?.parse::<u64>().ok()
        };
        Duration::from_nanos(threads.filter_map(waited).sum())
    }

    /// How it is now.
    pub(crate) fn figures(&self) -> Figures {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid)).expect("it runs");
        let number = |key: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(key));
            line.and_then(|rest| rest.split_whitespace().next()?.parse().ok()).unwrap_or_default()
        };
        Figures {
            descriptors: std::fs::read_dir(format!("/proc/{}/fd", self.pid)).expect("it runs").count(),
            threads: number("Threads:"),
            rss: number("VmRSS:"),
            file: number("RssFile:"),
            peak: number("VmHWM:"),
        }
    }
}
