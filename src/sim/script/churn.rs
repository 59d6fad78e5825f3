//! Containers that come and go at a steady rate.

use std::time::Duration;

use crate::model::Text;
use crate::model::time::{Monotonic, Now};
use crate::sim::options::ContainerCount;
use crate::sim::world::{World, WorldError};

use super::Caption;
use super::fleet::Fleet;

#[derive(Debug)]
pub(super) struct Churn {
    fleet: Fleet,
    containers: ContainerCount,
    /// Between two changes; `None` if there are none.
    every: Option<Duration>,
    /// When the next one is; `None` before the first step.
    next: Option<Monotonic>,
    names: Vec<Text>,
    next_number: usize,
    rng: fastrand::Rng,
}

/// More changes than this are not made up for at once: after a long sleep the world does not turn over.
const MOST_AT_ONCE: u32 = 1_000;

impl Churn {
    pub(super) fn new(containers: ContainerCount, per_second: f64) -> Self {
        let every = (per_second > 0.0).then(|| Duration::from_secs_f64(per_second.clamp(1e-6, 1e4).recip()));
        let rng = fastrand::Rng::with_seed(containers.get() as u64);
        Self {
            fleet: Fleet::new(),
            containers,
            every,
            next: None,
            names: Vec::new(),
            next_number: containers.get(),
            rng,
        }
    }

    pub(super) fn next_at(&self) -> Option<Monotonic> {
        match (self.next, self.every) {
            (None, _) => Some(Monotonic::default()),
            (Some(_), None) => None,
            (next, Some(_)) => next,
        }
    }

    pub(super) fn step(&mut self, world: &mut World, now: Now) -> Vec<Caption> {
        let mut captions = Vec::new();
        let Some(mut next) = self.next else {
            self.names = self.fleet.populate(world, self.containers);
            self.next = Some(now.mono + self.every.unwrap_or_default());
            return captions;
        };
        let Some(every) = self.every else { return captions };
        for _ in 0..MOST_AT_ONCE {
            if next > now.mono {
                break;
            }
            captions.extend(self.change(world).into_iter().map(|text| Caption { at: next, text }));
            next = next + every;
        }
        self.next = Some(if next > now.mono { next } else { now.mono + every });
        captions
    }

    /// One change to one container.
    fn change(&mut self, world: &mut World) -> Result<Text, WorldError> {
        let Some(at) = (!self.names.is_empty()).then(|| self.rng.usize(..self.names.len())) else {
            return self.run(world);
        };
        let name = self.names[at].clone();
        let text = match self.rng.u8(..20) {
            0..3 => world.restart(&name, 0).map(|()| format!("docker restart {name}")),
            3..5 => world.exit(&name, 1).map(|()| format!("{name} exits with code 1")),
            5 => self.rename(world, at),
            _ => {
                self.names.swap_remove(at);
                // Gone already is gone, too.
                let _ = world.remove(&name);
                return self.run(world).map(|run| format!("docker rm -f {name}; {run}").into());
            }
        };
        text.map(Into::into)
    }

    fn run(&mut self, world: &mut World) -> Result<Text, WorldError> {
        let spec = self.fleet.spec(self.next_number);
        self.next_number += 1;
        let name = spec.name.clone();
        world.run(spec)?;
        let text = format!("docker run {name}").into();
        self.names.push(name);
        Ok(text)
    }

    fn rename(&mut self, world: &mut World, at: usize) -> Result<String, WorldError> {
        let (old, new) = (self.names[at].clone(), Text::from(format!("renamed-{:05}", self.next_number)));
        self.next_number += 1;
        world.rename(&old, &new)?;
        let text = format!("docker rename {old} {new}");
        self.names[at] = new;
        Ok(text)
    }
}
