//! What can be done to the containers of a world: each verb changes states and sends the events that Docker sends, in
//! its order (as recorded from 20.10 and 28.5). Events that dockpulse does not read (kill, stop, exec) are left out.

use std::time::Duration;

use crate::model::Text;
use crate::model::container::{ContainerId, Health, State};
use crate::model::engine::Action;
use crate::model::time::UnixNanos;

use super::container::{Container, Interface, Limits, Spec};
use super::faults::{Call, Fault};
use super::load::Leak;
use super::options::Cgroup;
use super::turns::KILLED;
use super::world::{World, WorldError};

impl World {
    /// A container that has been running for `up` when anybody first looks: no events.
    ///
    /// # Errors
    /// If the name is in use or empty, or the world is full.
    pub fn add(&mut self, spec: Spec, up: Duration) -> Result<ContainerId, WorldError> {
        let (serial, id) = self.make(spec)?;
        self.begin(serial, up);
        self.with(serial, |c| {
            // It was created just before.
            c.created = UnixNanos(c.life.started_at.unwrap_or_default().0.saturating_sub(1_000_000_000));
            c.health = c.spec.health_check.then_some(Health::Healthy);
        });
        self.set_end(serial);
        Ok(id)
    }

    /// `docker create`.
    ///
    /// # Errors
    /// If the name is in use or empty, or the world is full.
    pub fn create(&mut self, spec: Spec) -> Result<ContainerId, WorldError> {
        let (_, id) = self.make(spec)?;
        self.emit(&id, Action::Create);
        Ok(id)
    }

    /// `docker run`: creates and starts.
    ///
    /// # Errors
    /// If the name is in use or empty, or the world is full.
    pub fn run(&mut self, spec: Spec) -> Result<ContainerId, WorldError> {
        let id = self.create(spec)?;
        self.start(id.as_str())?;
        Ok(id)
    }

    /// `docker start`: a new life; the policy's restarts are counted from 0 again, as Docker does.
    ///
    /// # Errors
    /// If there is no such container, or it runs, or is half removed.
    pub fn start(&mut self, container: &str) -> Result<(), WorldError> {
        let startable = [State::Created, State::Exited, State::Restarting];
        let serial = self.expect("start", container, |s| startable.contains(&s))?;
        self.with(serial, |c| {
            c.restart_count = 0;
            c.restart_delay = Duration::ZERO;
        });
        self.start_now(serial);
        Ok(())
    }

    /// `docker stop`: the process ends with this status; no policy starts it again.
    ///
    /// # Errors
    /// If there is no such container or it does not run.
    pub fn stop(&mut self, container: &str, exit_code: i64) -> Result<(), WorldError> {
        let stoppable = |s: State| s.is_running() || s == State::Restarting;
        let serial = self.expect("stop", container, stoppable)?;
        self.die_by_hand(serial, exit_code);
        Ok(())
    }

    /// `docker kill`: status 137; no policy starts it again.
    ///
    /// # Errors
    /// If there is no such container or it does not run.
    pub fn kill(&mut self, container: &str) -> Result<(), WorldError> {
        let serial = self.expect("kill", container, State::is_running)?;
        self.die_by_hand(serial, KILLED);
        Ok(())
    }

    /// The process ends by itself with this status; the policy decides what follows.
    ///
    /// # Errors
    /// If there is no such container or it does not run.
    pub fn exit(&mut self, container: &str, exit_code: i64) -> Result<(), WorldError> {
        let serial = self.expect("end", container, |s| s == State::Running)?;
        self.die_by_itself(serial, exit_code, false);
        Ok(())
    }

    /// The kernel kills the container's first process for memory: status 137, and the policy decides what follows.
    /// An engine on cgroup v1 does not notice why (facts on the engine, §3).
    ///
    /// # Errors
    /// If there is no such container or it does not run.
    pub fn oom(&mut self, container: &str) -> Result<(), WorldError> {
        let serial = self.expect("kill", container, |s| s == State::Running)?;
        let noticed = self.options.cgroup == Cgroup::V2;
        if noticed {
            self.tell(serial, Action::Oom);
        }
        self.die_by_itself(serial, KILLED, noticed);
        Ok(())
    }

