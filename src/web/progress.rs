//! A connection whose other side has to take what it asked for: who stops reading is let go.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Sleep, sleep};

/// Fails a write that no byte of went out for so long.
#[derive(Debug)]
pub(super) struct Progress<T> {
    inner: T,
    patience: Duration,
    stuck: Option<Pin<Box<Sleep>>>,
}

impl<T> Progress<T> {
    pub(super) fn new(inner: T, patience: Duration) -> Self {
        Self { inner, patience, stuck: None }
    }

    /// Passes on what a write said, and watches how long it says nothing.
    fn watch<V>(&mut self, said: Poll<io::Result<V>>, cx: &mut Context<'_>) -> Poll<io::Result<V>> {
        if said.is_ready() {
            self.stuck = None;
            return said;
        }
        let patience = self.patience;
        ready!(self.stuck.get_or_insert_with(|| Box::pin(sleep(patience))).as_mut().poll(cx));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for Progress<T> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_read(cx, buf)
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Progress<T> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let said = Pin::new(&mut self.inner).poll_write(cx, buf);
        self.watch(said, cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let said = Pin::new(&mut self.inner).poll_write_vectored(cx, bufs);
        self.watch(said, cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let said = Pin::new(&mut self.inner).poll_flush(cx);
        self.watch(said, cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    const PATIENCE: Duration = Duration::from_secs(30);

    #[tokio::test(start_paused = true)]
    async fn who_takes_nothing_is_let_go() {
        let (ours, _theirs) = tokio::io::duplex(8);
        let error = Progress::new(ours, PATIENCE).write_all(&[0; 64]).await.expect_err("nobody reads");
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
    }

    #[tokio::test(start_paused = true)]
    async fn who_takes_it_slowly_gets_it_all() {
        let (ours, mut theirs) = tokio::io::duplex(8);
        let mut progress = Progress::new(ours, PATIENCE);
        let reading = async {
            for _ in 0..8 {
                sleep(PATIENCE / 2).await;
                theirs.read_exact(&mut [0; 8]).await.expect("more");
            }
        };
        let (written, ()) = tokio::join!(progress.write_all(&[0; 64]), reading);
        written.expect("it was taken");
    }
}
