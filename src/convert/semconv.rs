//! The profile `semconv`: the whole table of contract §4. Names, units and kinds are the semantic conventions' where
//! they have the metric, else `system.*` / `k8s.container.*` under `container.`, else docker_stats's.

use super::rates;
use super::table::{ContainerRow, Input, Out, of_two, optional, row};
use crate::model::Text;
use crate::model::container::State;
use crate::model::observation::CounterGroup;
use crate::model::sample::{BlockDevice, Count, Network};
use crate::model::series::Kind::{Counter, Gauge, UpDownSum};

/// Kills for memory, which are counted by events: what was counted does not outlive the agent.
pub(super) const KILLS: &str = "container.memory.oom_kill.count";

/// The state: a metric, and its attribute of the same name.
pub(super) const STATE_IS: &str = "container.status.state";

/// What the list and inspect tell; these series stay after a stop.
pub(super) static STATE: &[ContainerRow] = &[
    row(STATE_IS, UpDownSum, "{container}", |s, out| {
        let state = s.facts.listed.state;
        out.of(&[(STATE_IS, state.as_str())], (state != State::Unknown).then_some(1));
    }),
    row("container.status.health", UpDownSum, "{container}", |s, out| {
        let health = s.facts.listed.health.filter(|_| s.facts.listed.state.is_running());
        out.of(&[("container.status.health", health.map_or("", |h| h.as_str()))], health.map(|_| 1));
    }),
    row("container.status.exit_code", Gauge, "1", |s, out| {
        out.one(s.facts.listed.exit_code.filter(|_| s.facts.listed.state == State::Exited));
    }),
    row("container.restarts", Counter, "{restarts}", |s, out| {
        let restarts = s.facts.details.as_ref().and_then(|d| d.restart_count);
        out.since(s.facts.restarts_start).one(restarts);
    }),
    // Shown from the first kill on: before it the engine does not tell that it has seen every one.
    row(KILLS, Counter, "{event}", |s, out| {
        let (facts, counted) = (s.facts, s.facts.oom_kills);
        let known = facts.details.as_ref().is_some_and(|d| d.oom_killed);
        let kills = counted.max(Count::from(known));
        match facts.kills_since {
            // What inspect knows of may have been counted before; of a run that is over it is the last word.
            Some(since) if counted > 0 || !known || facts.listed.state.is_running() => {
                out.since(since).one(Some(counted))
            }
            _ => out.one((kills > 0).then_some(kills)),
        }
    }),
];