    /// The kernel kills another process of the container for memory; the container goes on.
    ///
    /// # Errors
    /// If there is no such container or it does not run.
    pub fn oom_child(&mut self, container: &str) -> Result<(), WorldError> {
        let serial = self.expect("kill a process of", container, |s| s == State::Running)?;
        self.with(serial, |c| c.oom_killed = true);
        self.tell(serial, Action::Oom);
        Ok(())
    }

    /// `docker restart`: the same container, a new life; not counted as a restart by policy.
    ///
    /// # Errors
    /// If there is no such container, or it is half removed.
    pub fn restart(&mut self, container: &str, exit_code: i64) -> Result<(), WorldError> {
        let serial = self.expect("restart", container, |s| !matches!(s, State::Removing | State::Dead))?;
        if self.containers.get(&serial).is_some_and(|c| c.state.is_running()) {
            self.end_life(serial, State::Exited, exit_code, false);
        }
        self.start(container)
    }

    /// `docker rm -f`: dies if it runs, then it is no more.
    ///
    /// # Errors
    /// If there is no such container.
    pub fn remove(&mut self, container: &str) -> Result<(), WorldError> {
        let serial = self.expect("remove", container, |_| true)?;
        self.kill_if_running(serial, State::Removing);
        self.destroy(serial);
        Ok(())
    }

    /// A removal that takes its time: the container dies and stays `removing` until [`World::remove`].
    ///
    /// # Errors
    /// If there is no such container.
    pub fn begin_removal(&mut self, container: &str) -> Result<(), WorldError> {
        self.leave_in(container, State::Removing)
    }

    /// A removal that fails half-way: the container dies and stays `dead` until [`World::remove`].
    ///
    /// # Errors
    /// If there is no such container.
    pub fn fail_removal(&mut self, container: &str) -> Result<(), WorldError> {
        self.leave_in(container, State::Dead)
    }

    /// `docker compose up` after a change: a new container, then the old one goes and leaves it its name. It is made
    /// of what the old one was, `changed`.
    ///
    /// # Errors
    /// If there is no such container.
    pub fn recreate(&mut self, container: &str, changed: impl FnOnce(Spec) -> Spec) -> Result<ContainerId, WorldError> {
        let (_, old) = self.find(container)?;
        let (old_id, name) = (old.id.clone(), old.spec.name.clone());
        let mut spec = changed(old.spec.clone());
        // As Compose names it meanwhile.
        spec.name = format!("{}_{name}", old_id.short()).into();
        let (_, id) = self.make_beyond_the_limit(spec)?;
        self.emit(&id, Action::Create);
        self.remove(old_id.as_str())?;
        self.rename(id.as_str(), &name)?;
        self.start(id.as_str())?;
        Ok(id)
    }

    /// `docker rename`.
    ///
    /// # Errors
    /// If there is no such container, or the name is in use or empty.
    pub fn rename(&mut self, container: &str, name: &str) -> Result<(), WorldError> {
        let (serial, _) = self.find(container)?;
        self.check_name(name)?;
        let name = Text::from(name);
        if let Some(old) = self.with(serial, |c| std::mem::replace(&mut c.spec.name, name.clone())) {
            self.by_name.remove(&old);
        }
        self.by_name.insert(name, serial);
        self.tell(serial, Action::Rename);
        Ok(())
    }

    /// `docker pause`: its counters stand still. As with Docker, the health check stands still too and reads
    /// `unhealthy` until it has passed again after the thaw.
    ///
    /// # Errors
    /// If there is no such container or it does not run.
    pub fn pause(&mut self, container: &str) -> Result<(), WorldError> {
        let serial = self.expect("pause", container, |s| s == State::Running)?;
        let now = self.now.mono;
        self.with(serial, |c| {
            c.life.freeze(now);
            c.turn = c.turn.wrapping_add(1);
            c.state = State::Paused;
            c.health = c.health.map(|_| Health::Unhealthy);
        });
        self.tell(serial, Action::Pause);
        Ok(())
    }

    /// `docker unpause`. A process that was to end after some time has that time again.
    ///
    /// # Errors
    /// If there is no such container or it is not paused.
    pub fn unpause(&mut self, container: &str) -> Result<(), WorldError> {
        let serial = self.expect("unpause", container, |s| s == State::Paused)?;
        let now = self.now.mono;
        self.with(serial, |c| {
            c.life.thaw(now);
            c.state = State::Running;
        });
        self.tell(serial, Action::Unpause);
        self.set_health_check(serial);
        self.set_end(serial);
        Ok(())
    }

