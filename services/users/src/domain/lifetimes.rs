//! How long what people log in with is good for.

use std::time::Duration;

/// How long things are good for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Lifetimes {
    pub(crate) access_token: Duration,
    pub(crate) refresh_token: Duration,
    pub(crate) login_session: Duration,
    /// How long a spent refresh token may come again while its next pair is in use.
    pub(crate) refresh_grace: Duration,
}
