//! A connection that has to begin in time.
//!
//! Pings find out whether a peer lives only once it has said that it speaks HTTP/2. One that says nothing, or too little, would
//! keep its place for ever.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Sleep;

/// The preface of HTTP/2 is so long (RFC 9113, section 3.4).
const PREFACE: usize = 24;

/// A stream that fails unless its peer has said as much as the preface in time.
pub(super) struct Begins<S> {
    stream: S,
    /// What is still to be said, and until when; nothing once it was.
    due: Option<(usize, Pin<Box<Sleep>>)>,
}

impl<S> Begins<S> {
    /// The preface has to come within this time from now.
    pub(super) fn within(time: Duration, stream: S) -> Self {
        Self { stream, due: Some((PREFACE, Box::pin(tokio::time::sleep(time)))) }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Begins<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(cx, buf);
        let Some((left, end)) = &mut self.due else { return read };
        if read.is_pending() {
            ready!(end.as_mut().poll(cx));
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        *left = left.saturating_sub(buf.filled().len() - before);
        if *left == 0 {
            self.due = None;
        }
        read
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Begins<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, bytes)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    const TIME: Duration = Duration::from_secs(5);

    #[tokio::test(start_paused = true)]
    async fn who_says_too_little_in_time_is_let_go_and_who_has_begun_may_be_silent() {
        for said in [0, 1, PREFACE - 1, PREFACE, PREFACE + 9] {
            let (mut peer, stream) = tokio::io::duplex(100);
            let mut stream = Begins::within(TIME, stream);
            peer.write_all(&vec![b'x'; said]).await.unwrap();
            let mut bytes = vec![0; said];
            stream.read_exact(&mut bytes).await.unwrap();
            let next = tokio::time::timeout(TIME * 3, stream.read_u8()).await;
            let let_go = matches!(&next, Ok(Err(error)) if error.kind() == io::ErrorKind::TimedOut);
            assert_eq!(let_go, said < PREFACE, "{said}: {next:?}");
        }
    }
}
