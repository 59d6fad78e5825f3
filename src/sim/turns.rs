//! The turns of a container's life, which the verbs and the timers share: made, begun, ended, destroyed.

use std::time::Duration;

use crate::model::container::{ContainerId, Health, State};
use crate::model::engine::Action;
use crate::model::time::UnixNanos;

use super::container::{Container, Life, Spec, hex64};
use super::load::{CpuBase, Rhythm};
use super::options::{Cgroup, ContainerCount};
use super::timers::Due;
use super::world::{Serial, World, WorldError};

/// The status of a process that SIGKILL ended.
pub(super) const KILLED: i64 = 137;
/// How long a health check takes to pass for the first time, or again after a pause.
const HEALTH_INTERVAL: Duration = Duration::from_secs(3);

impl World {
    pub(super) fn make(&mut self, spec: Spec) -> Result<(Serial, ContainerId), WorldError> {
        if self.containers.len() >= ContainerCount::MAX {
            return Err(WorldError::Full);
        }
        self.make_beyond_the_limit(spec)
    }

    /// While one container takes the place of another there is one more for a moment.
    pub(super) fn make_beyond_the_limit(&mut self, mut spec: Spec) -> Result<(Serial, ContainerId), WorldError> {
        self.check_name(&spec.name)?;
        spec.interfaces.sort();
        spec.interfaces.dedup();
        spec.devices.sort_unstable();
        spec.devices.dedup();
        let id = self.new_id();
        let rhythm = Rhythm::new(&mut self.rng);
        let serial = self.insert(Container {
            id: id.clone(),
            spec,
            created: self.now.wall,
            state: State::Created,
            health: None,
            health_pending: false,
            exit_code: 0,
            oom_killed: false,
            restart_count: 0,
            restart_delay: Duration::ZERO,
            turn: 0,
            rhythm,
            life: Life::default(),
        });
        Ok((serial, id))
    }

    /// An id that no other container has.
    fn new_id(&mut self) -> ContainerId {
        loop {
            // Hexadecimal digits are an id, and two of 2^256 are hardly the same: one turn.
            if let Some(id) = ContainerId::try_new(&hex64(&mut self.rng)).filter(|id| !self.by_id.contains_key(id)) {
                return id;
            }
        }
    }

    pub(super) fn check_name(&self, name: &str) -> Result<(), WorldError> {
        match name {
            "" => Err(WorldError::NoName),
            _ if self.by_name.contains_key(name) => Err(WorldError::NameInUse(name.into())),
            _ => Ok(()),
        }
    }

    /// The container, if its state allows what is asked for.
    pub(super) fn expect(
        &self,
        verb: &'static str,
        container: &str,
        allows: impl Fn(State) -> bool,
    ) -> Result<Serial, WorldError> {
        let (serial, found) = self.find(container)?;
        if allows(found.state) {
            Ok(serial)
        } else {
            Err(WorldError::WrongState { container: found.spec.name.clone(), state: found.state, verb })
        }
    }

    pub(super) fn with<R>(&mut self, serial: Serial, change: impl FnOnce(&mut Container) -> R) -> Option<R> {
        self.containers.get_mut(&serial).map(change)
    }

    pub(super) fn tell(&mut self, serial: Serial, action: Action) {
        if let Some(id) = self.containers.get(&serial).map(|c| c.id.clone()) {
            self.emit(&id, action);
        }
    }

    /// A life begins that has gone on for `up`.
    pub(super) fn begin(&mut self, serial: Serial, up: Duration) {
        let now = self.now;
        let up_nanos = u64::try_from(up.as_nanos()).unwrap_or(u64::MAX);
        let started_at = UnixNanos(now.wall.0.saturating_sub(up_nanos).max(1));
        self.with(serial, |c| {
            c.life = Life::begin(started_at, up_nanos, now.mono, &c.spec.interfaces);
            c.turn = c.turn.wrapping_add(1);
            c.state = State::Running;
            c.exit_code = 0;
            c.oom_killed = false;
            c.health = c.spec.health_check.then_some(Health::Starting);
        });
    }

    /// Starts it, by hand or by policy.
    pub(super) fn start_now(&mut self, serial: Serial) {
        self.begin(serial, Duration::ZERO);
        self.tell_networks(serial);
        self.tell(serial, Action::Start);
        self.set_health_check(serial);
        self.set_end(serial);
    }

    pub(super) fn die_by_itself(&mut self, serial: Serial, exit_code: i64, oom_killed: bool) {
        let Some(container) = self.containers.get_mut(&serial) else { return };
        let ran = self.now.wall.since(container.life.started_at.unwrap_or_default()).unwrap_or_default();
        if container.spec.restart.restarts(exit_code, container.restart_count) {
            let delay = restart_delay(container.restart_delay, ran);
            container.restart_delay = delay;
            container.restart_count += 1;
            self.end_life(serial, State::Restarting, exit_code, oom_killed);
            self.set_timer(serial, delay, Due::Restart);
        } else {
            self.end_life(serial, State::Exited, exit_code, oom_killed);
            self.remove_if_asked(serial);
        }
    }

