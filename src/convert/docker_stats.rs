//! The profile `docker_stats`: every metric of the OpenTelemetry Collector's receiver of that name, with its names, units,
//! kinds, attributes and defaults. Its rules are the receiver's (receiver.go, metadata.yaml), with two differences that
//! hold in every profile: what an engine does not tell is left out instead of zero, and rates come of our own samples.

use super::engine::containers;
use super::rates;
use super::table::{ContainerRow, EngineRow, Input, Out, of_two, optional, row};
use crate::model::container::{Health, MoreDetails};
use crate::model::observation::CounterGroup;
use crate::model::sample::{BlkioKind, Count, Network};
use crate::model::series::Kind::{Counter, Gauge, UpDownSum};

/// What the list and inspect tell.
pub(super) static STATE: &[ContainerRow] = &[
    optional("container.restarts", Counter, "{restarts}", |s, out| {
        let restarts = s.facts.details.as_ref().and_then(|d| d.restart_count);
        out.since(s.facts.restarts_start).one(restarts);
    }),
    optional("container.state.health.status", UpDownSum, "{container}", |s, out| {
        let health = s.facts.listed.health.filter(|_| s.facts.listed.state.is_running());
        for state in Health::ALL {
            let is = health.map(|health| Count::from(health == state));
            out.of(&[("container.state.health.state", state.as_str())], is);
        }
    }),
];

