//! The scripted engine: containers as plain data, and what the engine answers about them at a moment.

use dockpulse::model::Text;
use dockpulse::model::container::{ContainerId, Details, Health, Labels, Listed, Listing, State, UpFor};
use dockpulse::model::engine::{Action, ApiVersion, EngineInfo};
use dockpulse::model::sample::{BlockDevice, Cpu, Filesystem, Memory, Network, Sample, Traffic};
use dockpulse::model::time::UnixNanos;

use crate::script::{Call, Change};

pub(crate) const SECOND: u64 = 1_000_000_000;
const MIB: i64 = 1 << 20;
/// Where both wall clocks stand at the beginning.
pub(crate) const EPOCH: u64 = 1_800_000_000 * SECOND;
pub(crate) const HOST_MEMORY: i64 = 64 * 1024 * MIB;
pub(crate) const CPUS: u32 = 4;
/// What a running container burns, in CPUs.
pub(crate) const RATE: f64 = 0.25;
const NAMES: [Option<&str>; 8] =
    [Some("a0"), Some("a1"), Some("a2"), Some("a3"), None, Some("a5"), Some("b6"), Some("b7")];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum StreamMode {
    Works,
    Fails,
    Forbidden,
}

#[derive(Debug)]
pub(crate) struct Engine {
    pub(crate) containers: Vec<Container>,
    pub(crate) gone: Vec<Container>,
    pub(crate) list: Call,
    pub(crate) connect: Call,
    pub(crate) anonymous: bool,
    pub(crate) inspect_forbidden: bool,
    pub(crate) size_forbidden: bool,
    pub(crate) stream: StreamMode,
    pub(crate) silent: bool,
    pub(crate) event_delay: u64,
    /// Nanoseconds by which its wall clock is off.
    pub(crate) clock: i64,
    made: u64,
}

#[derive(Debug, Clone)]
pub(crate) struct Link {
    pub(crate) name: &'static str,
    since: u64,
    /// When it was last made anew within a run.
    renewed: Option<u64>,
}

#[derive(Debug, Clone)]
pub(crate) struct Container {
    pub(crate) id: ContainerId,
    pub(crate) name: Option<Text>,
    pub(crate) tagged: bool,
    pub(crate) team: Option<&'static str>,
    pub(crate) color: &'static str,
    pub(crate) state: State,
    pub(crate) created: u64,
    pub(crate) started_at: Option<u64>,
    /// All starts, and when it was created.
    pub(crate) starts: Vec<u64>,
    pub(crate) run_since: u64,
    /// When its count of restarts last began at zero.
    pub(crate) counted_since: u64,
    pub(crate) restarts: i64,
    pub(crate) exit_code: i64,
    pub(crate) kills: i64,
    pub(crate) ever_killed: bool,
    pub(crate) health: Option<Health>,
    pub(crate) memory_limit: Option<i64>,
    pub(crate) cpu_limit: Option<f64>,
    pub(crate) pids_limit: Option<i64>,
    links: [(Link, bool); 2],
    device: (u64, bool),
    split: bool,
    pub(crate) stats: Call,
    pub(crate) inspect: Call,
    pub(crate) size: Call,
    capacity: Option<i64>,
    /// What the last answers said that it takes of the disk.
    pub(crate) sizes: Vec<Filesystem>,
    /// When the last of them was asked for.
    pub(crate) sized_at: u64,
    /// When something happened that only inspect tells, and no event spoke of.
    pub(crate) unseen: Option<u64>,
    /// The last answer that was delivered.
    pub(crate) told: Option<Numbers>,
    /// Samples that were delivered since inspect told, which may have told of another run.
    pub(crate) samples: u32,
    /// When anything happened to it, or news of it arrived.
    pub(crate) touched: u64,
    /// Since when kills were counted, as published, whenever an agent was killed.
    pub(crate) kills_since: Vec<u64>,
    /// Whether a start of its run was published when an agent was last killed.
    pub(crate) has_start: bool,
    /// When its state was last published.
    pub(crate) stated_at: u64,
    /// When its numbers were last published before the agent that watches now began.
    pub(crate) known_until: u64,
    /// Whether that agent could take the run for the one before, up to the first numbers that it published.
    pub(crate) mistaken: bool,
    /// The run for which that was so, by its beginning: it may be published with a start of before.
    pub(crate) mistaken_run: Option<u64>,
    /// Whether numbers have come to that agent, and whether it has published some.
    pub(crate) came: bool,
    pub(crate) judged: bool,
    /// When an event last told of a start.
    pub(crate) heard: Option<u64>,
    /// The start that inspect last told the agent that watches now.
    pub(crate) told_start: Option<u64>,
    /// When inspect last answered, unless it failed or something happened since.
    pub(crate) described: Option<u64>,
    pub(crate) ever_stopped: bool,
    pub(crate) ever_failed: bool,
    pub(crate) may_change_identity: bool,
    pub(crate) inspect_failed: bool,
}

