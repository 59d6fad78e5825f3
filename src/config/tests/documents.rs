//! The examples, and the settings printed.

use std::collections::BTreeSet;

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
        let (value, origin) = line.split_once("  # ").unwrap();
        let is_it = |(v, o): (&str, &str)| (v.trim_end(), o) == (value, origin);
        assert!(text.lines().filter_map(|l| l.split_once("  # ")).any(is_it), "no {line:?} in\n{text}");
    }
    let columns: BTreeSet<Option<usize>> = text.lines().map(|line| line.find("# ")).filter(Option::is_some).collect();
    assert_eq!(columns.len(), 1, "origins stand one below the other:\n{text}");
}

#[test]
fn what_is_in_effect_can_be_had_for_programs_and_has_no_secrets_either() {
    let world = World::with("engines: [{endpoint: 'tcp://b'}]\nexport: {headers: {authorization: Bearer canary}}");
    let printed = print_json(&world.loaded());
    let settings = &printed["settings"];
    let file = world.directory.path().join("dockpulse.yaml");
    assert_eq!(printed["file"], file.to_string_lossy().as_ref());
    assert_eq!(settings["interval"], serde_json::json!({ "value": "10s", "origin": "default" }));
    let at = |place: &str| format!("{}:{place}", file.display());
    let engine = serde_json::json!({ "value": "tcp://b:2375", "origin": at("1:12") });
    assert_eq!(settings["engines[0].endpoint"], engine);
    let header = serde_json::json!({ "value": "***", "origin": at("2:20") });
    assert_eq!(settings["export.headers.authorization"], header);
    assert_eq!(settings["containers.include"]["value"], serde_json::json!([]));
    assert!(!printed.to_string().contains("canary"));
}

#[test]
fn a_value_that_is_long_does_not_move_the_origins_of_all_others() {
    let path = "/a".repeat(60);
    let text = print(&World::with(&format!("outbox: {{ directory: {path} }}")).loaded());
    let column = |of: &str| text.lines().find(|line| line.contains(of)).and_then(|line| line.find("  # ")).unwrap();
    assert!(column("interval:") < 60 && column(&path) > 120, "{text}");
}

#[test]
fn the_keys_that_differ_are_named_and_what_a_file_has_by_now_is_none() {
    let world = |text: &str| World::with(text).file("token", "a");
    let old = world("export: { headers: { authorization: '${file:token}', x-a: '1' } }");
    let before = old.settings();
    std::fs::write(old.directory.path().join("token"), "b").unwrap();
    assert_ne!(before, old.settings());
    assert_eq!(before.differences(&old.settings()), Vec::<String>::new());
    for (text, keys) in [
        ("export: { headers: { authorization: '${file:token}', x-a: '2' } }", vec!["export.headers"]),
        ("export: { headers: { authorization: 'x${file:token}', x-a: '1' } }", vec!["export.headers"]),
        ("export: { headers: { authorization: 'a', x-a: '1' } }", vec!["export.headers"]),
        (
            "interval: 1s\nengines: [{ name: a }]\nlog: { level: error }\nretract: { list_failure_grace: 1s }",
            vec!["interval", "engines", "export.headers", "retract.list_failure_grace", "log.level"],
        ),
    ] {
        let folder = old.directory.path();
        std::fs::write(folder.join("dockpulse.yaml"), text).unwrap();
        assert_eq!(before.differences(&old.settings()), keys, "{text}");
    }
}

#[test]
fn a_file_has_another_fingerprint_once_something_else_is_in_it_or_another_is_found() {
    let world = World::new();
    let print = || fingerprint(&world.sources);
    let path = world.directory.path().join("dockpulse.yaml");
    let nothing = print();
    assert_eq!(print(), nothing);
    std::fs::write(&path, "interval: 1s").unwrap();
    let one = print();
    std::fs::write(&path, "interval: 2s").unwrap();
    let two = print();
    // As a volume of Kubernetes does it: the name is a link, which is moved.
    let other = world.directory.path().join("other");
    std::fs::write(&other, "interval: 3s").unwrap();
    std::fs::remove_file(&path).unwrap();
    std::os::unix::fs::symlink(&other, &path).unwrap();
    let three = print();
    std::fs::remove_file(&other).unwrap();
    let gone = print();
    let all: BTreeSet<u64> = [nothing, one, two, three].into();
    assert_eq!((all.len(), gone), (4, nothing), "each is another");
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

#[test]
fn what_looks_like_a_variable_is_printed_so_that_it_loads_as_the_same() {
    let world = World::with("outbox: { directory: \"/var/a$${literal}$$${x\" }");
    let text = print(&world.loaded());
    assert!(text.contains("directory: \"/var/a$${literal}$$${x\""), "{text}");
    let again = World::with(&text).loaded();
    assert_eq!(again.settings.outbox.directory, world.loaded().settings.outbox.directory);
}
