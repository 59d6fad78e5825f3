//! With real files: what the directory looks like, who may use it, and what comes back from a damaged one.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tempfile::TempDir;

use super::agent::{Live, decide, seen};
use crate::model::batch::{BatchSource, Left};
use crate::model::published::{Believed, Owner};
use crate::model::time::Clock;
use crate::outbox::durable::{InUse, Notice, Settings};
use crate::outbox::{Pushed, Queue};

/// A queue, and what was said of its directory.
struct Kept {
    queue: Queue,
    believed: Believed,
    notices: Arc<Mutex<Vec<Notice>>>,
    clock: Clock,
}

fn try_open(directory: &Path) -> Result<Kept, InUse> {
    let (clock, notices) = (Clock::start(), Arc::new(Mutex::new(Vec::new())));
    let settings = Settings { directory: directory.to_owned(), max_bytes: 1 << 30, memory_max_bytes: 1 << 20 };
    let heard = notices.clone();
    let (queue, believed) = Queue::open(settings, clock, move |notice| heard.lock().unwrap().push(notice))?;
    Ok(Kept { queue, believed, notices, clock })
}

fn open(directory: &Path) -> Kept {
    try_open(directory).expect("nobody else has it")
}

impl Kept {
    fn push(&self, live: &mut Live, actions: &[(usize, bool)], time: u64) {
        let pushed = self.queue.push(decide(live, actions, time), self.clock.now());
        assert_eq!(pushed, Pushed::default());
    }

    fn notices(&self) -> Vec<Notice> {
        self.notices.lock().unwrap().clone()
    }

    /// The times of all points that are left, which are delivered by that.
    async fn deliver(&self) -> Vec<u64> {
        let mut times = Vec::new();
        while self.queue.left() != Left::default() {
            let batch = soon(self.queue.next()).await;
            times.extend(seen(&batch).into_iter().map(|(_, time, _)| time));
            self.queue.acknowledge();
        }
        times
    }

    fn owners(&self) -> Vec<Owner> {
        self.believed.engines.values().flatten().map(|(owner, _)| owner.clone()).collect()
    }
}

/// Fails instead of waiting for ever.
async fn soon<T>(what: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(60), what).await.expect("it comes")
}

/// What a process leaves behind that pushed `batches` batches, each with three series, of which it delivered one.
async fn left_behind(directory: &Path, batches: u64) {
    let kept = open(directory);
    let mut live = Live::new();
    for time in 1..=batches {
        kept.push(&mut live, &[(0, true), (1, true), (2, true)], time);
        soon(kept.queue.written()).await;
    }
    soon(kept.queue.next()).await;
    kept.queue.acknowledge();
    soon(kept.queue.close()).await;
}

/// The store of such a process.
async fn store_of(batches: u64) -> Vec<u8> {
    let directory = TempDir::new().unwrap();
    left_behind(directory.path(), batches).await;
    fs::read(directory.path().join("outbox.redb")).unwrap()
}

#[tokio::test]
async fn what_was_not_delivered_is_there_after_a_restart() {
    let directory = TempDir::new().unwrap();
    left_behind(directory.path(), 5).await;
    let kept = open(directory.path());
    assert_eq!((kept.notices(), kept.owners().len()), (vec![], 3));
    assert_eq!(kept.believed.latest.0, 5);
    let stats = kept.queue.stats();
    assert_eq!(stats.left, Left { batches: 4, points: 12, retractions: 0 });
    assert!(stats.oldest.unwrap().age(kept.clock.now()) < Duration::from_secs(60));
    let times = kept.deliver().await;
    assert_eq!(times, [2, 2, 2, 3, 3, 3, 4, 4, 4, 5, 5, 5]);
}

