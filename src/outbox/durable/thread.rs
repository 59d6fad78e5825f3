//! The storage thread: the only one that waits for the disk, and nobody waits for it longer than he wants to.

use std::path::PathBuf;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::Settings;
use super::core::Core;
use super::files::Directory;
use super::job::{Next, Opened, Said};
use super::keeper::Keeper;
use super::notice::{InUse, Notice, Trouble, TroubleKind};
use crate::model::published::{Believed, Decision};
use crate::model::time::{Clock, Now};
use crate::outbox::Pushed;

/// How long the start waits for the disk: as long as it takes to check some GiB. After that the memory has to do, until
/// the disk answers.
const OPENING: Duration = Duration::from_secs(60);

/// What the thread and everybody else share.
#[derive(Debug)]
struct Shared {
    core: Mutex<Core>,
    /// Something changed that the thread should know of.
    wake: Condvar,
}

/// The thread, as everybody else sees it. It ends when this is dropped.
pub(in crate::outbox) struct Handle {
    shared: Arc<Shared>,
    directory: PathBuf,
    /// The thread cannot say that it waits for the disk.
    hears: Arc<Mutex<dyn Hears>>,
    ended: Arc<std::sync::atomic::AtomicBool>,
}

/// What the thread tells.
pub(in crate::outbox) trait Hears: Send + 'static {
    /// Something changed: what is to be had, what is written, what is left.
    fn changed(&self);
    /// Something that people should know.
    fn notice(&self, notice: Notice);
}

struct Thread<H> {
    shared: Arc<Shared>,
    ended: Arc<std::sync::atomic::AtomicBool>,
    keeper: Keeper<Directory>,
    directory: PathBuf,
    clock: Clock,
    hears: Arc<Mutex<H>>,
}

/// What came of the opening, if it was in time.
type Answer = Result<Believed, InUse>;

/// Opens the store and starts the thread that works on it.
///
/// # Errors
/// Another process has the directory.
pub(in crate::outbox) fn start(
    settings: Settings,
    clock: Clock,
    hears: impl Hears,
) -> Result<(Handle, Believed), InUse> {
    let core = Mutex::new(Core::new(settings.max_bytes, settings.memory_max_bytes));
    let shared = Arc::new(Shared { core, wake: Condvar::new() });
    let ended = Arc::default();
    let keeper = Keeper::new(Directory::new(settings.directory.clone()), settings.max_bytes);
    let (directory, hears) = (settings.directory.clone(), Arc::new(Mutex::new(hears)));
    let handle = Handle { shared: shared.clone(), directory, hears: hears.clone(), ended: Arc::clone(&ended) };
    let (answer, answered) = mpsc::sync_channel(1);
    let thread = Thread { shared, ended, keeper, directory: settings.directory, clock, hears };
    let spawned = std::thread::Builder::new().name("outbox".into()).spawn(move || thread.run(&answer));
    if let Err(error) = spawned {
        // Everything waits in memory from now on; there is no thread to try again.
        let trouble = Trouble::io("no thread for the outbox", &error);
        handle.lock().not_opened(trouble, false, clock.now().mono);
        return Ok((handle, Believed::default()));
    }
    match answered.recv_timeout(OPENING) {
        Ok(answer) => Ok((handle, answer?)),
        Err(RecvTimeoutError::Disconnected | RecvTimeoutError::Timeout) => {
            let believed = handle.too_late(&answered, clock)?;
            Ok((handle, believed))
        }
    }
}

impl Handle {
    /// The core. Who changes it calls [`Handle::wake`] afterwards. Nobody holds it while the disk works.
    pub(in crate::outbox) fn lock(&self) -> MutexGuard<'_, Core> {
        lock(&self.shared.core)
    }

    /// See [`Core::push`]. The disk may be waited for in vain: that is noticed here.
    pub(in crate::outbox) fn push(&self, decision: Decision, now: Now) -> Pushed {
        let mut core = self.lock();
        let pushed = core.push(decision, now);
        let said = core.give_up(now.mono);
        drop(core);
        if let Some(said) = said {
            lock(&self.hears).notice(said.notice(self.directory.clone()));
        }
        self.wake();
        pushed
    }

    /// There may be something to do.
    pub(in crate::outbox) fn wake(&self) {
        self.shared.wake.notify_all();
    }

    /// The start goes on without what is on disk.
    fn too_late(&self, answered: &mpsc::Receiver<Answer>, clock: Clock) -> Answer {
        let mut core = self.lock();
        // It may have answered just now, and whoever answers holds the core.
        if let Ok(answer) = answered.try_recv() {
            return answer;
        }
        let trouble = Trouble::new(TroubleKind::Device, "the disk does not answer");
        // The thread says it when it comes to it.
        core.not_opened(trouble, false, clock.now().mono);
        Ok(Believed::default())
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.ended.store(true, std::sync::atomic::Ordering::Release);
        self.wake();
    }
}

