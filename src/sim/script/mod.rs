//! Scenarios: what happens in a simulated world, and when. Pure; [`super::engine::Driver`] runs them.

mod churn;
mod demo;
mod fleet;

use crate::model::Text;
use crate::model::time::{Monotonic, Now};

use super::options::ContainerCount;
use super::world::World;

/// Something that has just happened, in the words of a shell where there are any (`docker rm -f worker-2`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caption {
    /// When it was due.
    pub at: Monotonic,
    /// What.
    pub text: Text,
}

/// What happens in a world by and by.
#[derive(Debug)]
pub struct Scenario(Kind);

#[derive(Debug)]
enum Kind {
    Empty,
    Steady(Option<ContainerCount>),
    Churn(churn::Churn),
    Demo(demo::Demo),
}

impl Scenario {
    /// Nothing is there and nothing happens: for whoever does it all through [`super::Control`].
    pub fn empty() -> Self {
        Self(Kind::Empty)
    }

    /// So many containers that have been up for a while and stay.
    pub fn steady(containers: ContainerCount) -> Self {
        Self(Kind::Steady(Some(containers)))
    }

    /// So many containers, and so many changes a second: most are replaced, some restart, crash or get another name.
    /// A `per_second` that is not above 0 is taken as 0, one above 10,000 as 10,000.
    pub fn churn(containers: ContainerCount, per_second: f64) -> Self {
        Self(Kind::Churn(churn::Churn::new(containers, per_second)))
    }

    /// A small shop in which everything happens that dockpulse has an answer to, over and over again.
    pub fn demo() -> Self {
        Self(Kind::Demo(demo::Demo::default()))
    }

    /// Does what is due until `now`, and says what. The first call makes the first containers. What cannot be done,
    /// because somebody else has changed the world, is left out. Time has to have gone on to `now` in the world.
    pub fn step(&mut self, world: &mut World, now: Now) -> Vec<Caption> {
        match &mut self.0 {
            Kind::Empty => Vec::new(),
            Kind::Steady(containers) => {
                if let Some(containers) = containers.take() {
                    fleet::Fleet::new().populate(world, containers);
                }
                Vec::new()
            }
            Kind::Churn(churn) => churn.step(world, now),
            Kind::Demo(demo) => demo.step(world, now),
        }
    }

    /// When something happens next; `None` if nothing will.
    pub fn next_at(&self) -> Option<Monotonic> {
        match &self.0 {
            Kind::Empty | Kind::Steady(None) => None,
            Kind::Steady(Some(_)) => Some(Monotonic::default()),
            Kind::Churn(churn) => churn.next_at(),
            Kind::Demo(demo) => Some(demo.next_at()),
        }
    }
}
