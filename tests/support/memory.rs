//! Folders that no slow disk is behind.

use std::path::PathBuf;

use tempfile::TempDir;

/// Where they are: in memory, if there is such a place.
pub(crate) fn place() -> PathBuf {
    Some(PathBuf::from("/dev/shm")).filter(|p| p.is_dir()).unwrap_or_else(std::env::temp_dir)
}

/// A new one, whose name begins so.
pub(crate) fn folder(prefix: &str) -> TempDir {
    tempfile::Builder::new().prefix(prefix).tempdir_in(place()).expect("a folder")
}
