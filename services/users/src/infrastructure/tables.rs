//! The tables, a module each.

#![expect(
    unreachable_pub,
    reason = "sea-orm's derive makes public types, which may only name public ones"
)]

pub(crate) mod audit_event;
pub(crate) mod known_network;
pub(crate) mod login_session;
pub(crate) mod refresh_token;
pub(crate) mod revocation;
pub(crate) mod signing_key;
pub(crate) mod user;
