//! A server that listens now and then.

use tokio::task::JoinSet;

/// What a server does while it listens; it ends when this is dropped.
#[derive(Default)]
pub(crate) struct Listening(Option<JoinSet<()>>);

impl Listening {
    pub(crate) fn is_on(&self) -> bool {
        self.0.is_some()
    }

    /// It listens: `accept` takes connections, and has them.
    pub(crate) fn begin(&mut self, accept: impl Future<Output = ()> + Send + 'static) {
        let mut tasks = JoinSet::new();
        tasks.spawn(accept);
        self.0 = Some(tasks);
    }

    /// Nobody listens any more, and the connections end that `accept` has.
    pub(crate) async fn end(&mut self) {
        if let Some(mut tasks) = self.0.take() {
            tasks.shutdown().await;
        }
    }
}
