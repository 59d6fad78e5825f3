//! Containers by the thousand, each with about 40 series.

use std::time::Duration;

use crate::model::Text;
use crate::sim::container::{Limits, RestartPolicy, Spec};
use crate::sim::load::Load;
use crate::sim::options::ContainerCount;
use crate::sim::world::World;

/// Makes containers that share what replicas of one service have in common, so that many of them are small.
#[derive(Debug)]
pub(super) struct Fleet {
    templates: Vec<Spec>,
}

const SERVICES: usize = 50;
const VERSIONS: usize = 7;
const MIB: u64 = 1 << 20;

impl Fleet {
    pub(super) fn new() -> Self {
        Self { templates: (0..SERVICES * VERSIONS).map(template).collect() }
    }

    /// So many containers, from number 0 on, that have been up for a while. Returns their names.
    pub(super) fn populate(&self, world: &mut World, containers: ContainerCount) -> Vec<Text> {
        let add = |n: usize| {
            let spec = self.spec(n);
            let name = spec.name.clone();
            // Fails only for a name that somebody else has taken, who is welcome to it.
            world.add(spec, up_for(n)).ok().map(|_| name)
        };
        (0..containers.get()).filter_map(add).collect()
    }

    /// The container of this number.
    pub(super) fn spec(&self, number: usize) -> Spec {
        let template = &self.templates[number % self.templates.len()];
        let name = format!("{}-{number:05}", template.name).into();
        let memory = (20 + number as u64 % 29) * MIB;
        let load = Load { milli_cpus: 10 + (number % 37) as u32, memory, ..Load::SMALL };
        Spec { name, load, ..template.clone() }
    }
}

/// What the containers of a service in a version have in common; the name is the service's.
fn template(n: usize) -> Spec {
    let service = format!("service-{:02}", n % SERVICES);
    let is_blue = n.is_multiple_of(2);
    let limits =
        Limits { memory: Some((MIB << (6 + n % 4)) as i64), milli_cpus: Some(250 << (n % 3)), pids: Some(100) };
    Spec::new(&service, &format!("registry.example/fleet/{service}:1.{}", n % VERSIONS))
        .compose("fleet", &service)
        .env(&[("REGION", "eu-1"), ("TIER", if is_blue { "blue" } else { "green" })])
        .command("/app/serve --port 8080")
        .interfaces(if n.is_multiple_of(8) { &["eth0"] } else { &["eth0", "eth1"] })
        .devices(if n.is_multiple_of(3) { &[(254, 0), (254, 16)] } else { &[(254, 0)] })
        .limits(limits)
        .restart(RestartPolicy::Always)
        .health_check()
}

/// From a minute to a month, spread without chance.
fn up_for(number: usize) -> Duration {
    const MONTH: u64 = 30 * 24 * 3600;
    // A prime far from any period of the numbers.
    Duration::from_secs(60 + number as u64 * 104_729 % MONTH)
}
