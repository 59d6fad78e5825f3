//! Files that are right.

use super::*;

#[test]
fn without_any_source_the_defaults_count() {
    let loaded = World::new().loaded();
    assert_eq!(loaded.settings, Settings::default());
    assert_eq!((loaded.file, loaded.warnings), (None, vec![]));
    assert!(loaded.origins.is_default("status.listen"));
}

#[test]
fn empty_files_and_keys_without_value_leave_the_defaults() {
    for yaml in ["", "# nothing\n", "---\n", "export:\n", "export: {tls: {ca_file: , cert_file: ~}, headers: null}"] {
        assert_eq!(good(yaml), Settings::default(), "{yaml}");
    }
    let world = World::with("export: {tls: {ca_file: }}").env(&[("OTEL_EXPORTER_OTLP_CERTIFICATE", "/ca.pem")]);
    assert_eq!(world.settings().export.tls.ca_file, Some("/ca.pem".into()));
}

const EVERY_KEY: &str = "\
interval: 5s
profile: docker_stats
engines:
  - { name: a, endpoint: 'tcp://127.0.0.1:2375', source: two_sample, timeout: 2s, concurrency: 3, api_version: 1.40 }
  - { endpoint: 'https://h', tls: { ca_file: ca.pem, cert_file: c.pem, key_file: k.pem } }
containers:
  include: [ { name: web-*, state: running }, { label: tier=back } ]
  exclude: [ { image: /nginx/ } ]
  stopped: false
  max: 5
attributes:
  resource: { container.command_line: true }
  labels: { com.example.team: team }
  env: { REGION: cloud.region }
  on_points: [ container.name ]
metrics: { container.pids.limit: false }
export:
  endpoint: https://otel:4318/base
  protocol: http/protobuf
  headers: { authorization: Bearer x, x-version: 1.10 }
  compression: zstd
  timeout: 3s
  tls: { ca_file: ca.pem, cert_file: c.pem, key_file: k.pem, insecure_skip_verify: true }
  retry: { initial: 100ms, max: 500ms, give_up_after: 1h }
  max_request_bytes: 12KiB