/// What a sample tells, and what is shown only with it.
pub(super) static USAGE: &[ContainerRow] = &[
    optional("container.blockio.io_merged_recursive", Counter, "{operations}", |s, out| {
        blkio(s, out, BlkioKind::Merged)
    }),
    optional("container.blockio.io_queued_recursive", Counter, "{operations}", |s, out| {
        blkio(s, out, BlkioKind::Queued)
    }),
    row("container.blockio.io_service_bytes_recursive", Counter, "By", |s, out| blkio(s, out, BlkioKind::Bytes)),
    optional("container.blockio.io_service_time_recursive", Counter, "ns", |s, out| {
        blkio(s, out, BlkioKind::ServiceTime)
    }),
    optional("container.blockio.io_serviced_recursive", Counter, "{operations}", |s, out| {
        blkio(s, out, BlkioKind::Requests)
    }),
    optional("container.blockio.io_time_recursive", Counter, "ms", |s, out| blkio(s, out, BlkioKind::DiskTime)),
    optional("container.blockio.io_wait_time_recursive", Counter, "ns", |s, out| blkio(s, out, BlkioKind::WaitTime)),
    optional("container.blockio.sectors_recursive", Counter, "{sectors}", |s, out| blkio(s, out, BlkioKind::Sectors)),
    optional("container.cpu.limit", Gauge, "{cpus}", |s, out| out.one(more(s).and_then(|m| m.cpu_limit))),
    optional("container.cpu.logical.count", Gauge, "{cpus}", |s, out| out.one(s.sample().cpu.online.map(Count::from))),
    optional("container.cpu.shares", Gauge, "1", |s, out| out.one(more(s).and_then(|m| m.cpu_shares))),
    optional("container.cpu.throttling_data.periods", Counter, "{periods}", |s, out| {
        cpu(s, out, s.sample().cpu.periods)
    }),
    optional("container.cpu.throttling_data.throttled_periods", Counter, "{periods}", |s, out| {
        cpu(s, out, s.sample().cpu.throttled_periods);
    }),
    optional("container.cpu.throttling_data.throttled_time", Counter, "ns", |s, out| {
        cpu(s, out, s.sample().cpu.throttled_time);
    }),
    row("container.cpu.usage.kernelmode", Counter, "ns", |s, out| cpu(s, out, s.sample().cpu.system)),
    optional("container.cpu.usage.percpu", Counter, "ns", percpu),
    optional("container.cpu.usage.system", Counter, "ns", |s, out| out.one(s.sample().cpu.host)),
    row("container.cpu.usage.total", Counter, "ns", |s, out| cpu(s, out, s.sample().cpu.total)),
    row("container.cpu.usage.usermode", Counter, "ns", |s, out| cpu(s, out, s.sample().cpu.user)),
    of_two("container.cpu.utilization", Gauge, "1", |s, out| {
        out.one(s.usage.and_then(rates::cpu_usage).map(|cpus| cpus * 100.0));
    }),
    optional("container.memory.active_anon", UpDownSum, "By", memory_stat),
    optional("container.memory.active_file", UpDownSum, "By", memory_stat),
    optional("container.memory.anon", UpDownSum, "By", memory_stat),
    optional("container.memory.cache", UpDownSum, "By", memory_stat),
    optional("container.memory.dirty", UpDownSum, "By", memory_stat),
    row("container.memory.file", UpDownSum, "By", memory_stat),
    optional("container.memory.hierarchical_memory_limit", UpDownSum, "By", memory_stat),
    optional("container.memory.hierarchical_memsw_limit", UpDownSum, "By", memory_stat),
    optional("container.memory.inactive_anon", UpDownSum, "By", memory_stat),
    optional("container.memory.inactive_file", UpDownSum, "By", memory_stat),
    optional("container.memory.mapped_file", UpDownSum, "By", memory_stat),
    optional("container.memory.pgfault", Counter, "{faults}", paging),
    optional("container.memory.pgmajfault", Counter, "{faults}", paging),
    optional("container.memory.pgpgin", Counter, "{operations}", memory_stat),
    optional("container.memory.pgpgout", Counter, "{operations}", memory_stat),
    optional("container.memory.rss", UpDownSum, "By", memory_stat),
    optional("container.memory.rss_huge", UpDownSum, "By", memory_stat),
    optional("container.memory.total_active_anon", UpDownSum, "By", memory_stat),
    optional("container.memory.total_active_file", UpDownSum, "By", memory_stat),
    row("container.memory.total_cache", UpDownSum, "By", memory_stat),
    optional("container.memory.total_dirty", UpDownSum, "By", memory_stat),
    optional("container.memory.total_inactive_anon", UpDownSum, "By", memory_stat),
    optional("container.memory.total_inactive_file", UpDownSum, "By", memory_stat),
    optional("container.memory.total_mapped_file", UpDownSum, "By", memory_stat),
    optional("container.memory.total_pgfault", Counter, "{faults}", paging),
    optional("container.memory.total_pgmajfault", Counter, "{faults}", paging),
    optional("container.memory.total_pgpgin", Counter, "{operations}", memory_stat),
    optional("container.memory.total_pgpgout", Counter, "{operations}", memory_stat),
    optional("container.memory.total_rss", UpDownSum, "By", memory_stat),
    optional("container.memory.total_rss_huge", UpDownSum, "By", memory_stat),
    optional("container.memory.total_unevictable", UpDownSum, "By", memory_stat),
    optional("container.memory.total_writeback", UpDownSum, "By", memory_stat),
    optional("container.memory.unevictable", UpDownSum, "By", memory_stat),
    optional("container.memory.writeback", UpDownSum, "By", memory_stat),
    optional("container.memory.fails", Counter, "{fails}", |s, out| out.one(s.detail().and_then(|d| d.memory_fails))),
    row("container.memory.percent", Gauge, "1", |s, out| out.one(memory_percent(s))),
    row("container.memory.usage.limit", UpDownSum, "By", |s, out| out.one(s.sample().memory.limit)),
    optional("container.memory.usage.max", UpDownSum, "By", |s, out| out.one(s.detail().and_then(|d| d.memory_peak))),
    row("container.memory.usage.total", UpDownSum, "By", |s, out| out.one(memory_used(s))),
    row("container.network.io.usage.rx_bytes", Counter, "By", |s, out| network(s, out, |n| n.receive.bytes)),
    row("container.network.io.usage.rx_dropped", Counter, "{packets}", |s, out| network(s, out, |n| n.receive.dropped)),
    optional("container.network.io.usage.rx_errors", Counter, "{errors}", |s, out| {
        network(s, out, |n| n.receive.errors)
    }),
    optional("container.network.io.usage.rx_packets", Counter, "{packets}", |s, out| {
        network(s, out, |n| n.receive.packets)
    }),
    row("container.network.io.usage.tx_bytes", Counter, "By", |s, out| network(s, out, |n| n.transmit.bytes)),
    row("container.network.io.usage.tx_dropped", Counter, "{packets}", |s, out| {
        network(s, out, |n| n.transmit.dropped)
    }),
    optional("container.network.io.usage.tx_errors", Counter, "{errors}", |s, out| {
        network(s, out, |n| n.transmit.errors)
    }),
    optional("container.network.io.usage.tx_packets", Counter, "{packets}", |s, out| {
        network(s, out, |n| n.transmit.packets)
    }),
    // A container has one process at least: 0 is a kernel that does not count them.
    optional("container.pids.count", UpDownSum, "{pids}", |s, out| out.one(pids(s))),
    optional("container.pids.limit", UpDownSum, "{pids}", |s, out| {
        out.one(s.sample().pids_limit.filter(|_| pids(s).is_some()));
    }),
    optional("container.uptime", Gauge, "s", |s, out| out.one(s.usage.and_then(|u| rates::uptime(s.facts, u)))),
];

