//! Names of block devices, which only the host itself knows.

use std::fs;
use std::path::Path;

use crate::convert::DeviceNames;
use crate::model::engine::EngineInfo;

/// The most devices that are looked at.
const MOST: usize = 4096;

/// The names by number, if the engine runs on this host and under this kernel; else none: a number of another host's
/// device must not get the name of one of ours.
pub(super) fn names(engine: &EngineInfo) -> DeviceNames {
    let here = |file: &str| fs::read_to_string(Path::new("/proc/sys/kernel").join(file)).ok();
    let same = |ours: Option<String>, theirs: &Option<crate::model::Text>| {
        ours.zip(theirs.as_ref()).is_some_and(|(ours, theirs)| ours.trim() == &**theirs)
    };
    if same(here("hostname"), &engine.host_name) && same(here("osrelease"), &engine.kernel) {
        read(Path::new("/sys/dev/block"))
    } else {
        DeviceNames::new()
    }
}

/// `/sys/dev/block/MAJOR:MINOR` links to a folder with the device's name.
fn read(folder: &Path) -> DeviceNames {
    let Ok(entries) = fs::read_dir(folder) else { return DeviceNames::new() };
    let name = |entry: fs::DirEntry| {
        let number = entry.file_name();
        let (major, minor) = number.to_str()?.split_once(':')?;
        let target = fs::read_link(entry.path()).ok()?;
        Some(((major.parse().ok()?, minor.parse().ok()?), target.file_name()?.to_str()?.into()))
    };
    entries.take(MOST).filter_map(Result::ok).filter_map(name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_is_called_as_its_link_says() {
        let folder = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink("../../devices/x/block/sda", folder.path().join("8:0")).unwrap();
        std::os::unix::fs::symlink("../../devices/x/block/odd", folder.path().join("eight")).unwrap();
        let names = read(folder.path());
        assert_eq!(names.into_iter().collect::<Vec<_>>(), [((8, 0), "sda".into())]);
    }

    #[test]
    fn another_host_s_devices_have_no_names() {
        let elsewhere = EngineInfo { host_name: Some("elsewhere".into()), ..EngineInfo::default() };
        assert!(names(&elsewhere).is_empty() && names(&EngineInfo::default()).is_empty());
    }
}
