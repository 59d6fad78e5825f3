//! What an engine says that it is: two headers of its ping, its version, its info; and what it, or ssh on the way to it,
//! says when something fails. Parts: API version, server, `/version`, `/info`.
#![no_main]

use dockpulse::engine::fuzzing;
use dockpulse::model::engine::ApiVersion;
use dockpulse::model::time::UnixNanos;
use dockpulse_fuzz::{parts, within};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let [api, server, version, info] = parts(input);
    let it = within((1 << 20) + 256 * input.len(), || fuzzing::introduction(api, server, version, info));
    let texts = [&it.version, &it.host_name, &it.host_arch, &it.kernel];
    assert!(texts.into_iter().flatten().all(|text| text.len() <= 300));
    assert!(matches!(it.runtime.as_deref(), Some("docker" | "podman")));
    assert!(it.memory_total.is_none_or(|bytes| bytes > 0));
    failures(input);
    if let Ok(text) = str::from_utf8(api) {
        if let Some(read) = ApiVersion::parse(text) {
            assert_eq!(ApiVersion::parse(&format!("{}.{}", read.major, read.minor)), Some(read));
        }
        assert_ne!(UnixNanos::parse_rfc3339(text), Some(UnixNanos::UNKNOWN));
    }
});

fn failures(heard: &[u8]) {
    assert!(fuzzing::shown(heard).len() <= 300);
    let (words, _) = fuzzing::ssh_failure(heard);
    assert!(words.chars().count() <= 450);
}
