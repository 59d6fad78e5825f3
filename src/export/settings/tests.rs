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
    assert!(at("https://collector:4317").uri().is_ok());
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
    let encoding = |url: &str| at(url).encoding(&url.parse().unwrap());
    for near in
        ["http://localhost:4317", "http://LocalHost", "http://127.0.0.1:4317", "http://127.9.9.9", "http://[::1]:4317"]
    {
        assert_eq!(encoding(near), None, "{near}");
    }
    for far in
        ["http://collector:4317", "http://10.0.0.1:4317", "http://localhost.example", "http://[2001:db8::1]:4317"]
    {
        assert_eq!(encoding(far), Some(Encoding::Gzip), "{far}");
    }
    for (compression, encoding) in [
        (Compression::None, None),
        (Compression::Gzip, Some(Encoding::Gzip)),
        (Compression::Zstd, Some(Encoding::Zstd)),
    ] {
        for url in ["http://collector", "http://localhost"] {
            let settings = Settings { compression, ..Settings::default() };
            assert_eq!(settings.encoding(&url.parse().unwrap()), encoding);
        }
    }
}