/// What a sample tells; these series end with the run.
pub(super) static USAGE: &[ContainerRow] = &[
    row("container.cpu.time", Counter, "s", cpu_time),
    of_two("container.cpu.usage", Gauge, "{cpu}", |s, out| out.one(s.usage.and_then(rates::cpu_usage))),
    row("container.cpu.limit", Gauge, "{cpu}", |s, out| {
        out.one(s.facts.details.as_ref().and_then(|d| d.cpu_limit));
    }),
    row("container.cpu.throttling_data.periods", Counter, "{periods}", |s, out| {
        out.since(s.start(&CounterGroup::Cpu)).one(s.sample().cpu.periods);
    }),
    row("container.cpu.throttling_data.throttled_periods", Counter, "{periods}", |s, out| {
        out.since(s.start(&CounterGroup::Cpu)).one(s.sample().cpu.throttled_periods);
    }),
    row("container.cpu.throttling_data.throttled_time", Counter, "ns", |s, out| {
        out.since(s.start(&CounterGroup::Cpu)).one(s.sample().cpu.throttled_time);
    }),
    row("container.memory.usage", UpDownSum, "By", |s, out| out.one(s.sample().memory.usage)),
    row("container.memory.working_set", UpDownSum, "By", |s, out| out.one(s.sample().memory.working_set)),
    row("container.memory.rss", UpDownSum, "By", |s, out| out.one(s.sample().memory.rss)),
    row("container.memory.available", UpDownSum, "By", |s, out| {
        let available = memory_limit(s).zip(s.sample().memory.working_set);
        out.one(available.map(|(limit, used)| (limit - used).max(0)));
    }),
    row("container.memory.limit", UpDownSum, "By", |s, out| out.one(memory_limit(s))),
    row("container.paging.faults", Counter, "{fault}", |s, out| {
        let memory = &s.sample().memory;
        let minor = memory.faults.zip(memory.major_faults).map(|(all, major)| (all - major).max(0));
        out.since(s.start(&CounterGroup::Paging));
        out.of(&[("system.paging.fault.type", "major")], memory.major_faults);
        out.of(&[("system.paging.fault.type", "minor")], minor);
    }),
    row("container.disk.io", Counter, "By", |s, out| disk(s, out, |d| [d.read_bytes, d.written_bytes])),
    row("container.disk.operations", Counter, "{operation}", |s, out| disk(s, out, |d| [d.reads, d.writes])),
    row("container.network.io", Counter, "By", |s, out| {
        network(s, out, |n| [n.receive.bytes, n.transmit.bytes]);
    }),
    row("container.network.packet.count", Counter, "{packet}", |s, out| {
        network(s, out, |n| [n.receive.packets, n.transmit.packets]);
    }),
    row("container.network.packet.dropped", Counter, "{packet}", |s, out| {
        network(s, out, |n| [n.receive.dropped, n.transmit.dropped]);
    }),
    row("container.network.errors", Counter, "{error}", |s, out| {
        network(s, out, |n| [n.receive.errors, n.transmit.errors]);
    }),
    row("container.pids.count", UpDownSum, "{pids}", |s, out| out.one(s.sample().pids)),
    row("container.pids.limit", UpDownSum, "{pids}", |s, out| out.one(s.sample().pids_limit)),
    row("container.uptime", Gauge, "s", |s, out| out.one(s.usage.and_then(|u| rates::uptime(s.facts, u)))),
];

/// What a container takes of the disk. Only asked for where one of these is turned on; they end with the run.
pub(super) static FILESYSTEM: &[ContainerRow] = &[
    optional("container.filesystem.usage", UpDownSum, "By", |s, out| out.one(s.filesystem.and_then(|f| f.usage))),
    optional("container.filesystem.capacity", UpDownSum, "By", |s, out| out.one(s.filesystem.and_then(|f| f.capacity))),
];

/// Both modes or none: the sum over the modes has to be the total.
fn cpu_time(s: &Input<'_>, out: &mut Out<'_>) {
    const NANOS: f64 = 1e9;
    let cpu = &s.sample().cpu;
    out.since(s.start(&CounterGroup::Cpu));
    match (cpu.user, cpu.system) {
        (Some(user), Some(system)) => {
            out.of(&[("cpu.mode", "system")], Some(system as f64 / NANOS));
            out.of(&[("cpu.mode", "user")], Some(user as f64 / NANOS));
        }
        _ => out.one(cpu.total.map(|total| total as f64 / NANOS)),
    }
}

fn memory_limit(s: &Input<'_>) -> Option<Count> {
    s.facts.memory_limit(s.sample())
}

fn disk(s: &Input<'_>, out: &mut Out<'_>, pick: fn(&BlockDevice) -> [Option<Count>; 2]) {
    for device in &s.sample().devices {
        let name: Option<Text> = device.number.map(|number| match s.devices.get(&number) {
            Some(name) => name.clone(),
            None => format!("{}:{}", number.0, number.1).into(),
        });
        out.since(s.start(&CounterGroup::Device(device.number)));
        for (direction, value) in ["read", "write"].into_iter().zip(pick(device)) {
            match &name {
                Some(name) => out.of(&[("disk.io.direction", direction), ("system.device", name)], value),
                None => out.of(&[("disk.io.direction", direction)], value),
            }
        }
    }
}

fn network(s: &Input<'_>, out: &mut Out<'_>, pick: fn(&Network) -> [Option<Count>; 2]) {
    for network in &s.sample().networks {
        out.since(s.start(&CounterGroup::Interface(network.interface.clone())));
        for (direction, value) in ["receive", "transmit"].into_iter().zip(pick(network)) {
            let interface = ("network.interface.name", &*network.interface);
            out.of(&[interface, ("network.io.direction", direction)], value);
        }
    }
}
