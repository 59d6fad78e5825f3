//! What the view shows of a container, picked from its series: by the names of every profile.

use crate::model::Text;
use crate::sink::belief::Entry;

/// The numbers of a container; `None` where the collector has none.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Numbers {
    /// Its state, in the engine's word.
    pub state: Option<Text>,
    /// CPUs in use, times 100.
    pub cpu_percent: Option<f64>,
    /// Memory in bytes.
    pub memory: Option<f64>,
    /// Its limit in bytes.
    pub memory_limit: Option<f64>,
    /// Bytes that came in, over all interfaces.
    pub received: Option<f64>,
    /// Bytes that went out, over all interfaces.
    pub sent: Option<f64>,
}

/// Whether a series of this metric outlives a stop of its container.
pub(super) fn is_state_metric(name: &str) -> bool {
    name.starts_with("container.status.")
        || matches!(
            name,
            "container.restarts"
                | "container.memory.oom_kill.count"
                | "docker_container_running_state"
                | "docker_container_restart_count"
        )
}

impl Numbers {
    /// From the live series of a container.
    pub(super) fn of<'a>(entries: impl Iterator<Item = Entry<'a>>) -> Self {
        let mut numbers = Self::default();
        for entry in entries {
            numbers.take(&entry);
        }
        numbers
    }

    fn take(&mut self, entry: &Entry<'_>) {
        let value = entry.series.value.as_f64();
        let direction = entry.id.attributes.text("network.io.direction").map(|d| &**d);
        match &*entry.id.metric.name {
            "container.status.state" if value != 0.0 => {
                self.state = entry.id.attributes.text("container.status.state").cloned();
            }
            "container.cpu.usage" => self.cpu_percent = Some(value * 100.0),
            "container.cpu.utilization" => self.cpu_percent = Some(value),
            "container.memory.usage" | "container.memory.usage.total" | "docker_container_memory_used_bytes" => {
                self.memory = Some(value);
            }
            "container.memory.limit" | "container.memory.usage.limit" => self.memory_limit = Some(value),
            "container.network.io" if direction == Some("receive") => add(&mut self.received, value),
            "container.network.io" if direction == Some("transmit") => add(&mut self.sent, value),
            "container.network.io.usage.rx_bytes" | "docker_container_network_in_bytes" => {
                add(&mut self.received, value);
            }
            "container.network.io.usage.tx_bytes" | "docker_container_network_out_bytes" => add(&mut self.sent, value),
            _ => {}
        }
    }
}

fn add(sum: &mut Option<f64>, value: f64) {
    *sum = Some(sum.unwrap_or(0.0) + value);
}
