//! Has the allocator give memory back to the system that nobody uses any more. It does so by itself only while others ask it for
//! memory: a process that has become idle would keep what its last burst took.

use std::time::Duration;

use platform::Tasks;

/// How often. What was freed within the last second stays in any case, since it may soon be needed again.
const PAUSE: Duration = Duration::from_secs(5);

#[expect(unsafe_code, reason = "the allocator's crate doesn't offer it")]
// SAFETY: the function is mimalloc's, which is linked in, and may be called by any thread at any time.
unsafe extern "C" {
    /// Gives back what the calling thread has freed, and what all threads have left to the process.
    safe fn mi_collect(is_forced: bool);
}

/// Does so until shutdown.
pub(super) fn keep_giving_back(tasks: &Tasks) {
    let giving_back = async {
        loop {
            tokio::time::sleep(PAUSE).await;
            mi_collect(false);
        }
    };
    let token = tasks.token().clone();
    tasks.spawn(token.run_until_cancelled_owned(giving_back));
}
