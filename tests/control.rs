//! The control API of the program itself: status, explain and wishes, at a socket that comes and goes with the agent.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on says where")]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Output;
use std::time::Duration;

use dockpulse::control::{Address, Client, Error};
use dockpulse::status::Delta;
use futures_util::StreamExt;
use rustix::process::Signal;
use tempfile::TempDir;

#[expect(dead_code, reason = "other tests use more of it")]
#[path = "support/believed.rs"]
mod believed;
#[expect(dead_code, reason = "other tests use more of it")]
#[path = "support/collector.rs"]
mod collector;
#[path = "support/engine.rs"]
mod engine;
#[path = "support/memory.rs"]
mod memory;
#[path = "support/pace.rs"]
mod pace;
#[path = "support/process.rs"]
mod process;

use believed::Rig;
use engine::SmallEngine;

/// An agent that watches the container `web`, is settled, and has a socket.
struct Agent {
    _engine: TempDir,
    rig: Rig,
    address: Address,
}

impl Agent {
    async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let engine = ("vm".to_owned(), SmallEngine::start(folder.path(), "web").endpoint());
        let mut rig = Rig::new().await;
        let socket = rig.folder.path().join("run/c.sock");
        let more = format!("control: {{ listen: \"unix://{}\" }}\nstatus: {{ listen: \"off\" }}", socket.display());
        rig.write_settings(&[engine], &more);
        rig.start();
        rig.believes(&["web"]).await;
        // What became of the first requests is known then.
        rig.until(|rig| rig.read > 5).await;
        Self { _engine: folder, rig, address: Address::Unix(socket) }
    }

    async fn client(&self) -> Client {
        Client::connect(&self.address).await.unwrap()
    }

    /// Another process of the program; the collector goes on meanwhile.
    async fn run(&self, arguments: &str) -> Output {
        let mut words = arguments.split(' ');
        let mut command = self.rig.command(words.next().unwrap());
        command.args(words);
        tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap()
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[tokio::test]
async fn a_running_agent_is_asked_and_one_that_has_ended_leaves_no_socket() {
    let agent = Agent::start().await;
    let Address::Unix(socket) = agent.address.clone() else { panic!("a socket") };
    assert_eq!(fs::metadata(&socket).unwrap().permissions().mode() & 0o777, 0o600);

    let status = agent.run("status").await;
    let shown = text(&status.stdout);
    assert!(status.status.success() && shown.contains("vm  up") && shown.contains("delivered"), "{shown}");
    assert!(!shown.contains('\u{1b}'), "no colours where there is no terminal");
    let json: Delta = serde_json::from_slice(&agent.run("status --json").await.stdout).unwrap();
    assert_eq!((&*json.containers[0].name, json.engines[0].watched), ("web", 1));

    let explained = text(&agent.run("explain web").await.stdout);
    assert!(explained.contains("told by the running agent"), "{explained}");
    assert!(explained.contains("container.cpu.time{cpu.mode=user}") && explained.contains("built in"), "{explained}");
    let other = agent.run("explain nobody").await;
    assert!(
        !other.status.success() && text(&other.stderr).contains("no container has the name"),
        "the engine was asked"
    );

    let client = agent.client().await;
    let described = client.container("web").await.unwrap();
    assert_eq!(&*described.row.name, "web");
    let mut deltas = Box::pin(client.watch(0, Duration::from_millis(50)).await.unwrap());
    let first = deltas.next().await.unwrap().unwrap();
    assert!(first.whole);
    agent.rig.end().await;
    let mut last = None;
    while let Some(delta) = deltas.next().await {
        match delta {
            Ok(delta) => last = delta.retractions.last().cloned().or(last),
            Err(error) => assert!(matches!(error, Error::Ended { .. }), "{error}"),
        }
    }
    assert_eq!(last.map(|retraction| retraction.reason.to_string()).as_deref(), Some("shutdown"));
    assert!(!socket.exists());
    assert!(matches!(Client::connect(&agent.address).await, Err(Error::NoAgent { .. })));
}

#[tokio::test]
async fn a_second_agent_is_told_who_has_the_socket_and_a_killed_one_s_is_taken_over() {
    let mut agent = Agent::start().await;
    let second = agent.run("run").await;
    let said = text(&second.stderr);
    let pid = agent.rig.agent().id();
    assert_eq!(second.status.code(), Some(1), "{said}");
    assert!(said.contains(&format!("in use by process {pid}")) && said.contains("control.listen"), "{said}");
    agent.rig.kill();
    let status = agent.run("status").await;
    assert_eq!(status.status.code(), Some(1));
    assert!(text(&status.stderr).contains("no agent answers at unix://"), "{}", text(&status.stderr));
    agent.rig.start();
    agent.rig.until(|rig| rig.lives("web") >= 1 && rig.read > 2).await;
    for _ in 0..600 {
        match Client::connect(&agent.address).await {
            Ok(client) => return drop(client.status().await.unwrap()),
            Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
        }
    }
    panic!("the socket is not taken over: {}", agent.rig.log());
}

#[tokio::test]
async fn an_engine_that_a_reload_renames_is_shown_and_asked_by_its_new_name() {
    let agent = Agent::start().await;
    let client = agent.client().await;
    let before = client.status().await.unwrap().engines.remove(0);
    let settings = agent.rig.folder.path().join("settings.yaml");
    let text = fs::read_to_string(&settings).unwrap();
    fs::write(&settings, text.replace("name: vm,", "name: renamed,")).unwrap();
    agent.rig.agent().signal(Signal::HUP);
    let mut deltas = Box::pin(client.watch(0, Duration::from_millis(50)).await.unwrap());
    let shown = async {
        while let Some(delta) = deltas.next().await {
            let engine = delta.unwrap().engines.remove(0);
            if &*engine.name == "renamed" {
                return engine.id;
            }
        }
        panic!("the agent has ended");
    };
    let id = tokio::time::timeout(Duration::from_secs(60), shown).await.expect("it is shown by its new name");
    assert_eq!(id, before.id, "it is the same engine");
    assert_eq!(&*client.container("web").await.unwrap().report.engine.name, "renamed");
    agent.rig.end().await;
}
