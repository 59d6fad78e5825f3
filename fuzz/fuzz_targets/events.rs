//! The stream of events: cut into lines, then read.
#![no_main]

use bytes::Bytes;
use dockpulse::engine::fuzzing;
use dockpulse_fuzz::{long, pieces, within};
use libfuzzer_sys::fuzz_target;

/// A longer line is skipped.
const LINE_CAP: usize = 256 << 10;

fuzz_target!(|input: &[u8]| {
    let stream = long(input);
    let whole = vec![Bytes::copy_from_slice(&stream)];
    let in_pieces: Vec<_> = pieces(&stream, input).into_iter().map(Bytes::copy_from_slice).collect();
    // The pieces are there already. What is kept of them: a line that is not too long yet, twice while its buffer grows;
    // the line that is read, as text; the events.
    let most = 8 * (LINE_CAP + stream.len().min(LINE_CAP)) + 128 * input.len();
    let events = within(most, || fuzzing::events(in_pieces));
    let lines = stream.split(|byte| *byte == b'\n');
    let longest = lines.clone().map(<[u8]>::len).max().unwrap_or_default();
    assert!(events.len() <= lines.count(), "a line is an event at most");
    if longest <= LINE_CAP {
        assert_eq!(events, fuzzing::events(whole), "how it is cut makes no difference");
    }
    let read = fuzzing::events(vec![Bytes::from([&stream[..], b"\n"].concat())]);
    assert!(read.len() <= events.len() + 1);
});
