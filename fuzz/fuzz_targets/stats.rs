//! The numbers of a container, and what is left out of Podman's.
#![no_main]

use dockpulse::engine::{decode, fuzzing};
use dockpulse::model::sample::{Count, Detail, Network, Sample, Traffic};
use dockpulse_fuzz::within;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|body: &[u8]| {
    let read = |detail| within((4 << 20) + 8 * body.len(), || decode::stats(body, detail));
    let (plain, detailed) = (read(false), read(true));
    assert!(plain.is_ok() || detailed.is_err(), "who wants more needs more to be right");
    let (Ok(Some(plain)), Ok(Some(mut detailed))) = (plain, detailed) else { return };
    check(&detailed);
    let detail = detailed.detail.take().expect("it was asked for");
    check_detail(&detail);
    assert!(detailed.unusable >= plain.unusable);
    assert_eq!(plain, Sample { unusable: plain.unusable, ..detailed.clone() }, "the rest is the same without it");
    for version in ["4.9.3", "5.0"] {
        let mut once = detailed.clone();
        fuzzing::correct(version, &mut once);
        let mut twice = once.clone();
        fuzzing::correct(version, &mut twice);
        assert_eq!(once, twice);
    }
});

fn check(sample: &Sample) {
    let Sample { cpu, memory, networks, devices, .. } = sample;
    let mut counts = vec![sample.pids, sample.pids_limit];
    counts.extend([cpu.total, cpu.user, cpu.system, cpu.host]);
    counts.extend([cpu.periods, cpu.throttled_periods, cpu.throttled_time]);
    counts.extend([memory.usage, memory.limit, memory.working_set, memory.rss, memory.cgroup_limit]);
    counts.extend([memory.faults, memory.major_faults]);
    counts.extend(networks.iter().flat_map(|n| of(n.receive).into_iter().chain(of(n.transmit))));
    counts.extend(devices.iter().flat_map(|d| [d.read_bytes, d.written_bytes, d.reads, d.writes]));
    assert!(counts.into_iter().flatten().all(|count| count >= 0));
    assert!(cpu.online != Some(0) && sample.pids_limit != Some(0));
    let windows = memory.limit.is_none() && memory.rss.is_none();
    assert!(windows || memory.working_set.is_none() || memory.working_set <= memory.usage);
    assert!(networks.len() <= 256 && networks.is_sorted_by(|a, b| a.interface < b.interface));
    assert!(networks.iter().all(|n: &Network| n.interface.len() <= 256));
    assert!(devices.len() <= 256 && devices.is_sorted_by(|a, b| a.number < b.number));
}

fn of(traffic: Traffic) -> [Option<Count>; 4] {
    [traffic.bytes, traffic.packets, traffic.dropped, traffic.errors]
}

fn check_detail(detail: &Detail) {
    assert!(detail.percpu.len() <= 1024);
    assert!(detail.memory.len() <= Detail::MEMORY.len() && detail.memory.is_sorted_by(|a, b| a.0 < b.0));
    assert!(detail.blkio.len() <= 8 * 6 * 256);
    assert!(detail.blkio.is_sorted_by_key(|b| (b.what, b.device, b.operation.clone())));
    let counts = detail.percpu.iter().flatten().chain(&detail.memory_peak).chain(&detail.memory_fails);
    let counts =
        counts.chain(detail.memory.iter().map(|(_, count)| count)).chain(detail.blkio.iter().map(|b| &b.value));
    assert!(counts.into_iter().all(|count| *count >= 0));
}
