//! What the targets share: a measure of memory, inputs of several parts, streams in pieces, a folder.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::sync::LazyLock;
use std::time::Duration;

use dockpulse::model::time::{Monotonic, Now, UnixNanos};
use peak_alloc::PeakAlloc;

#[global_allocator]
static MEMORY: PeakAlloc = PeakAlloc;

/// What stands between the parts of an input that has several.
const BETWEEN: &[u8] = b"\n%%\n";
/// What stands for a long text in an input for a stream, and how long that is: three of them are over a cap.
const LONG: (&[u8], usize) = (b"<long>", 90 << 10);
/// The most of them, so that no input takes long.
const MOST_LONG: usize = 4;

/// Does `work`, and says that it took more than `most` bytes of memory at once, if it did.
#[track_caller]
pub fn within<T>(most: usize, work: impl FnOnce() -> T) -> T {
    MEMORY.reset_peak_usage();
    let before = MEMORY.current_usage();
    let done = work();
    let took = MEMORY.peak_usage().saturating_sub(before);
    assert!(took <= most, "it took {took} bytes of memory, {most} at most");
    done
}

/// The first `N` parts of an input; those that are not there are empty.
pub fn parts<const N: usize>(input: &[u8]) -> [&[u8]; N] {
    let mut rest = Some(input);
    std::array::from_fn(|i| {
        let all = rest.take().unwrap_or_default();
        let end = all.windows(BETWEEN.len()).position(|bytes| bytes == BETWEEN);
        match end.filter(|_| i + 1 < N) {
            Some(end) => {
                rest = Some(&all[end + BETWEEN.len()..]);
                &all[..end]
            }
            None => all,
        }
    })
}

/// The input with long texts written out.
pub fn long(input: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(input.len());
    let mut rest = input;
    for _ in 0..MOST_LONG {
        let Some(at) = rest.windows(LONG.0.len()).position(|bytes| bytes == LONG.0) else { break };
        out.extend(&rest[..at]);
        out.resize(out.len() + LONG.1, b'x');
        rest = &rest[at + LONG.0.len()..];
    }
    out.extend(rest);
    out
}

/// A text cut into pieces of many lengths, which the bytes of the input decide.
pub fn pieces<'a>(text: &'a [u8], input: &[u8]) -> Vec<&'a [u8]> {
    let mut hasher = DefaultHasher::new();
    input.hash(&mut hasher);
    let mut state = hasher.finish();
    // A long text in pieces of few bytes each would take long.
    let least = 1 + text.len() / 2000;
    let mut rest = text;
    let mut out = Vec::new();
    while !rest.is_empty() {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let random = (state >> 33) as usize;
        let most = [1, 4, 40, 1 << 10, 200 << 10][random % 5];
        let (piece, after) = rest.split_at((random / 5 % most + least).min(rest.len()));
        out.push(piece);
        rest = after;
    }
    out
}

/// Whether a text can be shown on a terminal: nothing in it steers one or turns the direction of what is around it.
pub fn can_be_shown(text: &str) -> bool {
    let turns = |c| matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    !text.contains(|c: char| turns(c) || c.is_control() && c != '\n')
}

/// A moment.
pub fn at(seconds: u64) -> Now {
    Now { mono: Monotonic(Duration::from_secs(seconds)), wall: UnixNanos(seconds.saturating_mul(1_000_000_000)) }
}

/// A folder of this process for the files of an input, in memory where that can be. `fuzz/run` takes it away.
pub fn folder() -> &'static Path {
    static FOLDER: LazyLock<PathBuf> = LazyLock::new(|| {
        let folder = tempfile::Builder::new().prefix("dockpulse-fuzz-").tempdir().expect("a folder can be made");
        folder.keep()
    });
    &FOLDER
}
