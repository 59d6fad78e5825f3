//! The examples, and the settings printed.

use super::*;

#[test]
fn the_documented_example_is_the_default_file_and_changes_nothing() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/dockpulse.yaml");
    let text = std::fs::read_to_string(path).unwrap();
    assert_eq!(text, default_file(), "write it again with `dockpulse config default > examples/dockpulse.yaml`");
    assert_eq!(good(&text).export.metrics_url, Settings::default().export.metrics_url);
    assert_eq!(good(&text), Settings::default());
}

#[test]
fn the_minimal_example_is_right() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/minimal.yaml");
    let world = World::new().flags(flag(|f| f.config = Some(path)));
    assert_eq!(world.settings().export.metrics_url.to_string(), "http://localhost:4317");
}

#[test]
fn what_is_in_effect_is_printed_with_origins_and_without_secrets() {
    let world = World::with(
        "interval: 7s\nengines: [{name: 'a'}, {endpoint: 'tcp://b'}]\n\
                             export: {headers: {authorization: Bearer canary, x-api-key: '${env:KEY}'}}",
    )
    .env(&[("KEY", "canary"), ("DOCKPULSE_PROFILE", "docker_stats"), ("DOCKPULSE_EXPORT__TIMEOUT", "9s")]);
    let loaded = world.loaded();
    let text = print(&loaded).replace(&format!("{}/", world.directory.path().display()), "");
    assert!(!text.contains("canary") && !format!("{loaded:?} {world:?}", world = world.sources).contains("canary"));
    for line in [
        "interval: 7s  # dockpulse.yaml:1:1",
        "profile: docker_stats  # DOCKPULSE_PROFILE",
        "  - name: a  # dockpulse.yaml:2:12",
        "    endpoint: tcp://b:2375  # dockpulse.yaml:2:25",
        "    authorization: \"***\"  # dockpulse.yaml:3:20",
        "    x-api-key: \"***\"  # dockpulse.yaml:3:50",
        "  timeout: 9s  # DOCKPULSE_EXPORT__TIMEOUT",
        "  endpoint: http://localhost:4317  # default",
        "  listen: 127.0.0.1:9797  # default",
    ] {
        assert!(text.lines().any(|l| l == line), "no {line:?} in\n{text}");
    }
}

#[test]
fn what_is_printed_can_be_read_again() {
    let yaml = "interval: 7s\nengines: [{name: 'off', endpoint: 'unix:///x'}, {name: 'a: b', endpoint: 'tcp://b'}]\n\
                containers: {include: [{name: web-*, state: running}, {label: 'a=*'}]}\nmetrics: {container.cpu.time: true}";
    let world = World::with(yaml);
    let again = World::with(&print(&world.loaded()));
    let mut expected = world.settings();
    expected.export.endpoint = Some(expected.export.base_url.clone());
    assert_eq!(again.settings(), expected);
}
