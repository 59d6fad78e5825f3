//! What is wrong is told, all at once and where.

use super::*;

#[test]
fn tells_everything_that_is_wrong_at_once_with_line_key_and_the_nearest() {
    let yaml = "\
intervall: 10s
profile: semconv
engines:
  - name: a
    endpoint: unix:///a.sock
    timout: 3s
export:
  protcol: grpc
  compression: brotli
  timeout: soon
metrics:
  container.memory.usag: false
";
    let expected = "\
dockpulse.yaml:1:1: intervall: unknown key, did you mean interval? allowed: interval, profile, engines, containers, \
attributes, metrics, export, outbox, retract, status, control, telemetry, shutdown, log
dockpulse.yaml:6:5: engines[0].timout: unknown key, did you mean timeout? allowed: name, endpoint, context, tls, source, \
timeout, concurrency, api_version
dockpulse.yaml:8:3: export.protcol: unknown key, did you mean protocol? allowed: endpoint, protocol, headers, \
compression, timeout, tls, retry, max_request_bytes
dockpulse.yaml:9:3: export.compression: \"brotli\" is not known; allowed: auto, none, gzip, zstd
dockpulse.yaml:10:3: export.timeout: \"soon\": expected a duration like 10s, 300ms or 1m30s
dockpulse.yaml:12:3: metrics.container.memory.usag: unknown key, did you mean container.memory.usage?";
    assert_eq!(World::with(yaml).errors(), expected);
}

#[test]
fn a_path_for_a_key_is_told_how_to_write_it() {
    let yaml = "export.endpoint: http://a:1\nexport: { tls.ca_file: /ca.pem, a.b: c }\nexport.retry.max: 1s\n\"export.t\\fx\": 1";
    check(
        yaml,
        &[
            "1:1: export.endpoint: a key does not hold a path: write export: { endpoint: … }",
            "2:11: export.tls.ca_file: a key does not hold a path: write tls: { ca_file: … }",
            "2:33: export.a.b: unknown key; allowed: endpoint, protocol, headers, compression, timeout, tls, retry, max_request_bytes",
            "3:1: export.retry.max: a key does not hold a path: write export: { retry: { max: … } }",
            "4:1: export.t\\u{c}x: a key does not hold a path: write export: { t\\u{c}x: … }",
        ],
    );
}

#[test]
fn a_metric_of_another_profile_is_told_as_such() {
    check(
        "profile: docker_stats\nmetrics: {container.memory.usage: true, container.memory.usage.totl: true, container.pids.limit: true}",
        &[
            "2:11: metrics.container.memory.usage: a metric of the profile semconv, not of docker_stats, \
             did you mean container.memory.usage.total?",
            "2:41: metrics.container.memory.usage.totl: unknown key, did you mean container.memory.usage.total?",
        ],
    );
    check(
        "profile: docker_exporter\nmetrics: {container.pids.limit: true}",
        &[
            "2:11: metrics.container.pids.limit: a metric of the profile semconv and docker_stats, not of docker_exporter",
        ],
    );
}

#[test]
fn a_value_of_the_wrong_kind_is_told_what_is_wanted() {
    check("interval: [1]", &["1:1: interval: expected a duration like 10s, 300ms or 1m30s, found a list"]);
    check("interval: {a: 1}", &["1:1: interval: expected a duration like 10s, 300ms or 1m30s, found a table"]);
    check("engines: unix:///x", &["1:1: engines: expected a list, found a single value"]);
    check("engines: [unix:///x]", &["1:11: engines[0]: expected a table (key: value), found a single value"]);
    check("export: grpc", &["1:1: export: expected a table (key: value), found a single value"]);
    check(
        "profile: [semconv]",
        &["1:1: profile: expected one of semconv, docker_stats, docker_exporter, found a list"],
    );
    check("export: {headers: {a: }}", &["1:20: export.headers.a: expected a text, found nothing"]);
    check("- a\n- list", &["1:1: expected settings (key: value), found a list"]);
    check("just a text", &["1:1: expected settings (key: value), found a single value"]);
}

#[test]
fn a_value_that_cannot_be_read_is_told_what_is_wanted() {
    check("interval: soon", &["1:1: interval: \"soon\": expected a duration like 10s, 300ms or 1m30s"]);
    check("interval: 10", &["1:1: interval: \"10\": expected a duration like 10s, 300ms or 1m30s"]);
    check("interval: -1s", &["1:1: interval: \"-1s\": a duration is not negative"]);
    check("interval: 50ms", &["1:1: interval: 50ms is too small: 100ms or more"]);
    check(
        "profile: semconf",
        &[
            "1:1: profile: \"semconf\" is not known, did you mean semconv? allowed: semconv, docker_stats, docker_exporter",
        ],
    );
    check("retract: {on_shutdown: maybe}", &["1:11: retract.on_shutdown: \"maybe\": expected true or false"]);
    check("containers: {max: -3}", &["1:14: containers.max: \"-3\": expected a whole number, 0 or more"]);
    check("containers: {max: 0}", &["1:14: containers.max: 0 is not from 1 to 1000000"]);
    check(
        "export: {endpoint: 'not a url'}",
        &["1:10: export.endpoint: \"not a url\": expected http://HOST:PORT or https://HOST:PORT"],
    );
    check("export: {max_request_bytes: 20MiB}", &["1:10: export.max_request_bytes: 20MiB is not from 4KiB to 4MiB"]);
    check(
        "outbox: {memory_max_bytes: much}",
        &["1:10: outbox.memory_max_bytes: \"much\": expected a size like 512KiB, 2MiB or 3GiB"],
    );
    check("outbox: {memory_max_bytes: 1KiB}", &["1:10: outbox.memory_max_bytes: 1KiB is too small: 64KiB or more"]);
    check(
        "status: {listen: 9797}",
        &["1:10: status.listen: \"9797\": expected an address like 127.0.0.1:9797, or off"],
    );
    check("log: {level: loud}", &["1:7: log.level: \"loud\" is not known; allowed: error, warn, info, debug, trace"]);
}

