//! Keys: what a terminal sends, read. Pure.

use std::str;

/// A key that is heeded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "they are called as they are labelled")]
pub enum Key {
    Char(char),
    /// With a small letter.
    Ctrl(char),
    Enter,
    Escape,
    Tab,
    BackTab,
    Backspace,
    Up,
    Down,
    Left,
    Right,
    Home,
    End,
    PageUp,
    PageDown,
}

/// No sequence of a terminal is longer; what is, is thrown away.
const LONGEST_SEQUENCE: usize = 32;

const ESCAPE: u8 = 0x1b;

/// Reads keys out of bytes, which may be cut anywhere.
#[derive(Debug, Default)]
pub struct Keys {
    waiting: Vec<u8>,
}

/// What the bytes begin with.
enum Begin {
    /// So many bytes are a key, or none that is heeded.
    Key(usize, Option<Key>),
    /// More has to come.
    Unfinished,
}

impl Keys {
    /// Further bytes came.
    pub fn feed(&mut self, bytes: &[u8]) -> Vec<Key> {
        self.waiting.extend_from_slice(bytes);
        let mut keys = Vec::new();
        let mut from = 0;
        while from < self.waiting.len() {
            match begin(&self.waiting[from..]) {
                Begin::Key(length, key) => {
                    keys.extend(key);
                    from += length;
                }
                Begin::Unfinished => break,
            }
        }
        self.waiting.drain(..from);
        if self.waiting.len() > LONGEST_SEQUENCE {
            self.waiting.clear();
        }
        keys
    }