/// What one stats answer says.
#[derive(Debug, Clone)]
pub(crate) struct Numbers {
    pub(crate) taken: u64,
    pub(crate) read: u64,
    pub(crate) total: i64,
    pub(crate) split: Option<(i64, i64)>,
    host: i64,
    pub(crate) periods: [i64; 3],
    pub(crate) usage: i64,
    pub(crate) working_set: i64,
    pub(crate) rss: i64,
    pub(crate) limit: i64,
    pub(crate) faults: i64,
    pub(crate) major: i64,
    /// Bytes, packets, dropped, errors received; the same transmitted.
    pub(crate) links: Vec<(&'static str, [i64; 8])>,
    /// Bytes read, bytes written, reads; writes are not told.
    pub(crate) device: Option<((u32, u32), [i64; 3])>,
    pub(crate) pids: i64,
    pub(crate) pids_limit: Option<i64>,
}

impl Engine {
    pub(crate) fn new() -> Self {
        Self {
            containers: Vec::new(),
            gone: Vec::new(),
            list: Call::Works,
            connect: Call::Works,
            anonymous: false,
            inspect_forbidden: false,
            size_forbidden: false,
            stream: StreamMode::Works,
            silent: false,
            event_delay: 0,
            clock: 0,
            made: 0,
        }
    }

    pub(crate) fn wall(&self, now: u64) -> u64 {
        (EPOCH + now).saturating_add_signed(self.clock)
    }

    /// All faults are over.
    pub(crate) fn heal(&mut self) {
        (self.list, self.connect, self.anonymous, self.silent) = (Call::Works, Call::Works, false, false);
        if self.stream == StreamMode::Fails {
            self.stream = StreamMode::Works;
        }
        for c in &mut self.containers {
            (c.stats, c.inspect, c.size) = (Call::Works, Call::Works, Call::Works);
        }
    }

    /// Makes a container and starts it. Returns its place.
    pub(crate) fn run(&mut self, name: u8, now: u64) -> usize {
        self.made += 1;
        let scattered = self.made.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let id = format!("{scattered:016x}{:048x}", self.made);
        let link = |name| (Link { name, since: now, renewed: None }, true);
        self.containers.push(Container {
            id: ContainerId::try_new(&id).unwrap(),
            name: NAMES[usize::from(name) % NAMES.len()].map(Text::from),
            tagged: true,
            team: self.made.is_multiple_of(2).then_some("blue"),
            color: if self.made.is_multiple_of(3) { "red" } else { "green" },
            state: State::Created,
            created: self.wall(now),
            started_at: None,
            starts: vec![self.wall(now)],
            run_since: now,
            counted_since: now,
            restarts: 0,
            exit_code: 0,
            kills: 0,
            ever_killed: false,
            health: (self.made % 2 == 1).then_some(Health::Starting),
            memory_limit: (self.made % 3 == 1).then_some(128 * MIB),
            cpu_limit: (self.made % 3 == 2).then_some(1.5),
            pids_limit: (self.made % 4 == 1).then_some(100),
            links: [link("eth0"), link("eth1")],
            device: (now, true),
            split: true,
            stats: Call::Works,
            inspect: Call::Works,
            size: Call::Works,
            capacity: (self.made % 3 == 1).then_some(1 << 40),
            sizes: Vec::new(),
            sized_at: 0,
            unseen: None,
            told: None,
            samples: 0,
            touched: now,
            kills_since: Vec::new(),
            has_start: false,
            stated_at: 0,
            known_until: 0,
            mistaken: false,
            mistaken_run: None,
            came: false,
            judged: false,
            heard: None,
            told_start: None,
            described: None,
            ever_stopped: false,
            ever_failed: false,
            may_change_identity: false,
            inspect_failed: false,
        });
        self.containers.len() - 1
    }

