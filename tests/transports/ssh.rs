//! ssh: what the program is called with, what it says, and that none of its processes stays.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use dockpulse::engine::docker::DockerEngine;
use dockpulse::engine::ssh::{CALLS, Ssh};
use dockpulse::engine::{Address, Engine};
use dockpulse::model::container::ContainerId;
use dockpulse::model::engine::{Source, Wanted};
use dockpulse::model::ssh::Target;
use futures_util::future::join_all;

use super::pace::Pace;
use super::{engine, failure};

/// An engine behind the stand-in for `ssh`, which does what `host` says.
struct Remote {
    engine: DockerEngine,
    folder: tempfile::TempDir,
    _pace: Arc<Pace>,
}

impl Remote {
    fn new(host: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let socket = socket(folder.path());
        let target = Target::try_new(Some("me"), host, Some(2222), Some(&socket)).unwrap();
        let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/support/ssh");
        let endpoint = format!("ssh://me@{host}");
        Self { engine: engine(&endpoint, Address::Ssh(Ssh { program, target })), folder, _pace: Pace::keep() }
    }

    /// The processes that were started, each with what it was called with.
    fn started(&self) -> Vec<(u32, String)> {
        let log = fs::read_to_string(format!("{}.log", socket(self.folder.path()))).unwrap_or_default();
        let split = |line: &str| line.split_once(' ').map(|(pid, rest)| (pid.parse().unwrap(), rest.to_owned()));
        log.lines().filter_map(split).collect()
    }

    async fn first_started(&self) -> u32 {
        for _ in 0..6000 {
            if let [(pid, _), ..] = self.started()[..] {
                return pid;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("no process was started");
    }
}

fn socket(folder: &Path) -> String {
    folder.join("docker.sock").to_str().unwrap().to_owned()
}

/// Waits until there is no such process, not even a dead one that nobody has asked for.
async fn gone(pid: u32) {
    let path = PathBuf::from(format!("/proc/{pid}"));
    for _ in 0..6000 {
        if !path.exists() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("process {pid} is still there: {}", fs::read_to_string(path.join("stat")).unwrap_or_default());
}

#[tokio::test]
async fn the_program_is_called_as_the_docker_client_does_and_never_asks_anything() {
    let remote = Remote::new("answers");
    remote.engine.ping().await.unwrap();
    assert!(remote.engine.list(&Wanted::default()).await.unwrap().containers.is_empty());
    let started = remote.started();
    let [(_, words)] = &started[..] else { panic!("one connection serves both: {started:?}") };
    let options = "-o BatchMode=yes -o ConnectTimeout=5 -o ServerAliveInterval=15 -o LogLevel=ERROR";
    let host = socket(remote.folder.path());
    let expected = format!("-l me -p 2222 {options} -T -- answers docker --host=unix://{host} system dial-stdio");
    assert_eq!(*words, expected);
}

#[tokio::test]
async fn many_calls_go_through_few_processes() {
    let remote = Remote::new("answers");
    for _ in 0..3 {
        let answers = join_all((0..40).map(|_| remote.engine.ping())).await;
        assert!(answers.iter().all(Result::is_ok), "{answers:?}");
        remote.engine.connect().await.unwrap();
    }
    // Besides those, each connect asks for two things beside the pool.
    let started = remote.started().len();
    assert!((CALLS..=CALLS + 6).contains(&started), "{started} processes");
}

#[tokio::test]
async fn containers_that_hang_do_not_keep_the_list_waiting() {
    let remote = Remote::new("hangs");
    let (wanted, id) = (Wanted::default(), ContainerId::try_new("0123456789ab").unwrap());
    let hung = join_all((0..2 * CALLS).map(|_| remote.engine.stats(&id, Source::OneShot, &wanted)));
    let list = async {
        while remote.started().len() < CALLS {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        tokio::time::timeout(Duration::from_secs(60), remote.engine.list(&wanted)).await
    };
    tokio::select! {
        _ = hung => panic!("they never answer"),
        listed = list => assert!(listed.unwrap().unwrap().containers.is_empty()),
    }
}

#[tokio::test]
async fn a_process_ends_with_its_connection_and_is_not_left_dead() {
    let remote = Remote::new("silent");
    let ping = remote.engine.ping();
    tokio::select! {
        _ = ping => panic!("it never answers"),
        pid = remote.first_started() => assert!(Path::new(&format!("/proc/{pid}")).exists()),
    }
    gone(remote.first_started().await).await;

    let remote = Remote::new("answers");
    remote.engine.ping().await.unwrap();
    let pid = remote.first_started().await;
    assert!(Path::new(&format!("/proc/{pid}")).exists(), "it is kept for the next call");
    drop(remote.engine);
    gone(pid).await;

    let remote = Remote::new("denied");
    failure(&remote.engine).await;
    gone(remote.first_started().await).await;
}

#[tokio::test]
async fn what_the_program_says_is_told_with_the_mend() {
    for (host, said, mend) in [
        ("denied", "ssh: me@denied: Permission denied (publickey,password).", "needs a key without a passphrase"),
        ("unknown", "ssh: Host key verification failed.", "connect once by hand"),
        ("unresolved", ": ssh: Could not resolve hostname unresolved", "is the name right?"),
        ("refused", ": ssh: connect to host refused port 22: Connection refused", "does sshd listen there"),
        ("idle", "failed to open the raw stream connection", "is the engine there running"),
        ("bare", "docker: not found", "the docker client has to be installed there"),
        ("old", "is not a docker command", "18.09 or later"),
        ("outsider", "permission denied while trying", "a member of the group docker"),
        ("wordless", "ssh ended without a word (exit status: 3)", ""),
        ("floods", "me@floods: Permission denied", "needs a key without a passphrase"),
    ] {
        let line = failure(&Remote::new(host).engine).await;
        let begin = format!("cannot connect to ssh://me@{host}: ");
        assert!(line.starts_with(&begin) && line.contains(said) && line.contains(mend), "{host}: {line}");
        assert!(line.len() < 700, "{host}: {} characters", line.len());
    }
}

#[tokio::test]
async fn a_connection_that_breaks_in_an_answer_is_told() {
    let error = Remote::new("breaks").engine.list(&Wanted::default()).await.unwrap_err().to_string();
    assert!(error.contains("client_loop: send disconnect: Broken pipe"), "{error}");
}

#[tokio::test]
async fn a_program_that_is_not_there_is_told() {
    let target = Target::try_new(None, "h", None, None).unwrap();
    let engine = engine("ssh://h", Address::Ssh(Ssh { program: "/nonexistent/ssh".into(), target }));
    let line = failure(&engine).await;
    assert!(line.contains("cannot start the program /nonexistent/ssh: No such file"), "{line}");
    assert!(line.ends_with("; install the OpenSSH client where dockpulse runs"), "{line}");
}
