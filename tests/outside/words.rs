//! The simulated world in the words of Docker's API, version 28 on cgroup v2.

use dockpulse::model::container::{Details, Health, Listed, State};
use dockpulse::model::engine::{Action, EngineEvent};
use dockpulse::model::sample::{BlockDevice, Count, Network, Sample, Traffic};
use dockpulse::model::time::UnixNanos;
use serde_json::{Value, json};

pub(crate) const VERSION: &str = r#"{"Version":"28.5.2","ApiVersion":"1.51","MinAPIVersion":"1.24","Os":"linux","Arch":"amd64","KernelVersion":"6.12.0"}"#;
pub(crate) const INFO: &str = r#"{"ID":"simulated","Name":"simulated","ServerVersion":"28.5.2","Architecture":"x86_64","OSType":"linux","MemTotal":34359738368,"NCPU":8,"KernelVersion":"6.12.0"}"#;
/// What a container that does not run answers.
pub(crate) const NO_NUMBERS: &str = r#"{"read":"0001-01-01T00:00:00Z","preread":"0001-01-01T00:00:00Z","pids_stats":{},"blkio_stats":{"io_service_bytes_recursive":null},"num_procs":0,"storage_stats":{},"cpu_stats":{"cpu_usage":{"total_usage":0,"usage_in_kernelmode":0,"usage_in_usermode":0},"throttling_data":{"periods":0,"throttled_periods":0,"throttled_time":0}},"memory_stats":{}}"#;

/// An entry of the list.
pub(crate) fn listed(entry: &Listed, started: Option<UnixNanos>, now: UnixNanos) -> Value {
    let up = started.and_then(|at| now.since(at)).unwrap_or_default().as_secs();
    let status = match (entry.state, entry.exit_code) {
        (State::Running, _) => format!("Up {}{}", human(up), health(entry.health)),
        (State::Paused, _) => format!("Up {} (Paused)", human(up)),
        (_, Some(code)) => format!("Exited ({code}) {} ago", human(up)),
        (State::Created, _) => "Created".to_owned(),
        (state, _) => state.as_str().to_owned(),
    };
    let name = entry.name.as_deref().map(|name| format!("/{name}"));
    json!({
        "Id": entry.id.as_str(), "Names": [name], "Image": &*entry.image, "ImageID": &*entry.image_id,
        "State": entry.state.as_str(), "Status": status, "Labels": {}
    })
}

fn health(health: Option<Health>) -> String {
    match health {
        None => String::new(),
        Some(Health::Starting) => " (health: starting)".to_owned(),
        Some(health) => format!(" ({})", health.as_str()),
    }
}

/// As Docker words a time (go-units, `HumanDuration`), up to days.
fn human(seconds: u64) -> String {
    let (minutes, hours) = (seconds / 60, (seconds + 1800) / 3600);
    match seconds {
        0 => "Less than a second".to_owned(),
        1 => "1 second".to_owned(),
        2..60 => format!("{seconds} seconds"),
        60..120 => "About a minute".to_owned(),
        120..3600 => format!("{minutes} minutes"),
        _ if hours == 1 => "About an hour".to_owned(),
        _ if hours < 48 => format!("{hours} hours"),
        _ => format!("{} days", hours / 24),
    }
}

/// What inspect answers.
pub(crate) fn inspected(id: &str, of: &Details) -> Value {
    let state = of.state.unwrap_or(State::Unknown);
    json!({
        "Id": id, "Name": of.name.as_deref().map(|name| format!("/{name}")), "Created": of.created.map(time),
        "Path": of.command_line.as_deref(), "Args": [], "RestartCount": of.restart_count,
        "State": {
            "Status": state.as_str(), "Running": state.is_running(), "Paused": state == State::Paused,
            "Restarting": state == State::Restarting, "Dead": state == State::Dead, "OOMKilled": of.oom_killed,
            "ExitCode": of.exit_code,
            "StartedAt": of.started_at.map_or_else(|| "0001-01-01T00:00:00Z".to_owned(), time),
            "Health": of.health.map(|health| json!({ "Status": health.as_str(), "FailingStreak": 0, "Log": [] })),
        },
        "HostConfig": { "Memory": of.memory_limit.unwrap_or(0), "NanoCpus": of.cpu_limit.map_or(0, |c| (c * 1e9) as i64) },
        "Config": { "Hostname": of.hostname.as_deref(), "Image": "", "Cmd": null, "Env": null },
    })
}

