//! What the users service decides: types and rules without storage, protocol or clock.

pub(crate) mod audit;
pub(crate) mod backoff;
pub(crate) mod email;
pub(crate) mod lifetimes;
pub(crate) mod password;
pub(crate) mod profile;
pub(crate) mod refresh;
pub(crate) mod sequence;
pub(crate) mod strangers;
pub(crate) mod text;