fn lock<T: ?Sized>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    // A panic while it was held would be a bug; going on with what it holds loses less than stopping.
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

impl<H: Hears> Thread<H> {
    fn run(mut self, answer: &mpsc::SyncSender<Answer>) {
        let opened = self.keeper.open();
        if self.begin(opened, answer) {
            while self.step() {}
        }
    }

    /// Tells the core what was found, if it still wants to know, and answers before anybody else has the core. Whether
    /// there is anything to go on with.
    fn begin(&mut self, opened: Result<Opened, Trouble>, answer: &mpsc::SyncSender<Answer>) -> bool {
        let now = self.clock.now().mono;
        let mut core = lock(&self.shared.core);
        if core.is_memory() {
            core.opening_is_over(now);
            drop(core);
            let trouble = Trouble::new(TroubleKind::Device, "the disk has not answered for a minute");
            self.say(Said::Unusable(trouble));
            return true;
        }
        let (mut damage, mut said) = (None, None);
        let result = match opened {
            Ok(mut opened) => {
                damage = opened.damage.take();
                let believed = believed(&mut opened);
                core.opened(opened);
                Ok(believed)
            }
            Err(trouble) => match self.keeper.media().in_use() {
                Some(in_use) => Err(in_use),
                None => {
                    said = Some(core.not_opened(trouble, true, now));
                    Ok(Believed::default())
                }
            },
        };
        if let Some(damage) = damage {
            lock(&self.hears).notice(Notice::Damaged { directory: self.directory.clone(), damage });
        }
        said.into_iter().for_each(|said| self.say(said));
        let goes_on = result.is_ok();
        // There is room for it, and whoever waits no longer has told the core so.
        let _ = answer.try_send(result);
        drop(core);
        goes_on
    }

    /// One job, or a wait for one; `false` when it is over.
    fn step(&mut self) -> bool {
        let mut core = lock(&self.shared.core);
        let job = loop {
            if self.ended.load(std::sync::atomic::Ordering::Acquire) {
                return false;
            }
            let now = self.clock.now().mono;
            match core.next(now) {
                Next::Do(job) => break job,
                Next::Wait if core.is_closed() => return false,
                Next::Wait => core = self.shared.wake.wait(core).unwrap_or_else(PoisonError::into_inner),
                Next::WaitUntil(at) => {
                    let wait = self.shared.wake.wait_timeout(core, at.since(now));
                    core = wait.unwrap_or_else(PoisonError::into_inner).0;
                }
            }
        };
        drop(core);
        let outcome = self.keeper.run(&job, &|index| lock(&self.shared.core).held(index));
        let mut core = lock(&self.shared.core);
        let outcome = if core.gave_up() { self.keeper.given_up(&job, outcome) } else { outcome };
        let said = core.done(outcome, self.clock.now().mono);
        drop(core);
        if let Some(damage) = self.keeper.damage() {
            lock(&self.hears).notice(Notice::Damaged { directory: self.directory.clone(), damage });
        }
        said.into_iter().for_each(|said| self.say(said));
        lock(&self.hears).changed();
        true
    }

    fn say(&self, said: Said) {
        lock(&self.hears).notice(said.notice(self.directory.clone()));
    }
}

impl Said {
    fn notice(self, directory: PathBuf) -> Notice {
        match self {
            Self::Unusable(trouble) => Notice::Unusable { directory, trouble },
            Self::Recovered => Notice::Recovered { directory },
            Self::Dropped(pushed) => Notice::Dropped { pushed },
        }
    }
}

fn believed(opened: &mut Opened) -> Believed {
    let mut believed = Believed { ended: std::mem::take(&mut opened.ended), ..Believed::default() };
    for ((engine, owner), standing) in &opened.rows {
        if let Some(standing) = standing {
            let owners = believed.engines.entry(engine.clone()).or_default();
            owners.push((owner.clone(), standing.clone()));
        }
    }
    believed.latest = opened.latest.iter().map(|(_, latest)| *latest).max().unwrap_or_default();
    believed
}