    /// The health check says this from now on.
    ///
    /// # Errors
    /// If there is no such container, it does not run, or has no health check.
    pub fn set_health(&mut self, container: &str, health: Health) -> Result<(), WorldError> {
        let serial = self.expect("check the health of", container, |s| s == State::Running)?;
        let (_, found) = self.find(container)?;
        if found.health.is_none() {
            return Err(WorldError::NoHealthCheck(found.spec.name.clone()));
        }
        self.health_now(serial, health);
        Ok(())
    }

    /// `docker network connect`: one interface more, which counts from 0; in the next life it is there from the start.
    ///
    /// # Errors
    /// If there is no such container or the interface is there already.
    pub fn connect_network(&mut self, container: &str, interface: &str) -> Result<(), WorldError> {
        let now = self.now;
        let (serial, found) = self.find_mut(container)?;
        if found.spec.interfaces.iter().any(|i| **i == *interface) {
            return Err(no_interface(found, interface, "connect"));
        }
        let name = Text::from(interface);
        let since = found.work(now);
        found.spec.interfaces.push(name.clone());
        found.spec.interfaces.sort();
        if found.state.is_running() {
            found.life.connect(Interface { name, since });
        }
        self.tell(serial, Action::Network);
        Ok(())
    }

    /// `docker network disconnect`: the interface is gone.
    ///
    /// # Errors
    /// If there is no such container or it has no such interface.
    pub fn disconnect_network(&mut self, container: &str, interface: &str) -> Result<(), WorldError> {
        let (serial, found) = self.find_mut(container)?;
        if !found.spec.interfaces.iter().any(|i| **i == *interface) {
            return Err(no_interface(found, interface, "disconnect"));
        }
        found.spec.interfaces.retain(|i| **i != *interface);
        found.life.interfaces.retain(|i| *i.name != *interface);
        self.tell(serial, Action::Network);
        Ok(())
    }

    /// `docker update`: other limits; counters go on from where they are.
    ///
    /// # Errors
    /// If there is no such container.
    pub fn set_limit(&mut self, container: &str, limits: Limits) -> Result<(), WorldError> {
        let serial = self.change_pace(container, |spec| spec.limits = limits)?;
        self.tell(serial, Action::Update);
        Ok(())
    }

    /// It uses more or less of a CPU from now on; network and disk go on as before. No event.
    ///
    /// # Errors
    /// If there is no such container.
    pub fn set_work(&mut self, container: &str, milli_cpus: u32) -> Result<(), WorldError> {
        self.change_pace(container, |spec| spec.load.milli_cpus = milli_cpus).map(|_| ())
    }

    /// It gives back no memory from now on, until its process ends; the kernel does not kill it by itself
    /// ([`World::oom`]). 0 gives back what leaked.
    ///
    /// # Errors
    /// If there is no such container or it does not run.
    pub fn leak(&mut self, container: &str, bytes_per_second: u64) -> Result<(), WorldError> {
        let serial = self.expect("leak memory of", container, |s| s == State::Running)?;
        let now = self.now.mono;
        self.with(serial, |c| {
            let since = c.life.worked(now);
            c.life.leak = (bytes_per_second > 0).then_some(Leak { since, bytes_per_second });
        });
        Ok(())
    }

    /// All such calls for this one container go wrong, until it is removed or [`World::clear_fault`].
    ///
    /// # Errors
    /// If there is no such container.
    pub fn set_fault(&mut self, call: Call, container: &str, fault: Fault) -> Result<(), WorldError> {
        let id = self.find(container)?.1.id.clone();
        self.faults.set_for(call, id, fault);
        Ok(())
    }

    /// Nothing is wrong with such calls for this container any more.
    ///
    /// # Errors
    /// If there is no such container.
    pub fn clear_fault(&mut self, call: Call, container: &str) -> Result<(), WorldError> {
        let id = self.find(container)?.1.id.clone();
        self.faults.clear_for(call, id);
        Ok(())
    }

    /// Dies if it runs, and is left in this state.
    fn leave_in(&mut self, container: &str, state: State) -> Result<(), WorldError> {
        let serial = self.expect("remove", container, |s| !matches!(s, State::Removing | State::Dead))?;
        self.kill_if_running(serial, state);
        Ok(())
    }
}

fn no_interface(container: &Container, interface: &str, verb: &'static str) -> WorldError {
    WorldError::Interface { container: container.spec.name.clone(), interface: interface.into(), verb }
}
