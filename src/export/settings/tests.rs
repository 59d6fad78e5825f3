//! Which export settings are taken, and what is said of the others.

use super::*;

fn at(endpoint: &str) -> Settings {
    Settings { endpoint: endpoint.to_owned(), ..Settings::default() }
}

#[test]
fn the_defaults_are_those_of_the_contract() {
    let settings = Settings::default();
    assert_eq!(settings.endpoint, "http://localhost:4317");
    assert_eq!(settings.protocol, Protocol::Grpc);
    assert_eq!(settings.compression, Compression::Auto);
    assert_eq!(settings.timeout.as_secs(), 10);
    assert_eq!(settings.retry.backoff.initial.as_secs(), 1);
    assert_eq!(settings.retry.backoff.max.as_secs(), 30);
    assert_eq!(settings.retry.give_up_after, Duration::ZERO);
    assert_eq!(settings.max_request_bytes, 2 * 1024 * 1024);
}

#[test]
fn the_path_for_metrics_is_appended_to_a_base_url() {
    for (base, url) in [
        ("http://host:4318", "http://host:4318/v1/metrics"),
        ("http://host:4318/", "http://host:4318/v1/metrics"),
        ("http://h/x/", "http://h/x/v1/metrics"),
        ("http://h/x", "http://h/x/v1/metrics"),
        ("http://h/x?token=1", "http://h/x/v1/metrics?token=1"),
    ] {
        assert_eq!(metrics_url(base), url);
    }
}

#[test]
fn an_endpoint_has_to_be_a_url_that_can_be_reached() {
    assert!(at("http://collector:4317").uri().is_ok());
    assert!(at(" http://[::1]:4317/prefix ").uri().is_ok());
    assert!(matches!(at("https://collector:4317").uri(), Err(SettingsError::Tls { .. })));
    for bad in ["", "collector:4317", "collector", "ftp://collector", "http://", "http:///x", "unix:///run/x", "::"] {
        assert!(matches!(at(bad).uri(), Err(SettingsError::Endpoint { .. })), "{bad}");
    }
}

#[test]
fn credentials_in_an_endpoint_are_refused_and_not_shown() {
    for url in ["http://user:hunter2@collector:4317", "https://hunter2@collector"] {
        let error = at(url).uri().unwrap_err();
        assert!(!format!("{error} {error:?}").contains("hunter2"), "{error:?}");
    }
}

#[test]
fn an_endpoint_is_shown_without_its_query() {
    let shown = |url: &str| shown_endpoint(&url.parse().unwrap()).to_string();
    assert_eq!(shown("http://collector:4318/v1/metrics?token=hunter2"), "http://collector:4318/v1/metrics");
    assert_eq!(shown("http://collector:4317"), "http://collector:4317");
}

#[test]
fn compresses_on_its_own_only_on_the_way_to_another_host() {
    let gzip = |url: &str| at(url).gzip(&url.parse().unwrap());
    for near in
        ["http://localhost:4317", "http://LocalHost", "http://127.0.0.1:4317", "http://127.9.9.9", "http://[::1]:4317"]
    {
        assert!(!gzip(near), "{near}");
    }
    for far in
        ["http://collector:4317", "http://10.0.0.1:4317", "http://localhost.example", "http://[2001:db8::1]:4317"]
    {
        assert!(gzip(far), "{far}");
    }
    let url: Uri = "http://collector".parse().unwrap();
    assert!(!Settings { compression: Compression::None, ..Settings::default() }.gzip(&url));
    let url: Uri = "http://localhost".parse().unwrap();
    assert!(Settings { compression: Compression::Gzip, ..Settings::default() }.gzip(&url));
}

#[test]
fn header_values_are_shown_nowhere() {
    let headers = Headers::try_new([("authorization", "Bearer hunter2")]).unwrap();
    let settings = Settings { headers, ..Settings::default() };
    assert!(settings.headers.map().values().all(HeaderValue::is_sensitive));
    let shown = format!("{settings:?} {:?}", settings.headers.map());
    assert!(!shown.contains("hunter2") && shown.contains("authorization"), "{shown}");
    let error = Headers::try_new([("x-token", "hunter2\n")]).unwrap_err();
    assert!(!format!("{error} {error:?}").contains("hunter2"));
}

#[test]
fn a_header_that_would_break_the_request_is_refused_by_name() {
    for name in
        ["content-type", "Content-Encoding", "grpc-timeout", "te", "host", "user-agent", "x-bin", "bad name", ""]
    {
        let error = Headers::try_new([(name, "x")]).unwrap_err();
        assert!(error.to_string().contains(name), "{error}");
    }
    assert!(Headers::try_new([("x-scope-orgid", "team-a")]).is_ok());
}