#[test]
fn engines_have_to_be_there_reachable_and_distinct() {
    check("engines: []", &["1:1: engines: there has to be at least one engine; without this key it is the local one"]);
    check(
        "engines: [{endpoint: 'ftp://x'}]",
        &["1:12: engines[0].endpoint: \"ftp://x\": the scheme has to be unix, tcp, https or ssh"],
    );
    check(
        "engines: [{endpoint: 'ssh://me:canary@x'}]",
        &["1:12: engines[0].endpoint: \"ssh://***@x\": an ssh address must not hold a password"],
    );
    check(
        "engines:\n- {name: a, endpoint: 'tcp://a'}\n- {name: a, endpoint: 'tcp://b'}",
        &["3:4: engines[1].name: engines[0] has the same name"],
    );
    check(
        "engines:\n- {name: a, endpoint: 'tcp://a'}\n- {name: b, endpoint: 'tcp://a:2375'}",
        &["3:13: engines[1].endpoint: engines[0] is the same engine"],
    );
    check(
        "engines: [{name: ''}]",
        &["1:12: engines[0].name: a name must not be empty; leave the key out for the engine's host name"],
    );
    check(
        "engines: [{concurrency: 0, timeout: 0s}]",
        &["1:12: engines[0].concurrency: \"0\": expected auto, or a number from 1 to 1024"],
    );
    check("engines: [{timeout: 0s}]", &["1:12: engines[0].timeout: 0s is too small: 1ms or more"]);
    check(
        "engines: [{endpoint: 'tcp://x', tls: {ca_file: /ca.pem}}]",
        &["1:33: engines[0].tls: certificates are for an https:// endpoint"],
    );
    check(
        "engines: [{endpoint: 'ssh://x', tls: {ca_file: /ca.pem}}]",
        &["1:33: engines[0].tls: certificates are for an https:// endpoint"],
    );
    check(
        "engines: [{endpoint: 'ssh://x', source: stream}]",
        &["1:33: engines[0].source: stream needs a connection for each container: too many over ssh, use one_shot"],
    );
    check(
        "engines: [{context: a, endpoint: 'tcp://x'}]",
        &["1:12: engines[0].context: endpoint says where the engine is: leave one of the two out"],
    );
    check(
        "engines: [{endpoint: 'https://x', tls: {cert_file: /c.pem}}]",
        &["1:41: engines[0].tls.cert_file: needs key_file too"],
    );
}

#[test]
fn matchers_are_checked() {
    check(
        "containers: {include: [{nmae: x}]}",
        &["1:25: containers.include[0].nmae: unknown key, did you mean name? allowed: name, image, label, state"],
    );
    check("containers: {exclude: [{}]}", &["1:24: containers.exclude[0]: an entry holds name, image, label or state"]);
    check(
        "containers: {include: [{state: runing}]}",
        &[
            "1:25: containers.include[0].state: \"runing\" is not known, did you mean running? allowed: created, running, \
         paused, restarting, removing, exited, dead",
        ],
    );
    check(
        "containers: {include: [{name: /(/}]}",
        &["1:25: containers.include[0].name: \"/(/\": not a regular expression: unclosed group"],
    );
    check(
        "containers: {include: [{name: /web}]}",
        &[
            "1:25: containers.include[0].name: \"/web\": write it without the slash, or as a /regex/ with a slash at its end \
         too",
        ],
    );
    check(
        "containers: {include: [{label: =x}]}",
        &["1:25: containers.include[0].label: \"=x\": an empty pattern matches nothing"],
    );
    check("containers: {include: web}", &["1:14: containers.include: expected a list, found a single value"]);
}

#[test]
fn what_has_to_fit_together_is_checked() {
    check(
        "export: {retry: {initial: 10s, max: 1s}}",
        &["1:32: export.retry.max: must not be shorter than export.retry.initial"],
    );
    check("export: {tls: {key_file: k.pem}}", &["1:16: export.tls.key_file: needs cert_file too"]);
    check("export: {headers: {A: x, a: y}}", &["1:26: export.headers.a: given twice; letter case makes no difference"]);
    check("export: {headers: {'a b': x}}", &["1:20: export.headers.a b: not the name of a header"]);
    check(
        "export: {headers: {Content-Type: x}}",
        &["1:20: export.headers.Content-Type: dockpulse sets this header itself"],
    );
    check(
        "attributes: {labels: {team: ''}, resource: {container.command_lin: true}}",
        &[
            "1:23: attributes.labels.team: needs the name of its attribute",
            "1:45: attributes.resource.container.command_lin: unknown key, did you mean container.command_line?",
        ],
    );
}

