//! Containers by the thousand, each with about 40 series.

use std::time::Duration;

use crate::model::Text;
use crate::sim::container::{Limits, RestartPolicy, Spec};
use crate::sim::load::Load;
use crate::sim::options::ContainerCount;
use crate::sim::world::World;

/// So many containers that have been up for a while.
pub(super) fn populate(world: &mut World, containers: ContainerCount) -> Vec<Text> {
    let numbers = 0..containers.get() as u64;
    numbers
        .filter_map(|n| {
            let spec = spec(n);
            let name = spec.name.clone();
            // Fails only for a name that somebody else has taken, who is welcome to it.
            world.add(spec, up_for(n)).ok().map(|_| name)
        })
        .collect()
}

/// From a minute to a month, spread without chance.
fn up_for(n: u64) -> Duration {
    const MONTH: u64 = 30 * 24 * 3600;
    // A prime far from any period of the numbers.
    Duration::from_secs(60 + n * 104_729 % MONTH)
}

/// The fleet's container of this number.
pub(super) fn spec(n: u64) -> Spec {
    const SERVICES: u64 = 50;
    const MIB: i64 = 1 << 20;
    let service = format!("service-{:02}", n % SERVICES);
    let limits = Limits { memory: Some(MIB * (64 << (n % 4))), milli_cpus: Some(250 << (n % 3)), pids: Some(100) };
    let load = Load { milli_cpus: 10 + (n % 37) as u32, memory: (20 + n % 29) << 20, ..Load::SMALL };
    Spec::new(&format!("{service}-{n:05}"), &format!("registry.example/fleet/{service}:1.{}", n % 7))
        .compose("fleet", &service)
        .env(&[("REGION", "eu-1"), ("TIER", if n.is_multiple_of(2) { "blue" } else { "green" })])
        .command("/app/serve --port 8080")
        .interfaces(if n.is_multiple_of(2) { &["eth0", "eth1"] } else { &["eth0"] })
        .devices(if n.is_multiple_of(3) { &[(254, 0), (254, 16)] } else { &[(254, 0)] })
        .limits(limits)
        .restart(RestartPolicy::Always)
        .health_check()
        .load(load)
}