    pub(crate) fn find(&mut self, id: &ContainerId) -> Option<&mut Container> {
        self.containers.iter_mut().find(|c| c.id == *id)
    }

    /// The container of this id, also one that is gone.
    pub(crate) fn any(&self, id: &str) -> Option<&Container> {
        self.containers.iter().chain(&self.gone).find(|c| c.id.as_str() == id)
    }

    pub(crate) fn any_mut(&mut self, id: &str) -> Option<&mut Container> {
        self.containers.iter_mut().chain(&mut self.gone).find(|c| c.id.as_str() == id)
    }

    /// Something happens to the container at `place`. Returns what the engine tells of it; `None`: it makes no sense.
    pub(crate) fn change(&mut self, place: usize, change: Change, now: u64) -> Option<Vec<(ContainerId, Action)>> {
        let wall = self.wall(now);
        let c = &mut self.containers[place];
        let id = c.id.clone();
        let mut actions = match change {
            Change::Remove => c.remove(),
            Change::Recreate => c.remove(),
            other => c.change(other, now, wall)?,
        };
        c.touched = now;
        let mut events: Vec<_> = actions.drain(..).map(|action| (id.clone(), action)).collect();
        if matches!(change, Change::Remove | Change::Recreate) {
            let mut gone = self.containers.remove(place);
            if let Change::Recreate = change {
                let new = self.run(0, now);
                self.containers[new].name = gone.name.clone();
                let actions = self.containers[new].change(Change::Start, now, wall).unwrap_or_default();
                let id = self.containers[new].id.clone();
                events.extend([Action::Create].into_iter().chain(actions).map(|action| (id.clone(), action)));
            }
            gone.told = None;
            self.gone.push(gone);
        }
        Some(events)
    }

    // -- answers ------------------------------------------------------------------------------------------------------

    pub(crate) fn info(&self) -> EngineInfo {
        let text = |word: &str| (!self.anonymous).then(|| Text::from(word));
        EngineInfo {
            api: ApiVersion::NEWEST,
            version: text("28.5.2"),
            runtime: text("docker"),
            host_name: text("host-1"),
            host_arch: text("amd64"),
            memory_total: (!self.anonymous).then_some(HOST_MEMORY),
            kernel: text("6.1"),
            ..EngineInfo::default()
        }
    }

    pub(crate) fn listing(&self, labels: bool, now: u64) -> Listing {
        let containers = self.containers.iter().map(|c| c.listed(labels, self.wall(now))).collect();
        Listing { containers, skipped: 0 }
    }
}

impl Container {
    pub(crate) fn is_running(&self) -> bool {
        matches!(self.state, State::Running | State::Paused)
    }

    fn start(&mut self, now: u64, wall: u64) {
        self.state = State::Running;
        self.run_since = now;
        self.started_at = Some(wall);
        self.starts.push(wall);
        self.kills = 0;
        self.exit_code = 0;
        self.health = self.health.map(|_| Health::Starting);
        self.links.iter_mut().for_each(|(link, _)| link.since = now);
        self.device.0 = now;
    }

    /// When the interface was last made anew.
    pub(crate) fn renewed(&self, name: &str) -> Option<u64> {
        self.links.iter().find(|(link, _)| link.name == name)?.0.renewed
    }

    fn stop(&mut self, state: State, code: i64) -> Action {
        self.state = state;
        self.exit_code = code;
        self.ever_stopped = true;
        Action::Die { exit_code: Some(code) }
    }

    fn remove(&mut self) -> Vec<Action> {
        let die = self.is_running().then(|| self.stop(State::Exited, 137));
        die.into_iter().chain([Action::Destroy]).collect()
    }

