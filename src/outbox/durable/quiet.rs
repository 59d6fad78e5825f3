//! Panics of the storage library, as errors. It panics on some damaged files, which are input like any other.

use std::cell::Cell;
use std::panic::{self, AssertUnwindSafe};
use std::sync::Once;

use super::notice::Trouble;

thread_local! {
    static IS_QUIET: Cell<bool> = const { Cell::new(false) };
}

static HOOK: Once = Once::new();

/// Calls `work`. A panic in it is damage, and nothing is printed of it; what `work` had at hand must not be used again.
pub(super) fn quietly<T>(work: impl FnOnce() -> Result<T, Trouble>) -> Result<T, Trouble> {
    HOOK.call_once(|| {
        let before = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if !IS_QUIET.get() {
                before(info);
            }
        }));
    });
    let was_quiet = IS_QUIET.replace(true);
    let result = panic::catch_unwind(AssertUnwindSafe(work));
    IS_QUIET.set(was_quiet);
    result.unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
        Err(Trouble::damaged(format_args!("the store makes no sense ({})", text.unwrap_or("no more is known"))))
    })
}
