//! With real files.
