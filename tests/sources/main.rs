//! Where numbers come from: one-shot, two-sample and stream, against an engine on a real socket.

#[cfg(test)]
mod alike;
#[cfg(test)]
mod engine;
#[cfg(test)]
#[path = "../support/pace.rs"]
mod pace;
#[cfg(test)]
mod shell;
#[cfg(test)]
mod streams;

#[cfg(test)]
use self::rig::{Rig, document, eventually};

#[cfg(test)]
mod rig {
    use std::future::Future;
    use std::sync::Arc;
    use std::time::Duration;

    use dockpulse::engine::docker::DockerEngine;
    use dockpulse::engine::{Address, Engine as _};
    use dockpulse::model::container::ContainerId;
    use dockpulse::model::engine::{Answer, Source, Wanted};
    use dockpulse::model::sample::Sample;
    use tempfile::TempDir;

    use crate::engine::{ID, StatsEngine};
    use crate::pace::Pace;

    /// An engine, and who asks it.
    pub(crate) struct Rig {
        pub(crate) engine: StatsEngine,
        pub(crate) docker: DockerEngine,
        pub(crate) id: ContainerId,
        _folder: TempDir,
        _pace: Arc<Pace>,
    }

    impl Rig {
        pub(crate) fn start() -> Self {
            let folder = TempDir::new().unwrap();
            let engine = StatsEngine::start(folder.path());
            let address = Address::Unix(engine.socket().to_owned());
            let docker = DockerEngine::new("unix:///docker.sock", address, None).unwrap();
            Self { engine, docker, id: ContainerId::try_new(ID).unwrap(), _folder: folder, _pace: Pace::keep() }
        }

        /// Asks for numbers of the stream, of which one is taken each second.
        pub(crate) async fn stream(&self) -> Answer<Sample> {
            let source = Source::Stream { every: Duration::from_secs(1) };
            let asked = self.docker.stats(&self.id, source, &Wanted::default());
            tokio::time::timeout(Duration::from_secs(60), asked).await.expect("it is answered")
        }

        /// Asks with a deadline.
        pub(crate) async fn within<T>(&self, millis: u64, what: impl Future<Output = T>) -> Option<T> {
            tokio::time::timeout(Duration::from_millis(millis), what).await.ok()
        }

        /// Lets so many seconds pass.
        pub(crate) async fn seconds(&self, seconds: u64) {
            tokio::time::advance(Duration::from_secs(seconds)).await;
        }
    }

    /// Numbers as Docker 28 streams them. What it says of the sample before is wrong: nobody may trust it.
    pub(crate) fn document(n: u64) -> String {
        let cpu = |total: u64| {
            format!(
                r#"{{"cpu_usage":{{"total_usage":{total},"usage_in_kernelmode":{},"usage_in_usermode":{}}},
                    "system_cpu_usage":{},"online_cpus":2,
                    "throttling_data":{{"periods":{n},"throttled_periods":0,"throttled_time":0}}}}"#,
                total / 4,
                total - total / 4,
                2_000_000_000 * n,
            )
        };
        format!(
            r#"{{"name":"/web","id":"{ID}","read":"2026-01-01T00:00:{:02}.5Z","preread":"2026-01-01T00:00:00Z",
                "pids_stats":{{"current":{n},"limit":18446744073709551615}},
                "blkio_stats":{{"io_service_bytes_recursive":[
                    {{"major":254,"minor":0,"op":"read","value":{}}},{{"major":254,"minor":0,"op":"write","value":4096}}]}},
                "num_procs":0,"storage_stats":{{}},"cpu_stats":{},"precpu_stats":{},
                "memory_stats":{{"usage":{},"stats":{{"inactive_file":4096,"anon":65536,"pgfault":{n},"pgmajfault":0}},
                    "limit":8000000000}},
                "networks":{{"eth0":{{"rx_bytes":{},"rx_packets":{n},"rx_errors":0,"rx_dropped":0,
                    "tx_bytes":10,"tx_packets":1,"tx_errors":0,"tx_dropped":0}}}}}}"#,
            n + 1,
            4096 * n,
            cpu(700_000_000 * n),
            cpu(1),
            1_000_000 + n,
            100 * n,
        )
    }

    /// Waits until this is so.
    pub(crate) async fn eventually(what: impl Fn() -> bool) {
        for _ in 0..12_000 {
            if what() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        panic!("that never was so");
    }
}
