//! Mistakes on the engine's side.

use std::time::Duration;

use crate::World;
use crate::scripted::{Call, Engine, Fault};

const FORBIDDEN: Fault = Fault::Status(403, r#"{"message":"Forbidden"}"#);

#[tokio::test]
async fn an_engine_that_is_gone_is_named_with_its_socket() {
    let mut world = World::new().await;
    world.engine.stop().await;
    let socket = world.engine.socket().to_str().unwrap().to_owned();
    world.doctor(&[]).await.only("reachable", "fail", &[&socket, "refused", "is the engine running"]);
    std::fs::remove_file(world.engine.socket()).unwrap();
    world.doctor(&[]).await.only("reachable", "fail", &[&socket, "No such file"]);
}

#[tokio::test]
async fn what_a_socket_proxy_forbids_is_told_with_what_is_missing() {
    let world = World::new().await;
    for (call, check, status, words) in [
        (Call::Events, "events", "warn", ["next probe only", "EVENTS=1"]),
        (Call::Info, "info_call", "warn", ["host.name", "INFO=1"]),
        (Call::Version, "version_call", "warn", ["/version", "VERSION=1"]),
        (Call::Inspect, "inspect", "warn", ["start times", "CONTAINERS=1"]),
        (Call::Stats, "source", "fail", ["gives no numbers", "CONTAINERS=1"]),
        (Call::List, "list", "fail", ["no containers", "CONTAINERS=1"]),
    ] {
        world.engine.fail(call, None, FORBIDDEN);
        world.doctor(&[]).await.only(check, status, &words);
        world.engine.heal(call);
    }
}

#[tokio::test]
async fn an_engine_that_hangs_is_not_waited_for_for_long() {
    let world = World::new().await;
    for (call, check, status) in
        [(Call::Ping, "reachable", "fail"), (Call::List, "list", "fail"), (Call::Events, "events", "warn")]
    {
        world.engine.fail(call, None, Fault::Hang);
        world.doctor(&[]).await.only(check, status, &["no whole answer within 1.0 s"]);
        world.engine.heal(call);
    }
    let slow = format!("[{{name: e, endpoint: {}}}]", world.engine.endpoint());
    world.engine.fail(Call::Stats, None, Fault::Hang);
    world.doctor(&[("DOCKPULSE_ENGINES", &slow)]).await.only("source", "fail", &["no whole answer"]);
}

#[tokio::test]
async fn one_container_that_gives_no_numbers_is_no_mistake_of_all() {
    let world = World::new().await;
    world.engine.run("db");
    world.engine.fail(Call::Stats, Some("web"), Fault::Status(500, r#"{"message":"odd"}"#));
    for source in ["auto", "two_sample"] {
        let engine = format!("[{{name: e, endpoint: {}, timeout: 1s, source: {source}}}]", world.engine.endpoint());
        let said = world.doctor(&[("DOCKPULSE_ENGINES", &engine)]).await;
        said.only("source", "warn", &["1 call gave numbers, but not all did", "500"]);
    }
    world.engine.fail(Call::Stats, Some("web"), Fault::Hang);
    let slow = format!("[{{name: e, endpoint: {}}}]", world.engine.endpoint());
    let said = world.doctor(&[("DOCKPULSE_ENGINES", &slow)]).await;
    // The others had time, whichever container they were tried with.
    said.only("source", "warn", &["within 4.0 s", "works: one_shot in "]);
}

#[tokio::test]
async fn an_engine_that_is_slow_is_told_by_its_numbers() {
    let world = World::new().await;
    world.engine.fail(Call::List, None, Fault::Slow(Duration::from_millis(700)));
    world.doctor(&[("DOCKPULSE_INTERVAL", "1s")]).await.has("list", "warn", &["more than half the interval"]);
}

#[tokio::test]
async fn a_clock_that_is_ahead_is_noticed_by_the_samples() {
    let world = World::new().await;
    let stats =
        r#"{"read":"2099-01-01T00:00:00Z","cpu_stats":{"cpu_usage":{"total_usage":3}},"memory_stats":{"usage":2}}"#;
    world.engine.change("web", |web| web.stats = Some(stats.into()));
    world.doctor(&[]).await.only("clock", "warn", &["ahead of ours", "time server"]);
}

#[tokio::test]
async fn one_engine_that_is_given_twice_and_two_that_look_alike() {
    let world = World::new().await;
    let link = world.folder.path().join("link.sock");
    std::fs::hard_link(world.engine.socket(), &link).unwrap();
    let twice = format!(
        "[{{name: a, endpoint: {}}}, {{name: b, endpoint: unix://{}}}]",
        world.engine.endpoint(),
        link.display()
    );
    world.doctor(&[("DOCKPULSE_ENGINES", &twice)]).await.only(
        "identity",
        "fail",
        &["engine a and engine b list 1 containers both"],
    );
    let other = Engine::start();
    let alike = format!("[{{endpoint: {}}}, {{endpoint: {}}}]", world.engine.endpoint(), other.endpoint());
    let said = world.doctor(&[("DOCKPULSE_ENGINES", &alike)]).await;
    said.only("identity", "warn", &["are all called host-1", "engines[].name"]);
}