#[tokio::test]
async fn what_has_ended_and_may_still_have_to_be_told_is_known_after_a_restart() {
    let directory = TempDir::new().unwrap();
    let (kept, mut live) = (open(directory.path()), Live::new());
    assert_eq!(kept.believed.ended, []);
    // The second one lives on; the third one's end is delivered, the first one's is not.
    let mut ended = Vec::new();
    for (time, actions) in [&[(0, true), (1, true), (2, true)][..], &[(2, false)], &[(0, false)]].iter().enumerate() {
        let decision = decide(&mut live, actions, time as u64 + 1);
        ended.extend(decision.batch.groups.last().map(|group| group.resource.fingerprint()));
        assert_eq!(kept.queue.push(decision, kept.clock.now()), Pushed::default());
        soon(kept.queue.written()).await;
    }
    for _ in 0..2 {
        soon(kept.queue.next()).await;
        kept.queue.acknowledge();
    }
    soon(kept.queue.close()).await;
    drop(kept);
    let kept = open(directory.path());
    assert_eq!((kept.owners().len(), &kept.believed.ended), (1, &ended[2..].to_vec()));
    // It lives again, as a resource of its own in the store, while one like it waits to be sent.
    kept.push(&mut live, &[(0, true)], 4);
    soon(kept.queue.close()).await;
    drop(kept);
    let kept = open(directory.path());
    assert_eq!((kept.owners().len(), &kept.believed.ended), (2, &vec![]));
}

#[tokio::test]
async fn nobody_else_may_read_it() {
    let directory = TempDir::new().unwrap();
    let inner = directory.path().join("made/for/it");
    left_behind(&inner, 2).await;
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&inner), 0o700);
    let files = fs::read_dir(&inner).unwrap().map(|entry| entry.unwrap().path());
    let modes: Vec<u32> = files.map(|path| mode(&path)).collect();
    assert_eq!(modes, [0o600, 0o600], "the store and the lock");
}

#[tokio::test]
async fn a_directory_that_was_there_stays_as_it_is() {
    let directory = TempDir::new().unwrap();
    fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o755)).unwrap();
    left_behind(directory.path(), 2).await;
    assert_eq!(fs::metadata(directory.path()).unwrap().permissions().mode() & 0o777, 0o755);
    let store = fs::metadata(directory.path().join("outbox.redb")).unwrap();
    assert_eq!(store.permissions().mode() & 0o777, 0o600);
}

#[tokio::test]
async fn what_was_saved_once_can_be_saved_again() {
    let mut store = store_of(6).await;
    for _ in 0..2 {
        let directory = TempDir::new().unwrap();
        store[..4096].fill(0xAA);
        fs::write(directory.path().join("outbox.redb"), &store).unwrap();
        let kept = open(directory.path());
        let [Notice::Damaged { damage, .. }] = &kept.notices()[..] else { panic!("{:?}", kept.notices()) };
        assert_eq!((damage.batches_kept, damage.batches_lost), (5, 0), "{damage:?}");
        soon(kept.queue.close()).await;
        store = fs::read(directory.path().join("outbox.redb")).unwrap();
    }
}

#[tokio::test]
async fn the_second_process_is_refused_and_told_who_the_first_is() {
    let directory = TempDir::new().unwrap();
    let first = open(directory.path());
    let refused = try_open(directory.path()).err().expect("it is in use");
    assert_eq!(refused, InUse { directory: directory.path().to_owned(), pid: Some(std::process::id()) });
    let text = refused.to_string();
    assert!(text.contains(&directory.path().display().to_string()), "{text}");
    assert!(text.contains(&std::process::id().to_string()), "{text}");
    soon(first.queue.close()).await;
    open(directory.path());
}

#[tokio::test]
async fn a_directory_that_cannot_be_used_means_memory_and_is_told() {
    let directory = TempDir::new().unwrap();
    let file = directory.path().join("file");
    fs::write(&file, "x").unwrap();
    for path in [file.clone(), file.join("below")] {
        let kept = open(&path);
        let mut live = Live::new();
        kept.push(&mut live, &[(0, true)], 1);
        let Some(Notice::Unusable { directory, trouble }) = kept.notices().into_iter().next() else {
            panic!("{:?}", kept.notices());
        };
        assert_eq!(directory, path);
        assert!(trouble.to_string().starts_with("it cannot be made: "), "{trouble}");
        assert!(!trouble.mend().is_empty() && !kept.queue.is_durable());
        soon(kept.queue.written()).await;
        assert_eq!(kept.deliver().await, [1]);
    }
}

#[tokio::test]
async fn a_directory_that_comes_later_is_used_then() {
    let directory = TempDir::new().unwrap();
    let path = directory.path().join("later");
    fs::write(&path, "in its place").unwrap();
    let kept = open(&path);
    let mut live = Live::new();
    kept.push(&mut live, &[(0, true), (1, true)], 1);
    fs::remove_file(&path).unwrap();
    soon(async {
        while !kept.queue.is_durable() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    })
    .await;
    assert!(matches!(kept.notices()[..], [Notice::Unusable { .. }, Notice::Recovered { .. }]), "{:?}", kept.notices());
    soon(kept.queue.close()).await;
    let kept = open(&path);
    assert_eq!(kept.owners().len(), 2);
    assert_eq!(kept.deliver().await, [1, 1]);
}

