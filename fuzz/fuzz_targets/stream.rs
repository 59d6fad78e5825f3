//! A stream of numbers: cut into documents, then read.
#![no_main]

use dockpulse::engine::{decode, fuzzing};
use dockpulse_fuzz::{long, pieces, within};
use libfuzzer_sys::fuzz_target;

/// A larger document ends the stream.
const STATS_CAP: usize = 256 << 10;

fuzz_target!(|input: &[u8]| {
    let stream = long(input);
    let whole = fuzzing::documents([&stream[..]]);
    let in_pieces = pieces(&stream, input);
    let (documents, sound, ended) =
        within(4 * stream.len() + 128 * input.len() + 1024, || fuzzing::documents(in_pieces));
    for document in &documents {
        assert!(document.len() <= STATS_CAP);
        assert!(document.first() == Some(&b'{') && document.last() == Some(&b'}'));
        let _ = decode::stats(document, true);
    }
    assert_eq!((documents, sound, ended), whole, "how it is cut makes no difference");
    if let (true, true) = (whole.1, whole.2) {
        let rest: Vec<u8> = whole.0.concat();
        let bare = stream.iter().filter(|byte| !byte.is_ascii_whitespace()).count();
        assert!(rest.iter().filter(|byte| !byte.is_ascii_whitespace()).count() == bare, "nothing is lost");
    }
});
