//! Requests made smaller, and answers that come in the same way read.

use std::io::{Read as _, Write as _};

use bytes::{BufMut, Bytes, BytesMut};
use flate2::write::GzEncoder;

/// How a request is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Encoding {
    Gzip,
    Zstd,
}

impl Encoding {
    /// What it is called in headers.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
        }
    }

    /// Fast rather than small: it runs between the probes, on the same thread. `None` if there is no memory for it.
    pub(super) fn compress(self, request: &[u8]) -> Option<Bytes> {
        match self {
            Self::Gzip => {
                let mut encoder = GzEncoder::new(Vec::with_capacity(request.len() / 4), flate2::Compression::fast());
                encoder.write_all(request).ok()?;
                encoder.finish().ok().map(Bytes::from)
            }
            Self::Zstd => zstd::bulk::compress(request, 1).ok().map(Bytes::from),
        }
    }

    /// The one that is called so.
    pub(super) fn of(name: &[u8]) -> Option<Self> {
        [Self::Gzip, Self::Zstd].into_iter().find(|encoding| encoding.name().as_bytes() == name)
    }

    /// What was compressed, if it is that and not longer than `most`.
    fn decompress(self, bytes: &[u8], most: usize) -> Option<Vec<u8>> {
        match self {
            Self::Gzip => {
                let mut out = Vec::new();
                let decoder = flate2::read::GzDecoder::new(bytes);
                decoder.take(most as u64 + 1).read_to_end(&mut out).ok()?;
                (out.len() <= most).then_some(out)
            }
            Self::Zstd => zstd::bulk::decompress(bytes, most).ok(),
        }
    }

    /// The same gRPC message, not compressed; `None` if it is none, or longer than `most`.
    pub(super) fn plain_message(self, message: Bytes, most: usize) -> Option<Bytes> {
        let (flag, rest) = message.split_first()?;
        if *flag == 0 {
            return Some(message);
        }
        let (length, content) = rest.split_first_chunk::<4>()?;
        let content = content.get(..usize::try_from(u32::from_be_bytes(*length)).ok()?)?;
        frame(0, &self.decompress(content, most)?)
    }

    /// A gRPC message: a flag that says “compressed”, the length, the message.
    pub(super) fn grpc_message(self, request: &[u8]) -> Option<Bytes> {
        frame(1, &self.compress(request)?)
    }
}

fn frame(flag: u8, message: &[u8]) -> Option<Bytes> {
    let mut frame = BytesMut::with_capacity(message.len() + 5);
    frame.put_u8(flag);
    frame.put_u32(u32::try_from(message.len()).ok()?);
    frame.put_slice(message);
    Some(frame.freeze())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn what_is_compressed_decodes_to_the_same_bytes(bytes in proptest::collection::vec(any::<u8>(), 0..5000)) {
            for encoding in [Encoding::Gzip, Encoding::Zstd] {
                prop_assert_eq!(Encoding::of(encoding.name().as_bytes()), Some(encoding));
                let message = encoding.grpc_message(&bytes).unwrap();
                prop_assert_eq!(&encoding.decompress(&message[5..], 5000).unwrap(), &bytes);
                let plain = encoding.plain_message(message.clone(), 5000).unwrap();
                prop_assert_eq!((plain[0], &plain[5..]), (0, &bytes[..]));
                prop_assert_eq!(encoding.plain_message(plain.clone(), 5000), Some(plain));
                prop_assert!(bytes.is_empty() || encoding.plain_message(message, bytes.len() - 1).is_none());
            }
        }

        #[test]
        fn any_bytes_are_a_message_or_none(bytes in proptest::collection::vec(any::<u8>(), 0..100), flag in 0_u8..3) {
            let message = Bytes::from([&[flag, 0, 0, 0, 20], &bytes[..]].concat());
            for encoding in [Encoding::Gzip, Encoding::Zstd] {
                let plain = encoding.plain_message(message.clone(), 1000);
                prop_assert!(plain.is_none_or(|plain| plain.len() <= 1005));
            }
        }
    }
}
