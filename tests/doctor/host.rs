//! What is wrong on this host.

use std::fs;
use std::os::unix::net::UnixListener;

use dockpulse::model::time::Clock;
use dockpulse::outbox::Queue;
use dockpulse::outbox::durable::Settings;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use crate::World;

#[tokio::test]
async fn a_directory_that_is_used_is_left_alone_and_one_that_cannot_be_made_is_told() {
    let world = World::new().await;
    let directory = world.folder.path().join("state");
    let state =
        [("DOCKPULSE_OUTBOX__DIRECTORY", directory.to_str().unwrap()), ("DOCKPULSE_OUTBOX__MAX_BYTES", "16MiB")];
    let said = world.doctor(&state).await;
    said.is_well();
    said.has("outbox", "ok", &["not there yet, and can be made"]);
    assert!(!directory.exists(), "nothing is made");

    let settings = Settings { directory: directory.clone(), max_bytes: 16 << 20, memory_max_bytes: 1 << 20 };
    let (queue, _) = Queue::open(settings.clone(), Clock::start(), |_| ()).unwrap();
    let said = world.doctor(&state).await;
    said.is_well();
    said.has("outbox", "ok", &["is in use by ", &format!("process {}", std::process::id())]);
    queue.close().await;
    drop(queue);
    world.doctor(&state).await.has("outbox", "ok", &["nobody uses it now"]);
    let (queue, _) = Queue::open(settings, Clock::start(), |_| ()).expect("it is not locked by those who looked");
    queue.close().await;

    let file = world.folder.path().join("file");
    fs::write(&file, "").unwrap();
    let inside = file.join("state");
    let said = world.doctor(&[("DOCKPULSE_OUTBOX__DIRECTORY", inside.to_str().unwrap())]).await;
    said.only("outbox", "fail", &["cannot be written to", "let the user"]);
    let vast = [state[0], ("DOCKPULSE_OUTBOX__MAX_BYTES", "1048576GiB")];
    world.doctor(&vast).await.only("space", "warn", &["fill the disk", "lower outbox.max_bytes"]);
}

/// A server on a port of its own that says this to whatever comes.
async fn says(what: &'static str) -> (String, JoinSet<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let mut tasks = JoinSet::new();
    tasks.spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let _ = stream.read(&mut [0; 1024]).await;
            let _ = stream.write_all(what.as_bytes()).await;
        }
    });
    (address, tasks)
}

#[tokio::test]
async fn a_port_may_be_the_running_agent_s_and_nobody_else_s() {
    let world = World::new().await;
    let (agent, _agent) =
        says("HTTP/1.0 200 OK\r\n\r\n{\"agent\":{\"version\":\"0.1.0\",\"pid\":7},\"outbox\":{\"batches\":2}}").await;
    let said = world.doctor(&[("DOCKPULSE_STATUS__LISTEN", &agent)]).await;
    said.has("status", "ok", &["in use by dockpulse 0.1.0, process 7"]);
    let (other, _other) = says("HTTP/1.0 200 OK\r\n\r\n{\"hello\":1}").await;
    let said = world.doctor(&[("DOCKPULSE_STATUS__LISTEN", &other)]).await;
    said.has("status", "fail", &[&other, "no dockpulse", "set status.listen"]);
}

#[tokio::test]
async fn a_socket_for_the_control_api_is_free_stale_or_taken() {
    let world = World::new().await;
    let path = world.folder.path().join("control.sock");
    let at = format!("unix://{}", path.display());
    let control = [("DOCKPULSE_CONTROL__LISTEN", at.as_str())];
    world.doctor(&control).await.has("control", "ok", &["is free"]);
    let listener = UnixListener::bind(&path).unwrap();
    world.doctor(&control).await.has("control", "fail", &[&format!("process {}", std::process::id()), "listens there"]);
    drop(listener);
    world.doctor(&control).await.has("control", "ok", &["is free"]);
    fs::remove_file(&path).unwrap();
    fs::write(&path, "").unwrap();
    world.doctor(&control).await.has("control", "fail", &["no socket"]);
}
