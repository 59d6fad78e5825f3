//! The list of containers.
#![no_main]

use std::collections::HashSet;
use std::sync::LazyLock;

use dockpulse::engine::decode;
use dockpulse::model::container::Listed;
use dockpulse::model::engine::Wanted;
use dockpulse_fuzz::within;
use libfuzzer_sys::fuzz_target;

static WANTED: LazyLock<Wanted> = LazyLock::new(|| Wanted {
    labels: ["com.docker.compose.service", "app", ""].map(str::to_owned).into(),
    ..Wanted::default()
});

fuzz_target!(|body: &[u8]| {
    let Ok(listing) = within((64 << 10) + 32 * body.len(), || decode::list(body, &WANTED)) else { return };
    let ids: HashSet<_> = listing.containers.iter().map(|c| &c.id).collect();
    assert_eq!(ids.len(), listing.containers.len(), "each id counts once");
    assert!(!listing.containers.is_empty() || listing.skipped == 0, "nonsense is no empty list");
    listing.containers.iter().for_each(check);
    // Half a list must not be taken for one.
    let whole = body.trim_ascii_end();
    for cut in [whole.len() - 1, whole.len() / 2] {
        assert!(decode::list(&whole[..cut], &WANTED).is_err(), "cut at {cut}");
    }
    // What is not wanted is not kept.
    let bare = decode::list(body, &Wanted::default()).expect("what is wanted does not decide what is a list");
    assert!(bare.containers.iter().all(|c| c.labels.iter().next().is_none()));
    assert_eq!((bare.containers.len(), bare.skipped), (listing.containers.len(), listing.skipped));
});

fn check(listed: &Listed) {
    let texts = listed.name.iter().chain([&listed.image, &listed.image_id]);
    assert!(texts.chain(listed.labels.iter().map(|(_, value)| value)).all(|text| text.len() <= 4096));
    assert!(listed.name.as_ref().is_none_or(|name| !name.is_empty() && !name.starts_with('/')));
    assert!(listed.labels.iter().all(|(key, _)| WANTED.labels.contains(&**key)));
    assert!(listed.labels.iter().is_sorted_by(|a, b| a.0 < b.0));
    assert!(listed.up_for.is_none_or(|up| up.at_least < up.below));
}
