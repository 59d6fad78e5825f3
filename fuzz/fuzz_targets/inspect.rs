//! What a container is, and what it takes of the disk.
#![no_main]

use std::sync::LazyLock;

use dockpulse::engine::decode;
use dockpulse::model::container::Details;
use dockpulse::model::engine::Wanted;
use dockpulse_fuzz::within;
use libfuzzer_sys::fuzz_target;

static WANTED: LazyLock<Wanted> = LazyLock::new(|| Wanted {
    env: ["APP_VERSION", "STAGE"].map(str::to_owned).into(),
    detail: true,
    ..Wanted::default()
});

fuzz_target!(|body: &[u8]| {
    let most = (1 << 20) + 32 * body.len();
    let filesystem = within(most, || decode::filesystem(body));
    let details = within(most, || decode::inspect(body, &WANTED));
    if let Ok(filesystem) = filesystem {
        assert!(filesystem.usage.is_none_or(|bytes| bytes >= 0));
        assert!(filesystem.capacity.is_none_or(|bytes| bytes > 0));
    }
    let Ok(details) = details else { return };
    check(&details);
    let bare = decode::inspect(body, &Wanted::default()).expect("what is wanted does not decide what is an answer");
    assert!(bare.env.iter().next().is_none() && bare.more.is_none());
    assert_eq!(bare, Details { env: bare.env.clone(), more: None, ..details });
});

fn check(details: &Details) {
    assert!(details.name.as_ref().is_none_or(|name| !name.is_empty() && name.len() <= 4096));
    assert!(details.hostname.as_ref().is_none_or(|name| !name.is_empty() && name.len() <= 4096));
    assert!(details.env.iter().all(|(key, value)| WANTED.env.contains(&**key) && value.len() <= 4096));
    assert!(details.command_line.as_ref().is_none_or(|line| !line.is_empty() && line.len() <= 4096));
    assert!(details.memory_limit.is_none_or(|bytes| bytes > 0) && details.restart_count.is_none_or(|n| n >= 0));
    let more = details.more.as_ref().expect("it was asked for");
    let cpus = [details.cpu_limit, more.cpu_limit];
    assert!(cpus.into_iter().flatten().all(|cpus| cpus.is_finite() && cpus > 0.0));
    assert!(details.cpu_limit <= more.cpu_limit, "the tightest counts");
}
