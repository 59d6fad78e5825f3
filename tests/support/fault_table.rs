//! A table of faults, each with the tests that inject it.

/// The rows, each with the tests that inject the fault and show what is right, and that what must never be is not. A test
/// that is gone fails to compile.
macro_rules! faults {
    ($($row:literal, $fault:literal: $($module:ident::$test:ident),+;)+) => {
        const FAULTS: &[(u8, &str, &[(&str, fn())])] =
            &[$(($row, $fault, &[$((stringify!($test), $module::$test as fn())),+])),+];
    };
}
