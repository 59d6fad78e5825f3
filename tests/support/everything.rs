//! A container of which everything is known, and what each profile sends of it.
#![allow(clippy::unwrap_used, reason = "a test fails loudly")]

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use dockpulse::convert::{Converter, DeviceNames, Profile, Settings};
use dockpulse::model::batch::SeriesPoint;
use dockpulse::model::container::{ContainerId, Details, Health, Labels, Listed, MoreDetails, State};
use dockpulse::model::engine::EngineInfo;
use dockpulse::model::observation::{EngineStatus, Facts, Previous, Usage};
use dockpulse::model::sample::{
    Blkio, BlkioKind, BlockDevice, Cpu, Detail, Filesystem, Memory, Network, Sample, Traffic,
};
use dockpulse::model::series::Kind;
use dockpulse::model::time::{Monotonic, UnixNanos};

/// A metric as a table has it: kind and unit, attributes.
pub(crate) type Described = (String, BTreeSet<String>);

fn described(points: &[SeriesPoint]) -> BTreeMap<String, Described> {
    let mut out: BTreeMap<String, Described> = BTreeMap::new();
    for point in points {
        let kind = match point.metric.kind {
            Kind::Counter => "C",
            Kind::UpDownSum => "U",
            Kind::Gauge => "G",
        };
        let entry = out.entry(point.metric.name.to_owned()).or_default();
        entry.0 = format!("{kind} {}", point.metric.unit);
        entry.1.extend(point.attributes.pairs().iter().map(|(key, _)| (*key).to_owned()));
    }
    out
}

/// A container of which everything is known.
fn facts(state: State) -> Facts {
    Facts {
        engine: Arc::new(EngineInfo::default()),
        listed: Listed {
            id: ContainerId::try_new(&"ab".repeat(32)).unwrap(),
            name: Some("web".into()),
            image: "nginx:1".into(),
            image_id: "sha256:ab".into(),
            state,
            up_for: None,
            exit_code: Some(3),
            health: Some(Health::Healthy),
            labels: Labels::default(),
        },
        details: Some(Arc::new(Details {
            started_at: Some(UnixNanos(1)),
            restart_count: Some(1),
            memory_limit: Some(1 << 20),
            cpu_limit: Some(0.5),
            more: Some(Box::new(MoreDetails { cpu_shares: Some(512), cpu_limit: Some(0.5), ..MoreDetails::default() })),
            ..Details::default()
        })),
        run_start: UnixNanos(1),
        restarts_start: UnixNanos(1),
        oom_kills: 1,
        kills_since: None,
    }
}

fn detail() -> Detail {
    let kinds = [
        BlkioKind::Merged,
        BlkioKind::Queued,
        BlkioKind::Bytes,
        BlkioKind::ServiceTime,
        BlkioKind::Requests,
        BlkioKind::DiskTime,
        BlkioKind::WaitTime,
        BlkioKind::Sectors,
    ];
    Detail {
        percpu: vec![Some(1)],
        memory_peak: Some(1),
        memory_fails: Some(1),
        memory: Detail::MEMORY.map(|name| (name, 1)).to_vec(),
        blkio: kinds.map(|what| Blkio { what, device: (8, 0), operation: "read".into(), value: 1 }).to_vec(),
    }
}

fn usage() -> Usage {
    let all = Some(1);
    let traffic = Traffic { bytes: all, packets: all, dropped: all, errors: all };
    let sample = Sample {
        read: Some(UnixNanos(2_000_000_000)),
        cpu: Cpu {
            total: all,
            user: all,
            system: all,
            host: all,
            online: Some(1),
            periods: all,
            throttled_periods: all,
            throttled_time: all,
        },
        memory: Memory {
            usage: all,
            limit: all,
            working_set: all,
            rss: all,
            faults: all,
            major_faults: all,
            cgroup_limit: all,
        },
        networks: vec![Network { interface: "eth0".into(), receive: traffic, transmit: traffic }],
        devices: vec![BlockDevice {
            number: Some((8, 0)),
            read_bytes: all,
            written_bytes: all,
            reads: all,
            writes: all,
        }],
        pids: all,
        pids_limit: all,
        detail: Some(Box::new(detail())),
        unusable: 0,
    };
    let second = UnixNanos(1_000_000_000);
    let previous = Previous { cpu_total: Some(0), cpu_host: Some(0), read: Some(second), at: Monotonic::default() };
    Usage { sample, at: Monotonic(Duration::from_secs(1)), previous: Some(previous), since: Vec::new() }
}

/// Every metric of the profile, as it is sent.
pub(crate) fn of(profile: Profile) -> BTreeMap<String, Described> {
    let metrics = profile.metrics().iter().map(|metric| (metric.name.to_owned(), true)).collect();
    let mut converter = Converter::new("engine".into(), Settings { profile, metrics, ..Settings::default() });
    converter.set_devices(DeviceNames::new());
    let running = facts(State::Running);
    let status = EngineStatus {
        engine: Arc::new(EngineInfo::default()),
        up: true,
        containers: Some([1; 7]),
        last_success: UnixNanos(1),
    };
    let mut points = converter.state(&running);
    points.extend(converter.state(&facts(State::Exited)));
    points.extend(converter.usage(&running, &usage()));
    let filesystem = Filesystem { usage: Some(1), capacity: Some(2), unusable: 0 };
    points.extend(converter.filesystem(&running, filesystem));
    points.extend(converter.engine(&status));
    described(&points)
}