    pub(super) fn die_by_hand(&mut self, serial: Serial, exit_code: i64) {
        match self.containers.get(&serial).map(|c| c.state) {
            Some(state) if state.is_running() => self.end_life(serial, State::Exited, exit_code, false),
            // It waited for its restart: there is no process, and so no event.
            _ => self.enter(serial, State::Exited),
        }
        self.remove_if_asked(serial);
    }

    /// The process ends: everything that ends with it, and the events. `oom_killed` adds to what this life knows.
    pub(super) fn end_life(&mut self, serial: Serial, state: State, exit_code: i64, oom_killed: bool) {
        self.with(serial, |c| {
            c.exit_code = exit_code;
            c.oom_killed |= oom_killed;
            // Docker says so of every health check that does not run.
            c.health = c.health.map(|_| Health::Unhealthy);
        });
        self.enter(serial, state);
        let die = Action::Die { exit_code: Some(exit_code) };
        match self.options.cgroup {
            Cgroup::V1 => {
                self.tell(serial, die);
                self.tell_networks(serial);
            }
            Cgroup::V2 => {
                self.tell_networks(serial);
                self.tell(serial, die);
            }
        }
    }

    /// Another state, in which no timer of the one before means anything.
    pub(super) fn enter(&mut self, serial: Serial, state: State) {
        self.with(serial, |c| {
            c.turn = c.turn.wrapping_add(1);
            c.state = state;
        });
    }

    pub(super) fn kill_if_running(&mut self, serial: Serial, state: State) {
        if self.containers.get(&serial).is_some_and(|c| c.state.is_running()) {
            self.end_life(serial, state, KILLED, false);
        } else {
            self.enter(serial, state);
        }
    }

    fn remove_if_asked(&mut self, serial: Serial) {
        if self.containers.get(&serial).is_some_and(|c| c.spec.auto_remove) {
            self.destroy(serial);
        }
    }

    pub(super) fn destroy(&mut self, serial: Serial) {
        if let Some(container) = self.take_away(serial) {
            self.emit(&container.id, Action::Destroy);
        }
    }

    pub(super) fn set_health_check(&mut self, serial: Serial) {
        if self.with(serial, |c| c.health_pending = c.health.is_some()).is_some() {
            self.set_timer(serial, HEALTH_INTERVAL, Due::HealthCheck);
        }
    }

    pub(super) fn set_end(&mut self, serial: Serial) {
        if let Some((after, exit_code)) = self.containers.get(&serial).and_then(|c| c.spec.ends) {
            self.set_timer(serial, after, Due::End(exit_code));
        }
    }

    /// The health check passes, unless it has been told what to say meanwhile.
    pub(super) fn health_check_passes(&mut self, serial: Serial) {
        if self.containers.get(&serial).is_some_and(|c| c.health_pending) {
            self.health_now(serial, Health::Healthy);
        }
    }

    pub(super) fn health_now(&mut self, serial: Serial, health: Health) {
        let before = self.with(serial, |c| {
            c.health_pending = false;
            c.health.replace(health)
        });
        if before.flatten() != Some(health) {
            self.tell(serial, Action::Health(Some(health)));
        }
    }

    /// One event for each network that is joined or left; the host's network is one too.
    fn tell_networks(&mut self, serial: Serial) {
        let networks = self.containers.get(&serial).map_or(0, |c| c.spec.interfaces.len().max(1));
        for _ in 0..networks {
            self.tell(serial, Action::Network);
        }
    }

    /// Changes how fast a container works; its processor counters go on from where they are.
    pub(super) fn change_pace(
        &mut self,
        container: &str,
        change: impl FnOnce(&mut Spec),
    ) -> Result<Serial, WorldError> {
        let now = self.now.mono;
        let (serial, found) = self.find_mut(container)?;
        found.life.cpu = CpuBase::after(found, found.life.worked(now));
        change(&mut found.spec);
        Ok(serial)
    }
}

/// Docker's restart manager: 100 ms, doubled each time up to a minute; back to 100 ms after a run of 10 s.
fn restart_delay(last: Duration, ran: Duration) -> Duration {
    const FIRST: Duration = Duration::from_millis(100);
    const MOST: Duration = Duration::from_secs(60);
    const GOOD_RUN: Duration = Duration::from_secs(10);
    if ran >= GOOD_RUN || last.is_zero() { FIRST } else { (last * 2).min(MOST) }
}
