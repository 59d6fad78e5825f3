//! Child processes and what the system tells of them.

use std::io::{self, BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// A process that ends with its handle.
pub(crate) struct Process {
    child: Child,
    lines: Arc<Mutex<Vec<String>>>,
    /// When it was started, in microseconds since 1970.
    pub(crate) started: u128,
}

/// How large a process is and what it has spent.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Figures {
    /// Resident memory, in KiB.
    pub(crate) rss: u64,
    /// The most there ever was of it, in KiB.
    pub(crate) peak: u64,
    /// Processor time, user and system.
    pub(crate) cpu: Duration,
}

impl Process {
    /// Starts it and keeps the lines that it prints.
    pub(crate) fn start(command: &mut Command) -> io::Result<Self> {
        let started = micros_since_1970();
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn()?;
        let lines = Arc::new(Mutex::new(Vec::new()));
        if let Some(out) = child.stdout.take() {
            let lines = lines.clone();
            std::thread::spawn(move || {
                for line in BufReader::new(out).lines().map_while(Result::ok) {
                    lines.lock().unwrap_or_else(PoisonError::into_inner).push(line);
                }
            });
        }
        Ok(Self { child, lines, started })
    }

    /// The lines that it has printed so far.
    pub(crate) fn lines(&self) -> Vec<String> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Waits for at least so many lines, up to a minute.
    pub(crate) fn wait_for_lines(&self, count: usize) -> Vec<String> {
        for _ in 0..60_000 {
            let lines = self.lines();
            if lines.len() >= count {
                return lines;
            }
            pause(Duration::from_millis(1));
        }
        panic!("a process of the bench does not do its part");
    }

    /// How it is now.
    pub(crate) fn figures(&self) -> io::Result<Figures> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()))?;
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id()))?;
        let kib = |key: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(key));
            line.and_then(|rest| rest.split_whitespace().next()?.parse().ok()).unwrap_or_default()
        };
        // After the name, which is in parentheses; utime and stime are fields 14 and 15, in hundredths of a second.
        let fields = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
        let ticks: u64 = fields.split_whitespace().skip(11).take(2).filter_map(|t| t.parse::<u64>().ok()).sum();
        Ok(Figures { rss: kib("VmRSS:"), peak: kib("VmHWM:"), cpu: Duration::from_millis(ticks * 10) })
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Lets time pass.
#[expect(clippy::disallowed_methods, reason = "the bench has no runtime to block")]
pub(crate) fn pause(time: Duration) {
    std::thread::sleep(time);
}

/// The wall clock, which all processes share.
#[expect(clippy::disallowed_methods, reason = "the bench compares times of several processes")]
pub(crate) fn micros_since_1970() -> u128 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_micros()
}