/// The numbers, with `usage` as the memory that is in use.
pub(crate) fn stats(id: &str, sample: &Sample, usage: Count) -> Value {
    let (cpu, memory) = (&sample.cpu, &sample.memory);
    let networks: serde_json::Map<String, Value> =
        sample.networks.iter().map(|n| (n.interface.to_string(), network(n))).collect();
    json!({
        "id": id, "read": time(sample.read.unwrap_or_default()), "preread": "0001-01-01T00:00:00Z",
        "pids_stats": { "current": sample.pids, "limit": u64::MAX },
        "blkio_stats": {
            "io_service_bytes_recursive": sample.devices.iter().flat_map(block_io).collect::<Vec<_>>(),
            "io_serviced_recursive": null,
        },
        "num_procs": 0, "storage_stats": {},
        "cpu_stats": {
            "cpu_usage": { "total_usage": cpu.total, "usage_in_kernelmode": cpu.system, "usage_in_usermode": cpu.user },
            "system_cpu_usage": cpu.host, "online_cpus": cpu.online,
            "throttling_data": {
                "periods": cpu.periods, "throttled_periods": cpu.throttled_periods, "throttled_time": cpu.throttled_time
            },
        },
        "memory_stats": {
            "usage": usage, "limit": memory.limit,
            "stats": { "inactive_file": 4096, "anon": memory.rss, "pgfault": memory.faults, "pgmajfault": memory.major_faults },
        },
        "networks": networks,
    })
}

fn network(network: &Network) -> Value {
    let Network { receive, transmit, .. } = network;
    let number = |n: Option<Count>| n.unwrap_or(0);
    let of = |t: &Traffic| [t.bytes, t.packets, t.dropped, t.errors].map(number);
    let ([rx_bytes, rx_packets, rx_dropped, rx_errors], [tx_bytes, tx_packets, tx_dropped, tx_errors]) =
        (of(receive), of(transmit));
    json!({
        "rx_bytes": rx_bytes, "rx_packets": rx_packets, "rx_dropped": rx_dropped, "rx_errors": rx_errors,
        "tx_bytes": tx_bytes, "tx_packets": tx_packets, "tx_dropped": tx_dropped, "tx_errors": tx_errors
    })
}

fn block_io(device: &BlockDevice) -> Vec<Value> {
    let Some((major, minor)) = device.number else { return Vec::new() };
    let entry = |op: &str, value: Option<Count>| json!({ "major": major, "minor": minor, "op": op, "value": value });
    vec![entry("read", device.read_bytes), entry("write", device.written_bytes)]
}

/// A line of the event stream.
pub(crate) fn event(event: &EngineEvent) -> String {
    let id = event.container.as_str();
    let action = match &event.action {
        Action::Create => "create",
        Action::Start => "start",
        Action::Die { .. } => "die",
        Action::Destroy => "destroy",
        Action::Rename => "rename",
        Action::Oom => "oom",
        Action::Health(_) => "health_status",
        Action::Pause => "pause",
        Action::Unpause => "unpause",
        Action::Update => "update",
        Action::Network => {
            let actor = json!({ "ID": "net", "Attributes": { "container": id, "name": "bridge" } });
            return format!("{}\n", json!({ "Type": "network", "Action": "connect", "Actor": actor }));
        }
    };
    let attributes = match &event.action {
        Action::Die { exit_code: Some(code) } => json!({ "exitCode": code.to_string() }),
        _ => json!({}),
    };
    let actor = json!({ "ID": id, "Attributes": attributes });
    format!("{}\n", json!({ "status": action, "id": id, "Type": "container", "Action": action, "Actor": actor }))
}

fn time(at: UnixNanos) -> String {
    jiff::Timestamp::from_nanosecond(i128::from(at.0)).map(|t| t.to_string()).unwrap_or_default()
}
