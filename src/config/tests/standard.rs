//! The variables of OpenTelemetry.

use super::*;

#[test]
fn the_exporter_s_variables_are_settings_and_those_for_metrics_win() {
    let settings = World::new()
        .env(&[
            ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"),
            ("OTEL_EXPORTER_OTLP_METRICS_PROTOCOL", "http/protobuf"),
            ("OTEL_EXPORTER_OTLP_HEADERS", "x-a=1,x-b=two%20words"),
            ("OTEL_EXPORTER_OTLP_COMPRESSION", "gzip"),
            ("OTEL_EXPORTER_OTLP_METRICS_COMPRESSION", ""),
            ("OTEL_EXPORTER_OTLP_TIMEOUT", "2500"),
            ("OTEL_EXPORTER_OTLP_CERTIFICATE", "/ca.pem"),
            ("OTEL_EXPORTER_OTLP_CLIENT_KEY", "/k.pem"),
            ("OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE", "/c.pem"),
            ("OTEL_METRIC_EXPORT_INTERVAL", "500"),
            ("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment.name=prod,note=a%2Cb%3Dc"),
            ("OTEL_SERVICE_NAME", "watcher"),
        ])
        .settings();
    let export = &settings.export;
    assert_eq!((export.protocol, export.compression), (Protocol::HttpProtobuf, Compression::Gzip));
    assert_eq!((export.headers["x-a"].expose(), export.headers["x-b"].expose()), ("1", "two words"));
    assert_eq!((export.timeout, settings.interval), (Duration::from_millis(2500), Duration::from_millis(500)));
    let file = |path: &Option<PathBuf>| path.as_ref().unwrap().display().to_string();
    let files = [file(&export.tls.ca_file), file(&export.tls.cert_file), file(&export.tls.key_file)];
    assert_eq!(files, ["/ca.pem", "/c.pem", "/k.pem"]);
    assert_eq!(settings.standard.resource[1], ("note".to_owned(), "a,b=c".to_owned()));
    assert_eq!(settings.standard.service_name.as_deref(), Some("watcher"));
}

#[test]
fn each_variable_of_the_exporter_has_one_for_metrics_that_wins() {
    for (name, generic, metrics) in [
        ("ENDPOINT", "http://a:1", "http://b:1"),
        ("PROTOCOL", "grpc", "http/protobuf"),
        ("HEADERS", "x-a=1", "x-b=2"),
        ("COMPRESSION", "gzip", "zstd"),
        ("TIMEOUT", "1000", "2000"),
        ("CERTIFICATE", "/a", "/b"),
        ("CLIENT_CERTIFICATE", "/a", "/b"),
        ("CLIENT_KEY", "/a", "/b"),
        ("INSECURE", "true", "false"),
    ] {
        let names = [format!("OTEL_EXPORTER_OTLP_{name}"), format!("OTEL_EXPORTER_OTLP_METRICS_{name}")];
        // A pair has to be whole, and only an address without a scheme is insecure.
        let whole = [
            ("OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE", "/x"),
            ("OTEL_EXPORTER_OTLP_CLIENT_KEY", "/x"),
            ("OTEL_EXPORTER_OTLP_ENDPOINT", "c:1"),
        ];
        let read = |own: &[(&str, &str)]| World::new().env(&[&whole, own].concat()).settings().export;
        let alone = read(&[(&names[1], metrics)]);
        assert_eq!(read(&[(&names[0], generic), (&names[1], metrics)]).metrics_url, alone.metrics_url, "{name}");
        let (both, generic) = (read(&[(&names[0], generic), (&names[1], metrics)]), read(&[(&names[0], generic)]));
        let shown = |export: &crate::config::Export| {
            let headers: Vec<_> = export.headers.iter().map(|(k, v)| format!("{k}={}", v.expose())).collect();
            let crate::config::Export { metrics_url, protocol, compression, timeout, tls, .. } = export;
            format!("{metrics_url} {protocol} {headers:?} {compression} {timeout:?} {tls:?}")
        };
        assert_eq!(shown(&both), shown(&alone), "{name}");
        assert_ne!(shown(&both), shown(&generic), "{name}");
    }
}