    fn change(&mut self, change: Change, now: u64, wall: u64) -> Option<Vec<Action>> {
        let running = self.is_running();
        let done = match change {
            Change::Start if !running => {
                if self.state != State::Restarting {
                    (self.restarts, self.counted_since) = (0, now);
                }
                self.start(now, wall);
                vec![Action::Start]
            }
            Change::Exit(code) if running => vec![self.stop(State::Exited, i64::from(code))],
            Change::WaitToRestart(code) if running => {
                self.restarts += 1;
                vec![self.stop(State::Restarting, i64::from(code))]
            }
            Change::Restart if running => {
                let die = self.stop(State::Exited, 1);
                self.start(now, wall);
                self.restarts += 1;
                vec![die, Action::Start]
            }
            Change::OutOfMemory { fatal } if running => {
                self.kills += 1;
                self.ever_killed = true;
                let die = fatal.then(|| self.stop(State::Exited, 137));
                [Action::Oom].into_iter().chain(die).collect()
            }
            Change::Rename(name) => {
                // A container without a name cannot be made by renaming.
                self.name = Some(NAMES[usize::from(name) % NAMES.len()].unwrap_or("a4").into());
                self.may_change_identity = true;
                vec![Action::Rename]
            }
            Change::Pause if self.state == State::Running => {
                self.state = State::Paused;
                vec![Action::Pause]
            }
            Change::Unpause if self.state == State::Paused => {
                self.state = State::Running;
                vec![Action::Unpause]
            }
            Change::Health(health) if self.state == State::Running && self.health.is_some() => {
                self.health = Some(Health::ALL[usize::from(health) % Health::ALL.len()]);
                vec![Action::Health(self.health)]
            }
            Change::Limit(which) => {
                self.limit(which);
                vec![Action::Update]
            }
            other => return self.parts(other, now),
        };
        Some(done)
    }

    fn limit(&mut self, which: u8) {
        self.memory_limit = (which & 1 == 0).then_some((i64::from(which) + 64) * MIB);
        self.cpu_limit = (which & 2 == 0).then_some(0.5 + f64::from(which));
        self.pids_limit = (which & 4 == 0).then_some(50 + i64::from(which));
    }

    fn parts(&mut self, change: Change, now: u64) -> Option<Vec<Action>> {
        let link = |which: u8| usize::from(which) % 2;
        match change {
            Change::Relabel(team) => {
                self.team = [None, Some("blue"), Some("green")][usize::from(team) % 3];
                self.may_change_identity = true;
                return Some(Vec::new());
            }
            Change::Retag => {
                self.tagged = !self.tagged;
                self.may_change_identity = true;
                return Some(Vec::new());
            }
            Change::LinkGone(which) => self.links[link(which)].1 = false,
            Change::LinkBack(which) => self.links[link(which)].1 = true,
            Change::LinkRenewed(which) => {
                (self.links[link(which)].0.since, self.links[link(which)].0.renewed) = (now, Some(now));
                self.links[link(which)].1 = true;
            }
            Change::DeviceGone => {
                self.device.1 = false;
                return Some(Vec::new());
            }
            Change::DeviceBack => {
                self.device.1 = true;
                return Some(Vec::new());
            }
            Change::Forgets => {
                self.split = !self.split;
                return Some(Vec::new());
            }
            _ => return None,
        }
        Some(vec![Action::Network])
    }

    pub(crate) fn image(&self) -> &'static str {
        if self.tagged { "registry:5000/web:1.2" } else { "sha256:aa" }
    }

    /// As the list's words have it.
    fn listed(&self, labels: bool, wall: u64) -> Listed {
        let team = self.team.filter(|_| labels).map(|team| ("team".into(), team.into()));
        Listed {
            id: self.id.clone(),
            name: self.name.clone(),
            image: self.image().into(),
            image_id: "sha256:aa".into(),
            state: self.state,
            up_for: self.is_running().then(|| up_for(wall.saturating_sub(self.started_at.unwrap_or(wall)) / SECOND)),
            exit_code: (self.state == State::Exited).then_some(self.exit_code),
            health: self.health.filter(|_| self.state == State::Running),
            labels: Labels::new(team.into_iter().collect()),
        }
    }

