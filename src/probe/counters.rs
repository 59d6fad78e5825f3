//! What is kept of earlier samples of a run: to take rates, and to notice counters that started over by themselves.

use crate::model::observation::{CounterGroup, Previous};
use crate::model::sample::{BlockDevice, Count, Cpu, Network, Sample, Traffic};
use crate::model::time::{Monotonic, UnixNanos};

/// The most interfaces and devices that are remembered after they went.
const MOST: usize = 128;

/// The counters of one run as they were last seen.
#[derive(Debug, Default)]
pub(super) struct Counters {
    previous: Option<Previous>,
    before: Option<Previous>,
    wall: UnixNanos,
    cpu: Cpu,
    faults: [Option<Count>; 2],
    networks: Vec<Network>,
    devices: Vec<BlockDevice>,
    since: Vec<(CounterGroup, UnixNanos)>,
}

impl Counters {
    /// The sample before this one, if there was one in this run. An engine may give one sample twice.
    pub(super) fn previous(&self, sample: &Sample) -> Option<Previous> {
        if self.is_last(sample) { self.before } else { self.previous }
    }

    fn is_last(&self, sample: &Sample) -> bool {
        sample.read.is_some() && self.previous.is_some_and(|last| last.read == sample.read)
    }

    /// Counters that started over within the run, with the time since when they count.
    pub(super) fn since(&self) -> &[(CounterGroup, UnixNanos)] {
        &self.since
    }

    /// The counters that are lower in `sample` than they were: either the container was restarted unseen, or an
    /// interface or device was made anew.
    pub(super) fn fallen(&self, sample: &Sample) -> Vec<CounterGroup> {
        let mut out = Vec::new();
        if cpu_fell(&self.cpu, &sample.cpu) {
            out.push(CounterGroup::Cpu);
        }
        if fell([(self.faults[0], sample.memory.faults), (self.faults[1], sample.memory.major_faults)]) {
            out.push(CounterGroup::Paging);
        }
        for network in &sample.networks {
            let before = self.networks.iter().find(|n| n.interface == network.interface);
            if before.is_some_and(|b| network_fell(b, network)) {
                out.push(CounterGroup::Interface(network.interface.clone()));
            }
        }
        for device in &sample.devices {
            let before = self.devices.iter().find(|d| d.number == device.number);
            if before.is_some_and(|b| device_fell(b, device)) {
                out.push(CounterGroup::Device(device.number));
            }
        }
        out
    }

    /// When the last sample was published, by our wall clock.
    pub(super) fn last_seen(&self) -> UnixNanos {
        self.wall
    }

    /// These started over within the same run: they count from `since` on.
    pub(super) fn start_over(&mut self, groups: Vec<CounterGroup>, since: UnixNanos) {
        for group in groups {
            self.since.retain(|(g, _)| *g != group);
            if self.since.len() < MOST {
                self.since.push((group, since));
            }
        }
    }

    /// Remembers a sample that came at `at` and is published now.
    pub(super) fn remember(&mut self, sample: &Sample, at: Monotonic, now: UnixNanos) {
        if !self.is_last(sample) {
            let (cpu, read) = (&sample.cpu, sample.read);
            self.before = self.previous;
            self.previous = Some(Previous { cpu_total: cpu.total, cpu_host: cpu.host, read, at });
        }
        self.wall = now;
        self.cpu = sample.cpu.clone();
        self.faults = [sample.memory.faults, sample.memory.major_faults];
        merge(&mut self.networks, &sample.networks, |a, b| a.interface == b.interface);
        merge(&mut self.devices, &sample.devices, |a, b| a.number == b.number);
    }
}

/// Takes over `new`; what is not among it stays as it was, at the end, up to [`MOST`].
fn merge<T: Clone>(known: &mut Vec<T>, new: &[T], same: fn(&T, &T) -> bool) {
    if known.len() == new.len() && known.iter().zip(new).all(|(a, b)| same(a, b)) {
        known.clone_from_slice(new);
        return;
    }
    let gone: Vec<T> = known.iter().filter(|k| !new.iter().any(|n| same(k, n))).cloned().collect();
    // No larger than it has to be: it is kept for as long as the container.
    let mut all = Vec::with_capacity((new.len() + gone.len()).min(MOST.max(new.len())));
    all.extend(new.iter().cloned().chain(gone).take(MOST.max(new.len())));
    *known = all;
}

fn fell<const N: usize>(pairs: [(Option<Count>, Option<Count>); N]) -> bool {
    pairs.into_iter().any(|(before, now)| before.zip(now).is_some_and(|(before, now)| now < before))
}

fn cpu_fell(a: &Cpu, b: &Cpu) -> bool {
    fell([
        (a.total, b.total),
        (a.user, b.user),
        (a.system, b.system),
        (a.periods, b.periods),
        (a.throttled_periods, b.throttled_periods),
        (a.throttled_time, b.throttled_time),
    ])
}

fn traffic_fell(a: &Traffic, b: &Traffic) -> bool {
    fell([(a.bytes, b.bytes), (a.packets, b.packets), (a.dropped, b.dropped), (a.errors, b.errors)])
}

fn network_fell(a: &Network, b: &Network) -> bool {
    traffic_fell(&a.receive, &b.receive) || traffic_fell(&a.transmit, &b.transmit)
}

fn device_fell(a: &BlockDevice, b: &BlockDevice) -> bool {
    fell([(a.read_bytes, b.read_bytes), (a.written_bytes, b.written_bytes), (a.reads, b.reads), (a.writes, b.writes)])
}
