//! Requests made smaller.

use std::io::Write as _;

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

    /// A gRPC message: a flag that says “compressed”, the length, the message.
    pub(super) fn grpc_message(self, request: &[u8]) -> Option<Bytes> {
        let message = self.compress(request)?;
        let mut frame = BytesMut::with_capacity(message.len() + 5);
        frame.put_u8(1);
        frame.put_u32(u32::try_from(message.len()).ok()?);
        frame.put(message);
        Some(frame.freeze())
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn what_is_compressed_decodes_to_the_same_bytes(bytes in proptest::collection::vec(any::<u8>(), 0..5000)) {
            let mut out = Vec::new();
            let gzip = Encoding::Gzip.compress(&bytes).unwrap();
            flate2::read::GzDecoder::new(&gzip[..]).read_to_end(&mut out).unwrap();
            prop_assert_eq!(&out, &bytes);
            let frame = Encoding::Zstd.grpc_message(&bytes).unwrap();
            prop_assert_eq!(frame[0], 1);
            let length = u32::from_be_bytes(frame[1..5].try_into().unwrap()) as usize;
            prop_assert_eq!(length, frame.len() - 5);
            prop_assert_eq!(&zstd::bulk::decompress(&frame[5..], 8192).unwrap(), &bytes);
        }
    }
}
