//! For the fuzz targets: a stream of numbers, cut.

use super::documents::Documents;

/// The documents of a stream that comes in these pieces, up to where it makes no sense; whether all of it made sense, and
/// whether nothing was left open.
pub fn documents<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> (Vec<Vec<u8>>, bool, bool) {
    let (mut documents, mut out) = (Documents::default(), Vec::new());
    for piece in pieces {
        if documents.feed(piece, |document| out.push(std::mem::take(document))).is_err() {
            return (out, false, false);
        }
    }
    (out, true, !documents.is_open())
}
