//! The program itself as a process of its own: what it logs, what it holds.

use std::fs::{self, File};
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

use crate::agent::Judge;
use crate::scripted::Engine;

/// A running `dockpulse run`; it is killed when this is dropped.
pub(crate) struct Process {
    pub(crate) judge: Judge,
    child: Child,
    folder: TempDir,
}

impl Process {
    /// Watches an engine every 100 ms; a call may take so many seconds.
    pub(crate) async fn watch(engine: &Engine, timeout: u64) -> Self {
        let (judge, folder) = (Judge::start().await, tempfile::tempdir().expect("a folder"));
        let settings = format!(
            "interval: 100ms\nengines: [{{ name: engine-0, endpoint: '{}', timeout: {timeout}s }}]\nexport: {{ endpoint: {} }}\n\
             telemetry: {{ metrics: false, traces: false }}\n",
            engine.endpoint(),
            judge.collector.url(),
        );
        fs::write(folder.path().join("dockpulse.yaml"), settings).expect("written");
        let log = File::create(folder.path().join("log")).expect("a file");
        let child = Command::new(env!("CARGO_BIN_EXE_dockpulse"))
            .arg("run")
            .current_dir(folder.path())
            .env_clear()
            .env("DOCKPULSE_STATUS__LISTEN", "off")
            .env("DOCKPULSE_CONTROL__LISTEN", "off")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .expect("it starts");
        Self { judge, child, folder }
    }

    /// The lines of its log.
    pub(crate) fn log(&self) -> Vec<String> {
        let text = fs::read_to_string(self.folder.path().join("log")).expect("UTF-8");
        text.lines().map(str::to_owned).collect()
    }

    /// How many descriptors are open in it.
    pub(crate) fn descriptors(&self) -> usize {
        fs::read_dir(format!("/proc/{}/fd", self.child.id())).expect("it runs").count()
    }

    /// The most memory that it ever had, in MiB.
    pub(crate) fn most_memory(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).expect("it runs");
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("the kernel tells");
        line.trim().trim_end_matches(" kB").parse::<u64>().expect("a number") / 1024
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended by itself: the test says so.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
