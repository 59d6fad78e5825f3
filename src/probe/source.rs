//! Where numbers come from: by setting and by what the engine can; and whose are no longer asked for.

use super::core::Probe;
use super::{Happening, Output};
use crate::model::container::ContainerId;
use crate::model::engine::{ApiVersion, Source};

impl Probe {
    /// How samples are asked for.
    pub(super) fn source(&self) -> Source {
        Source::used(self.settings.source, self.engine.api)
    }

    fn knows_one_shot(&self) -> bool {
        self.engine.api >= ApiVersion::ONE_SHOT
    }

    /// An older engine ignores that one set of numbers was asked for: it takes its time for two.
    pub(super) fn tell_of_source(&mut self) {
        if self.settings.source == Some(Source::OneShot) && !self.knows_one_shot() {
            self.happened(Happening::NoOneShot(self.engine.api));
        }
    }

    /// The numbers of this container are not asked for any more, or from scratch.
    pub(super) fn release(&mut self, id: &ContainerId) {
        self.out.push(Output::Release(id.clone()));
    }

    /// A call that was out when the source changed may have opened a stream since.
    pub(super) fn release_unless_streamed(&mut self, id: &ContainerId) {
        if !matches!(self.source(), Source::Stream { .. }) {
            self.release(id);
        }
    }

    /// The source may be another than it was.
    pub(super) fn source_was(&mut self, before: Source) {
        let now = self.source();
        if std::mem::discriminant(&before) != std::mem::discriminant(&now) {
            self.out.push(Output::ReleaseAll);
        }
        self.tell_of_source();
    }
}