/// What it says of the engine: how many containers are in each of the states that there are.
pub(super) static ENGINE: &[EngineRow] = &[optional("container.state.status", UpDownSum, "{status}", |status, out| {
    for (state, count) in containers(status).filter(|(_, count)| *count > 0) {
        out.of(&[("container.state.status", state.as_str())], Some(count));
    }
})];

fn more<'a>(s: &Input<'a>) -> Option<&'a MoreDetails> {
    s.facts.details.as_deref()?.more.as_deref()
}

fn cpu(s: &Input<'_>, out: &mut Out<'_>, value: Option<Count>) {
    out.since(s.start(&CounterGroup::Cpu)).one(value);
}

fn percpu(s: &Input<'_>, out: &mut Out<'_>) {
    out.since(s.start(&CounterGroup::Cpu));
    for (core, value) in s.detail().iter().flat_map(|d| &d.percpu).enumerate() {
        out.of(&[("core", &format!("cpu{core}"))], *value);
    }
}

/// The kernel's statistic of the metric's last name.
fn memory_stat(s: &Input<'_>, out: &mut Out<'_>) {
    let statistic = out.name().strip_prefix("container.memory.").unwrap_or_default();
    out.one(s.detail().and_then(|d| d.memory(statistic)));
}

fn paging(s: &Input<'_>, out: &mut Out<'_>) {
    out.since(s.start(&CounterGroup::Paging));
    memory_stat(s, out);
}

/// Usage without the inactive files: of the whole group with cgroup v1, of the group with v2, unless there are more of
/// them than there is usage. Of a source that gives no statistics, what it takes for that itself.
fn memory_used(s: &Input<'_>) -> Option<Count> {
    let memory = &s.sample().memory;
    let Some(detail) = s.detail().filter(|d| !d.memory.is_empty()) else { return memory.working_set.or(memory.usage) };
    let usage = memory.usage?;
    let inactive = ["total_inactive_file", "inactive_file"].into_iter().filter_map(|name| detail.memory(name));
    Some(inactive.filter(|out| *out < usage).map(|out| usage - out).next().unwrap_or(usage))
}

fn memory_percent(s: &Input<'_>) -> Option<f64> {
    let (used, limit) = (memory_used(s)?, s.sample().memory.limit?);
    Some(if limit > 0 { used as f64 / limit as f64 * 100.0 } else { 0.0 })
}

fn pids(s: &Input<'_>) -> Option<Count> {
    s.sample().pids.filter(|pids| *pids > 0)
}

fn blkio(s: &Input<'_>, out: &mut Out<'_>, what: BlkioKind) {
    for entry in s.detail().iter().flat_map(|d| &d.blkio).filter(|entry| entry.what == what) {
        let (major, minor) = (entry.device.0.to_string(), entry.device.1.to_string());
        out.since(s.start(&CounterGroup::Device(Some(entry.device))));
        let operation = ("operation", &*entry.operation);
        out.of(&[("device_major", &major), ("device_minor", &minor), operation], Some(entry.value));
    }
}

fn network(s: &Input<'_>, out: &mut Out<'_>, pick: fn(&Network) -> Option<Count>) {
    for network in &s.sample().networks {
        out.since(s.start(&CounterGroup::Interface(network.interface.clone())));
        out.of(&[("interface", &network.interface)], pick(network));
    }
}