#[test]
fn a_syntax_error_names_line_and_column() {
    check(
        "a: b: c",
        &[
            "1:5: not valid YAML: mapping values are not allowed in this context (a text with \": \" in it needs quotes, and \
         a key has to be on a line of its own)",
        ],
    );
    check(
        "interval: 1s\nexport:\n\tendpoint: x",
        &["3:2: not valid YAML: tabs disallowed within this context (block indentation) (the line begins with a tab: \
         indent with spaces)"],
    );
    check("interval: 1s\ninterval: 2s", &["2:1: given twice, first in line 1"]);
    check(
        "interval: 1s\n---\ninterval: 2s",
        &["2:1: not valid YAML: a settings file is one document: remove what follows from here on"],
    );
    check("? [a]\n: b", &["1:3: not valid YAML: a key is a single word"]);
}

#[test]
fn a_file_that_cannot_be_read_is_named() {
    let world = World::new().flags(flag(|f| f.config = Some("/nowhere/x.yaml".into())));
    assert!(world.errors().starts_with("/nowhere/x.yaml: cannot read the settings file: No such file"));
    let world = World::new();
    std::fs::create_dir(world.directory.path().join("dockpulse.yaml")).unwrap();
    assert!(world.errors().starts_with("dockpulse.yaml: cannot read the settings file: "));
    let world = World::with(&"#".repeat(2 << 20));
    assert_eq!(world.errors(), "dockpulse.yaml: cannot read the settings file: it has more than 1048576 bytes");
    let world = World::new();
    std::fs::write(world.directory.path().join("dockpulse.yaml"), [b'a', 0xff]).unwrap();
    assert_eq!(world.errors(), "dockpulse.yaml: cannot read the settings file: it is not UTF-8");
}

#[test]
fn a_hostile_file_is_refused_in_time() {
    let deep = format!("a: {}", "[".repeat(100));
    assert!(World::with(&deep).errors().contains("nested too deeply"));
    let blocks = "- ".repeat(100_000);
    assert!(World::with(&blocks).errors().contains("nested too deeply"));
    let mut laughs = "a0: &a0 [x,x,x,x,x,x,x,x,x]\n".to_owned();
    for i in 1..12 {
        let aliases = vec![format!("*a{}", i - 1); 9].join(",");
        laughs.push_str(&format!("a{i}: &a{i} [{aliases}]\n"));
    }
    assert!(World::with(&laughs).errors().contains("too large when its aliases are written out"));
    let toml = format!("a = {}{}", "[".repeat(60), "]".repeat(60));
    let world = World::new().file("dockpulse.toml", &toml);
    assert!(world.errors().contains("nested too deeply"));
}

#[test]
fn a_message_shows_no_control_characters_and_no_secrets() {
    let world = World::with("profile: \"\\e[2J\\u009b\"\n\"\\a\": 1").env(&[]);
    assert!(world.errors().chars().all(|c| c == '\n' || !c.is_control()));
    let secret = "export:\n  endpoint: http://me:canary@h\n  timeout: ${env:T}\n  headers: {a: \"${env:T}\\n\", b: [\"${env:T}\"]}";
    let errors = World::with(secret).env(&[("T", "canary")]).errors();
    assert!(!errors.contains("canary"), "{errors}");
    assert!(errors.contains("export.timeout: \"${env:T}\": expected a duration"), "{errors}");
    assert_eq!(errors.lines().count(), 4, "{errors}");
}

#[test]
fn a_small_file_does_not_become_a_large_one() {
    let text = "x".repeat(500_000);
    let aliases = vec!["*a"; 1000].join(",");
    let errors = World::with(&format!("a: &a {text}\nb: [{aliases}]\n")).errors();
    assert!(errors.contains("too large when its aliases are written out"), "{errors}");
    let nested = "&b [".repeat(20).replace("&b", "&b0");
    let errors = World::with(&format!("a: {nested}{text}{}\n", "]".repeat(20))).errors();
    assert!(errors.contains("too large when its aliases are written out"), "{errors}");
    let many = format!("x = [{}]\n", "1,".repeat(20_000));
    let errors = World::new().file("dockpulse.toml", &many).errors();
    assert!(errors.contains("more than any settings are"), "{errors}");
}

#[test]
fn a_key_is_no_longer_than_any_name() {
    for (name, text) in [("dockpulse.yaml", ": {a: 1}"), ("dockpulse.toml", " = 1")] {
        let world = |bytes| World::new().file(name, &format!("{}{text}\n", "k".repeat(bytes)));
        let errors = world(256).errors();
        assert!(errors.contains(":1:1") && errors.contains("a key has at most 255 bytes"), "{errors}");
        assert!(world(255).errors().contains("unknown key"), "{}", world(255).errors());
    }
}
