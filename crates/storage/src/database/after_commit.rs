//! Hooks after a commit: what the body of a transaction wants done once it is committed, such as waking a task that reads
//! what it wrote. They don't run if the transaction fails.

use std::cell::RefCell;
use std::future::Future;

type Hook = Box<dyn FnOnce() + Send>;

tokio::task_local! {
    static HOOKS: RefCell<Vec<Hook>>;
}

/// Does something after the commit of the transaction whose body calls this; at once where none does.
pub fn after_commit(hook: impl FnOnce() + Send + 'static) {
    let hook: Hook = Box::new(hook);
    let mut hook = Some(hook);
    let _outside = HOOKS.try_with(|hooks| hooks.borrow_mut().extend(hook.take()));
    if let Some(hook) = hook {
        hook();
    }
}

/// What a body wants done.
#[must_use]
pub(super) struct Hooks(Vec<Hook>);

impl Hooks {
    /// Runs a transaction's body and gathers what it wants done.
    pub(super) async fn gather<T>(body: impl Future<Output = T>) -> (T, Self) {
        let gathering = async {
            let value = body.await;
            (value, Self(HOOKS.with(RefCell::take)))
        };
        HOOKS.scope(RefCell::default(), gathering).await
    }

    pub(super) fn run(self) {
        for hook in self.0 {
            hook();
        }
    }
}