#[test]
fn the_address_for_metrics_alone_is_used_as_it_is_unless_a_higher_layer_has_one() {
    let env = [
        ("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", "http://metrics:1/x"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://all:1"),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf"),
    ];
    let export = World::new().env(&env).settings().export;
    assert_eq!(
        (export.metrics_url.to_string(), export.base_url.to_string()),
        ("http://metrics:1/x".into(), "http://metrics:1/x".into())
    );
    let export = World::with("export: {endpoint: 'http://file:1'}").env(&env).settings().export;
    assert_eq!(export.metrics_url.to_string(), "http://file:1/v1/metrics");
    let bad = World::new().env(&[("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", "ftp://x")]);
    assert_eq!(bad.errors(), "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT: the scheme has to be http or https");
}

#[test]
fn without_a_scheme_the_variable_says_whether_to_encrypt() {
    for (insecure, expected) in [("", "https://c:4317"), ("false", "https://c:4317"), ("true", "http://c:4317")] {
        let env = [("OTEL_EXPORTER_OTLP_ENDPOINT", "c:4317"), ("OTEL_EXPORTER_OTLP_INSECURE", insecure)];
        assert_eq!(World::new().env(&env).settings().export.metrics_url.to_string(), expected, "{insecure}");
    }
}

#[test]
fn a_standard_value_that_is_not_understood_is_left_out_with_a_warning_that_does_not_repeat_it() {
    for (name, value) in [
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "canary"),
        ("OTEL_EXPORTER_OTLP_COMPRESSION", "canary"),
        ("OTEL_EXPORTER_OTLP_TIMEOUT", "canary"),
        ("OTEL_EXPORTER_OTLP_TIMEOUT", "0"),
        ("OTEL_METRIC_EXPORT_INTERVAL", "50"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "canary"),
        ("OTEL_RESOURCE_ATTRIBUTES", "a=1,b=%canary"),
    ] {
        let loaded = World::new().env(&[(name, value)]).loaded();
        assert_eq!(loaded.settings, Settings::default(), "{name}");
        let [warning] = &loaded.warnings[..] else { panic!("{name}: one warning") };
        let line = warning.to_string();
        assert!(line.starts_with(name) && !line.contains("canary"), "{line}");
    }
}

#[test]
fn odd_settings_are_warned_of() {
    let loaded =
        World::with("export: {endpoint: 'https://c:4317/v1/metrics', tls: {insecure_skip_verify: true}}").loaded();
    let lines: Vec<_> = loaded.warnings.iter().map(|warning| warning.to_string()).collect();
    assert!(lines[0].contains(":1:10: export.endpoint: the path is not used with grpc"), "{lines:?}");
    assert!(lines[1].contains("the collector's certificate is not verified"), "{lines:?}");
    let loaded = World::with("export: {endpoint: 'http://c:4317', tls: {ca_file: /ca.pem}}").loaded();
    let [warning] = &loaded.warnings[..] else { panic!("one warning") };
    assert!(warning.to_string().contains("export.tls: not used, because export.endpoint is not https://"), "{warning}");
}

#[test]
fn the_proxies_of_the_environment_are_no_keys_and_are_not_shown() {
    let env =
        [("https_proxy", "http://user:canary@p:3128"), ("NO_PROXY", "a,b"), ("OTEL_EXPORTER_OTLP_ENDPOINT", "c:1")];
    let loaded = World::new().env(&env).loaded();
    let proxies = &loaded.settings.export.proxies;
    assert_eq!(proxies.https.as_ref().map(|p| p.expose()), Some("http://user:canary@p:3128"));
    assert_eq!((&proxies.http, proxies.no.as_str()), (&None, "a,b"));
    assert!(!format!("{loaded:?} {}", crate::config::print(&loaded)).contains("canary"));
}

#[test]
fn the_sampler_s_variables_choose_the_share_of_traces_that_is_sent() {
    let read = |sampler: &str, share: Option<&str>| {
        let share = share.map(|share| ("OTEL_TRACES_SAMPLER_ARG", share));
        let pairs: Vec<_> = share.into_iter().chain([("OTEL_TRACES_SAMPLER", sampler)]).collect();
        let loaded = World::new().env(&pairs).loaded();
        let Telemetry { traces, sampling, .. } = loaded.settings.telemetry;
        (traces, sampling.as_f64(), loaded.warnings.len())
    };
    assert_eq!(read("always_on", None), (true, 1.0, 0));
    assert_eq!(read("parentbased_always_off", None), (false, 1.0, 0));
    assert_eq!(read("traceidratio", Some("0.25")), (true, 0.25, 0));
    assert_eq!(read("parentbased_traceidratio", Some("0")), (true, 0.0, 0));
    assert_eq!(read("traceidratio", None), (true, 1.0, 0));
    for share in ["2", "-1", "NaN", "half"] {
        assert_eq!(read("traceidratio", Some(share)), (true, 1.0, 1), "{share}");
    }
    assert_eq!(read("xray", Some("0.5")), (true, 1.0, 1));
    let world = World::with("telemetry: { sampling: 0.5, traces: true }");
    let telemetry = world.env(&[("OTEL_TRACES_SAMPLER", "always_off")]).settings().telemetry;
    assert_eq!((telemetry.traces, telemetry.sampling.as_f64()), (true, 0.5), "the file wins");
}
