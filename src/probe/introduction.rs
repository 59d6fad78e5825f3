//! What an engine says of itself when it is reached, and what it does not say.

use std::sync::Arc;

use super::core::Probe;
use super::{Feature, Happening};
use crate::model::engine::{EngineError, EngineInfo};
use crate::model::time::UnixNanos;

impl Probe {
    /// What is not told this time stays as it was known: an identity must not change because `/info` failed once.
    pub(super) fn know_engine(&mut self, info: EngineInfo) {
        let known = &self.engine;
        let info = EngineInfo {
            api: info.api,
            version: info.version.or_else(|| known.version.clone()),
            runtime: info.runtime.or_else(|| known.runtime.clone()),
            host_name: info.host_name.or_else(|| known.host_name.clone()),
            host_arch: info.host_arch.or_else(|| known.host_arch.clone()),
            memory_total: info.memory_total.or(known.memory_total),
            kernel: info.kernel.or_else(|| known.kernel.clone()),
            cgroup_version: info.cgroup_version.or_else(|| known.cgroup_version.clone()),
            cgroup_driver: info.cgroup_driver.or_else(|| known.cgroup_driver.clone()),
            rootless: info.rootless.or(known.rootless),
            version_withheld: info.version_withheld,
            info_withheld: info.info_withheld,
        };
        let news = |feature, was: &Option<EngineError>, is: &Option<EngineError>| {
            is.clone().filter(|_| was != is).map(|error| Happening::Missing(feature, error))
        };
        let missing = [
            news(Feature::Version, &known.version_withheld, &info.version_withheld),
            news(Feature::Info, &known.info_withheld, &info.info_withheld),
        ];
        if **known != info || self.last_success == UnixNanos::UNKNOWN {
            self.engine = Arc::new(info);
            let engine = self.engine.clone();
            self.trackers.values_mut().for_each(|t| t.facts_mut().engine = engine.clone());
            self.happened(Happening::Connected(self.engine.clone()));
            self.tell_of_source();
        }
        missing.into_iter().flatten().for_each(|missing| self.happened(missing));
    }
}
