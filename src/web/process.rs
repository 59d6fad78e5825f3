//! What the system says of this process, for `/metrics`. What it does not say is left out.

use rustix::process::{Resource, getrlimit};
use rustix::time::{ClockId, clock_gettime};

/// The process, as the clients of Prometheus describe one.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Process {
    /// Seconds of processors that it used.
    pub(super) cpu: f64,
    /// Bytes in memory.
    pub(super) resident: Option<u64>,
    /// Bytes of addresses.
    pub(super) virtual_memory: Option<u64>,
    /// Open files and sockets.
    pub(super) open_files: Option<u64>,
    /// The most of these.
    pub(super) max_files: Option<u64>,
}

impl Process {
    /// As it is now: two small files and a folder of /proc.
    pub(super) fn now() -> Self {
        let cpu = clock_gettime(ClockId::ProcessCPUTime);
        let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
        let files = std::fs::read_dir("/proc/self/fd").map(Iterator::count);
        Self {
            cpu: cpu.tv_sec as f64 + cpu.tv_nsec as f64 / 1e9,
            resident: kibibytes(&status, "VmRSS:"),
            virtual_memory: kibibytes(&status, "VmSize:"),
            // The folder itself was open while it was read.
            open_files: files.ok().map(|n| n.saturating_sub(1) as u64),
            max_files: getrlimit(Resource::Nofile).current,
        }
    }
}

fn kibibytes(status: &str, key: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix(key))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_process_itself_is_found() {
        let now = Process::now();
        assert!(now.cpu > 0.0);
        assert!(now.resident.is_some_and(|bytes| bytes > 1 << 20), "{now:?}");
        assert!(now.virtual_memory > now.resident);
        assert!(now.open_files.is_some_and(|n| n >= 3), "{now:?}");
    }

    #[test]
    fn what_is_not_said_is_left_out() {
        assert_eq!(kibibytes("Name:\tx\nVmRSS:\t    12 kB\n", "VmRSS:"), Some(12 << 10));
        for text in ["", "VmRSS: x kB", "VmRSS: 12", "VmRSS: 18446744073709551615 kB"] {
            assert_eq!(kibibytes(text, "VmRSS:"), None, "{text}");
        }
    }
}