#[tokio::test]
async fn a_killed_process_leaves_a_store_that_opens() {
    let (directory, copy) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    let kept = open(directory.path());
    let mut live = Live::new();
    for time in 1..=3 {
        kept.push(&mut live, &[(0, true)], time);
    }
    soon(kept.queue.written()).await;
    // Nothing was closed: what a kill leaves.
    fs::copy(directory.path().join("outbox.redb"), copy.path().join("outbox.redb")).unwrap();
    let again = open(copy.path());
    assert_eq!((again.notices(), again.owners().len()), (vec![], 1));
    assert_eq!(again.deliver().await, [1, 2, 3]);
}

/// Opens a damaged store; the times of what is left, and how many batches are said to be lost.
async fn opened(bytes: &[u8]) -> (Vec<u64>, Vec<Notice>) {
    let directory = TempDir::new().unwrap();
    fs::write(directory.path().join("outbox.redb"), bytes).unwrap();
    let kept = open(directory.path());
    let mut times = kept.deliver().await;
    times.dedup();
    let mut live = Live::new();
    kept.push(&mut live, &[(5, true)], 1000);
    assert_eq!(kept.deliver().await, [1000], "it goes on");
    soon(kept.queue.close()).await;
    let notices = kept.notices();
    let kept = open(directory.path());
    assert_eq!(kept.notices(), [], "it is whole again");
    (times, notices)
}

/// Whether they rise: nothing comes twice or out of order.
fn is_order(times: &[u64]) -> bool {
    times.is_sorted_by(|a, b| a < b)
}

#[tokio::test]
async fn every_flipped_byte_is_noticed_or_does_not_matter() {
    let store = store_of(6).await;
    let step = store.len() / 60;
    for at in (0..store.len()).step_by(step) {
        let mut bytes = store.clone();
        bytes[at] ^= 0x40;
        let (times, notices) = opened(&bytes).await;
        assert!(is_order(&times), "byte {at}: {times:?}");
        match &notices[..] {
            [] => assert_eq!(times, [2, 3, 4, 5, 6], "byte {at}"),
            [Notice::Damaged { damage, .. }, ..] => {
                assert!(times.len() + 1 >= 5, "byte {at}: {times:?}, {damage:?}");
            }
            other => panic!("byte {at}: {other:?}"),
        }
    }
}

#[tokio::test]
async fn a_store_without_its_end_is_cut_to_what_is_intact() {
    let store = store_of(6).await;
    for tenths in 0..10 {
        let length = store.len() * tenths / 10;
        let (times, notices) = opened(&store[..length]).await;
        assert!(is_order(&times), "{times:?}");
        assert!(matches!(notices[..], [Notice::Damaged { .. }]), "{tenths} tenths: {notices:?}");
        let mut zeroed = store.clone();
        zeroed[length..].fill(0);
        let (times, notices) = opened(&zeroed).await;
        assert!(is_order(&times), "{times:?}");
        let is_told = matches!(notices[..], [Notice::Damaged { .. }]);
        assert!(is_told || times == [2, 3, 4, 5, 6], "{tenths} tenths: {notices:?}");
    }
}

#[tokio::test]
async fn what_stands_intact_in_a_file_without_head_is_saved() {
    let mut store = store_of(6).await;
    store[..4096].fill(0xAA);
    let (times, notices) = opened(&store).await;
    assert_eq!(times, [2, 3, 4, 5, 6]);
    let [Notice::Damaged { damage, .. }] = &notices[..] else { panic!("{notices:?}") };
    assert_eq!((damage.batches_kept, damage.batches_lost), (5, 0), "{damage:?}");
    assert_eq!((damage.owners_kept, damage.owners_lost), (3, 0), "{damage:?}");
}

#[tokio::test]
async fn a_file_of_something_else_is_replaced() {
    for bytes in [&b"not a store at all"[..], &[0xFF; 10_000], &[0; 100_000], &[]] {
        let (times, notices) = opened(bytes).await;
        assert_eq!(times, Vec::<u64>::new());
        assert!(matches!(notices[..], [Notice::Damaged { .. }]), "{notices:?}");
    }
}