    pub(crate) fn details(&self, env: bool) -> Details {
        let color = env.then(|| ("COLOR".into(), self.color.into()));
        Details {
            state: Some(self.state),
            name: self.name.clone(),
            created: Some(UnixNanos(self.created)),
            started_at: self.started_at.map(UnixNanos),
            restart_count: Some(self.restarts),
            exit_code: Some(self.exit_code),
            oom_killed: self.kills > 0,
            health: self.health,
            memory_limit: self.memory_limit,
            cpu_limit: self.cpu_limit,
            hostname: None,
            command_line: Some("serve --all".into()),
            env: Labels::new(color.into_iter().collect()),
            more: None,
        }
    }

    /// What it takes of the disk: more and more, stopped or not.
    pub(crate) fn filesystem(&self, now: u64) -> Filesystem {
        let written = i64::try_from(now / 1_000).unwrap();
        Filesystem { usage: Some(written), capacity: self.capacity, unusable: 0 }
    }

    /// What it has used; `None` if it does not run.
    pub(crate) fn numbers(&self, wall: u64, now: u64) -> Option<Numbers> {
        let since = |then: u64| i64::try_from(now - then).unwrap();
        let ran = self.is_running().then(|| since(self.run_since))?;
        let total = ran / 4;
        let link = |(link, there): &(Link, bool)| {
            let n = since(link.since);
            there.then(|| (link.name, [n / 7, n / 700, n / 70_000, n / 700_000, n / 5, n / 500, n / 50_000, 0]))
        };
        let disk = since(self.device.0);
        Some(Numbers {
            taken: now,
            read: wall,
            total,
            split: self.split.then_some((total - total / 3, total / 3)),
            host: (since(0) + 1_000_000) * i64::from(CPUS),
            periods: [ran / 100_000_000, ran / 300_000_000, ran / 9],
            usage: 10 * MIB + ran % MIB,
            working_set: 8 * MIB + ran % MIB,
            rss: 5 * MIB,
            limit: self.memory_limit.unwrap_or(HOST_MEMORY),
            faults: ran / 1_000,
            major: ran / 100_000,
            links: self.links.iter().filter_map(link).collect(),
            device: self.device.1.then_some(((8, 0), [disk / 3, disk / 4, disk / 3_000])),
            pids: 3,
            pids_limit: self.pids_limit,
        })
    }
}

/// The words of the engine round down to seconds, then minutes; hours are vague.
pub(crate) fn up_for(seconds: u64) -> UpFor {
    let (at_least, below) = match seconds {
        0..60 => (seconds, seconds + 1),
        60..2760 => (seconds / 60 * 60, (seconds / 60 + 1) * 60),
        2760..5400 => (1800, 7200),
        _ => (3600, 14_400),
    };
    UpFor { at_least, below }
}

impl Numbers {
    pub(crate) fn sample(&self) -> Sample {
        let traffic =
            |n: &[i64]| Traffic { bytes: Some(n[0]), packets: Some(n[1]), dropped: Some(n[2]), errors: Some(n[3]) };
        let network = |(name, n): &(&'static str, [i64; 8])| Network {
            interface: (*name).into(),
            receive: traffic(&n[..4]),
            transmit: traffic(&n[4..]),
        };
        let device = |(number, n): ((u32, u32), [i64; 3])| BlockDevice {
            number: Some(number),
            read_bytes: Some(n[0]),
            written_bytes: Some(n[1]),
            reads: Some(n[2]),
            writes: None,
        };
        Sample {
            read: Some(UnixNanos(self.read)),
            cpu: Cpu {
                total: Some(self.total),
                user: self.split.map(|s| s.0),
                system: self.split.map(|s| s.1),
                host: Some(self.host),
                online: Some(CPUS),
                periods: Some(self.periods[0]),
                throttled_periods: Some(self.periods[1]),
                throttled_time: Some(self.periods[2]),
            },
            memory: Memory {
                usage: Some(self.usage),
                limit: Some(self.limit),
                working_set: Some(self.working_set),
                rss: Some(self.rss),
                faults: Some(self.faults),
                major_faults: Some(self.major),
                cgroup_limit: None,
            },
            networks: self.links.iter().map(network).collect(),
            devices: self.device.map(device).into_iter().collect(),
            pids: Some(self.pids),
            pids_limit: self.pids_limit,
            detail: None,
            unusable: 0,
        }
    }
}