    /// Whether it is not clear yet what was pressed: the Escape key sends what other keys' sequences begin with.
    pub fn unclear(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// Nothing more came for a while: it was the Escape key, or nothing that can be understood.
    pub fn settle(&mut self) -> Option<Key> {
        let waited = std::mem::take(&mut self.waiting);
        (waited == [ESCAPE]).then_some(Key::Escape)
    }
}

fn begin(bytes: &[u8]) -> Begin {
    match bytes {
        [ESCAPE] => Begin::Unfinished,
        [ESCAPE, b'[', rest @ ..] => sequence(rest),
        [ESCAPE, b'O', last, ..] => Begin::Key(3, named(b"", *last)),
        [ESCAPE, b'O'] => Begin::Unfinished,
        [ESCAPE, ESCAPE, ..] => Begin::Key(1, Some(Key::Escape)),
        // With Alt held down: not heeded.
        [ESCAPE, rest @ ..] => match begin(rest) {
            Begin::Key(length, _) => Begin::Key(length + 1, None),
            Begin::Unfinished => Begin::Unfinished,
        },
        [b'\r' | b'\n', ..] => Begin::Key(1, Some(Key::Enter)),
        [b'\t', ..] => Begin::Key(1, Some(Key::Tab)),
        [0x7f | 0x08, ..] => Begin::Key(1, Some(Key::Backspace)),
        [control @ 0x01..=0x1a, ..] => Begin::Key(1, Some(Key::Ctrl(char::from(b'a' + control - 1)))),
        [0x00..=0x1f, ..] => Begin::Key(1, None),
        _ => character(bytes),
    }
}

/// What comes after `ESC [`: numbers, then the byte that says what it is.
fn sequence(rest: &[u8]) -> Begin {
    // The Linux console's F1 to F5.
    if let [b'[', ..] = rest {
        return if rest.len() < 2 { Begin::Unfinished } else { Begin::Key(4, None) };
    }
    match rest.iter().position(|byte| !matches!(byte, 0x20..=0x3f)) {
        // What is no part of a sequence ends it: it is read for itself.
        Some(at) if !matches!(rest[at], 0x40..=0x7e) => Begin::Key(at + 2, None),
        Some(at) => Begin::Key(at + 3, named(&rest[..at], rest[at])),
        None => Begin::Unfinished,
    }
}

fn named(numbers: &[u8], last: u8) -> Option<Key> {
    let number = numbers.split(|byte| *byte == b';').next().unwrap_or_default();
    Some(match (last, number) {
        (b'A', _) => Key::Up,
        (b'B', _) => Key::Down,
        (b'C', _) => Key::Right,
        (b'D', _) => Key::Left,
        (b'H', _) | (b'~', b"1" | b"7") => Key::Home,
        (b'F', _) | (b'~', b"4" | b"8") => Key::End,
        (b'~', b"5") => Key::PageUp,
        (b'~', b"6") => Key::PageDown,
        (b'Z', _) => Key::BackTab,
        (b'M', b"") => Key::Enter,
        _ => return None,
    })
}

fn character(bytes: &[u8]) -> Begin {
    let length = match bytes {
        [0x00..=0x7f, ..] => 1,
        [0xc2..=0xdf, ..] => 2,
        [0xe0..=0xef, ..] => 3,
        [0xf0..=0xf4, ..] => 4,
        _ => return Begin::Key(1, None),
    };
    match bytes.get(..length).map(str::from_utf8) {
        Some(Ok(text)) => Begin::Key(length, text.chars().next().filter(|c| !c.is_control()).map(Key::Char)),
        Some(Err(_)) => Begin::Key(1, None),
        None => match str::from_utf8(bytes) {
            // Wrong already.
            Err(error) if error.error_len().is_some() => Begin::Key(1, None),
            _ => Begin::Unfinished,
        },
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(bytes: &[u8]) -> Vec<Key> {
        let mut keys = Keys::default();
        let mut read = keys.feed(bytes);
        read.extend(keys.settle());
        read
    }

    #[test]
    fn keys_are_known_by_what_terminals_send() {
        for (bytes, key) in [
            (&b"q"[..], Key::Char('q')),
            ("é".as_bytes(), Key::Char('é')),
            ("🐳".as_bytes(), Key::Char('🐳')),
            (b"\x03", Key::Ctrl('c')),
            (b"\r", Key::Enter),
            (b"\t", Key::Tab),
            (b"\x7f", Key::Backspace),
            (b"\x1b", Key::Escape),
            (b"\x1b[A", Key::Up),
            (b"\x1bOB", Key::Down),
            (b"\x1b[1;5C", Key::Right),
            (b"\x1b[5~", Key::PageUp),
            (b"\x1b[6~", Key::PageDown),
            (b"\x1b[1~", Key::Home),
            (b"\x1b[F", Key::End),
            (b"\x1b[Z", Key::BackTab),
        ] {
            assert_eq!(read(bytes), [key], "{bytes:?}");
        }
    }

    #[test]
    fn what_is_not_known_does_nothing_and_harms_nothing_after_it() {
        for bytes in [&b"\x1b[200~q"[..], b"\x1bxq", b"\x1b[[Aq", b"\xff\xfeq", b"\x1b[?1;2cq", b"\x1bOPq", b"\xc3(q"] {
            assert_eq!(read(bytes).last(), Some(&Key::Char('q')), "{bytes:?}");
        }
        assert_eq!(read(b"\x1b\x1b[A"), [Key::Escape, Key::Up]);
    }

    proptest! {
        #[test]
        fn it_makes_no_difference_how_the_bytes_are_cut(bytes in prop::collection::vec(any::<u8>(), 0..30), at in 0usize..30) {
            let mut keys = Keys::default();
            let at = at.min(bytes.len());
            let mut cut = keys.feed(&bytes[..at]);
            cut.extend(keys.feed(&bytes[at..]));
            cut.extend(keys.settle());
            prop_assert_eq!(cut, read(&bytes));
        }

        #[test]
        fn what_waits_is_bounded(bytes in prop::collection::vec(prop::sample::select(b"\x1b[0;1A\xf0".to_vec()), 0..2000)) {
            let mut keys = Keys::default();
            for part in bytes.chunks(7) {
                keys.feed(part);
                prop_assert!(keys.waiting.len() <= LONGEST_SEQUENCE);
            }
        }
    }
}