outbox: { directory: /var/lib/dockpulse, max_bytes: 1GiB, memory_max_bytes: 128KiB }
retract: { on_shutdown: false, list_failure_grace: 1500ms }
status: { listen: 'off' }
control: { listen: unix:///tmp/c.sock }
telemetry: { metrics: false, traces: false, sampling: 0.25, logs: true }
shutdown: { timeout: 3s }
log: { level: debug, format: json }
";

#[test]
fn every_key_of_who_is_watched_is_read() {
    let settings = good(EVERY_KEY);
    let millis = Duration::from_millis;
    assert_eq!((settings.interval, settings.profile), (millis(5000), Profile::DockerStats));
    let [a, b] = &settings.engines[..] else { panic!("two engines") };
    assert_eq!((a.name.as_deref(), a.timeout, a.concurrency), (Some("a"), millis(2000), Concurrency::Fixed(3)));
    assert_eq!((a.endpoint.to_string().as_str(), a.source), ("tcp://127.0.0.1:2375", EngineSource::TwoSample));
    assert_eq!(a.api_version.map(|v| v.to_string()).as_deref(), Some("1.40"));
    assert_eq!((&b.name, b.tls.key_file.as_deref()), (&None, Some(Path::new("k.pem"))));
    assert_eq!((settings.containers.include.len(), settings.containers.include[0].0.len()), (2, 2));
    assert_eq!((settings.containers.stopped, settings.containers.max), (false, 5));
    assert_eq!(settings.containers.exclude[0].0[0].to_string(), "image: /nginx/");
    assert_eq!(settings.attributes.labels["com.example.team"], "team");
    assert_eq!(settings.attributes.env["REGION"], "cloud.region");
    assert_eq!((settings.attributes.resource.len(), settings.attributes.on_points.len()), (1, 1));
    assert!(!settings.metrics["container.pids.limit"]);
}

#[test]
fn every_key_of_where_it_goes_is_read() {
    let settings = good(EVERY_KEY);
    let millis = Duration::from_millis;
    let export = &settings.export;
    assert_eq!((export.protocol, export.compression), (Protocol::HttpProtobuf, Compression::Zstd));
    assert_eq!(export.headers["x-version"].expose(), "1.10");
    assert_eq!(export.metrics_url.to_string(), "https://otel:4318/base/v1/metrics");
    assert_eq!(export.base_url.to_string(), "https://otel:4318/base");
    assert_eq!((export.timeout, export.max_request_bytes), (millis(3000), ByteSize(12 << 10)));
    assert_eq!((export.retry.initial, export.retry.max), (millis(100), millis(500)));
    assert_eq!((export.retry.give_up_after, export.tls.insecure_skip_verify), (millis(3_600_000), true));
    assert_eq!(settings.outbox.directory.as_deref(), Some(Path::new("/var/lib/dockpulse")));
    assert_eq!((settings.outbox.max_bytes, settings.outbox.memory_max_bytes), (ByteSize(1 << 30), ByteSize(128 << 10)));
    assert_eq!((settings.retract.on_shutdown, settings.retract.list_failure_grace), (false, millis(1500)));
    assert_eq!(
        (settings.status.listen, settings.control.listen.to_string().as_str()),
        (WebListen::Off, "unix:///tmp/c.sock")
    );
    let Telemetry { metrics, traces, sampling, logs } = settings.telemetry;
    assert_eq!((metrics, traces, sampling.as_f64(), logs), (false, false, 0.25, true));
    assert_eq!((settings.shutdown.timeout, settings.log.level), (millis(3000), LogLevel::Debug));
    assert_eq!(settings.log.format, LogFormat::Json);
}

#[test]
fn aliases_and_quoted_texts_are_yaml_as_usual() {
    let settings = good("containers: {include: &a [{name: web}], exclude: *a}\nlog: {level: \"debug\"}");
    assert_eq!(settings.containers.include, settings.containers.exclude);
    assert_eq!(settings.log.level, LogLevel::Debug);
    assert_eq!(good("\u{feff}interval: 3s\r\nlog:\r\n  level: warn\r\n").log.level, LogLevel::Warn);
}

#[test]
fn toml_is_read_too_and_its_errors_have_lines() {
    let toml = "interval = \"300ms\"\n[[engines]]\nname = \"e\"\nendpoint = \"unix:///e.sock\"\n[export]\nprotocol = \
                \"http/protobuf\"\nheaders.a = \"b\"\n[containers]\nmax = 0x10\nstopped = false\n";
    let settings = World::new().file("dockpulse.toml", toml).settings();
    assert_eq!((settings.interval, settings.containers.max), (Duration::from_millis(300), 16));
    assert_eq!((settings.engines[0].name.as_deref(), settings.containers.stopped), (Some("e"), false));
    let toml = "intervall = \"1s\"\n[[engines]]\nname = \"e\"\n[[engines]]\ntimout = \"1s\"\n[export]\n  timeout = 3\n";
    let errors = World::new().file("dockpulse.toml", toml).errors();
    let places: Vec<_> = errors.lines().map(|line| line.split(": ").take(2).collect::<Vec<_>>().join(" ")).collect();
    assert_eq!(
        places,
        ["dockpulse.toml:1:1 intervall", "dockpulse.toml:5:1 engines[1].timout", "dockpulse.toml:7:3 export.timeout"]
    );
    let errors = World::new().file("dockpulse.toml", "interval = 1s\n").errors();
    assert!(errors.starts_with("dockpulse.toml:1:") && errors.contains("not valid TOML: "), "{errors}");
}

#[test]
fn the_file_is_looked_for_here_and_then_in_the_system() {
    let world = World::new().file("etc/dockpulse.yaml", "interval: 1s");
    assert_eq!(world.settings().interval, Duration::from_secs(1));
    let world = world.file("dockpulse.toml", "interval = \"2s\"");
    assert_eq!(world.settings().interval, Duration::from_secs(2));
    let world = world.file("dockpulse.yml", "interval: 3s").file("dockpulse.yaml", "interval: 4s");
    assert_eq!(world.settings().interval, Duration::from_secs(4));
    let world = world.file("other.yaml", "interval: 5s").flags(flag(|f| f.config = Some("other.yaml".into())));
    assert_eq!(world.settings().interval, Duration::from_secs(5));
    assert_eq!(world.loaded().file.as_deref(), Some(Path::new("other.yaml")));
}

#[test]
fn values_expand_from_variables_and_files() {
    let world = World::with(
        "export:\n  headers:\n    x-tenant: ${env:TENANT}\n    authorization: Bearer ${file:token}\n  \
                             timeout: ${env:TIMEOUT}\nretract: {on_shutdown: '${env:KEEP}'}",
    )
    .file("token", "s3cret\n")
    .env(&[("TENANT", "blue"), ("TIMEOUT", "7s"), ("KEEP", "false")]);
    let settings = world.settings();
    assert_eq!(settings.export.headers["x-tenant"].expose(), "blue");
    assert_eq!(settings.export.headers["authorization"].expose(), "Bearer s3cret");
    assert_eq!((settings.export.timeout, settings.retract.on_shutdown), (Duration::from_secs(7), false));
    check(
        "export: {headers: {a: '${env:NOT_THERE}'}}",
        &["1:23: export.headers.a: ${env:NOT_THERE}: the variable NOT_THERE is not set"],
    );
}
