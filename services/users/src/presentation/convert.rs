//! From our types to the contract's.

use platform::id::LoginSessionId;
use troupe_proto::users as pb;

use crate::application::{AccessChange, TokenPair};
use crate::infrastructure::signing_keys::PublicKey;
use crate::infrastructure::tables::{audit_event, login_session, user};

pub(super) fn token_pair(pair: TokenPair) -> pb::TokenPair {
    pb::TokenPair {
        access_token: pair.access_token,
        access_expire_time: Some(pair.access_expire_time.into()),
        refresh_token: pair.refresh_token,
        refresh_expire_time: Some(pair.refresh_expire_time.into()),
        login_session_id: pair.login_session_id.to_string(),
        user_id: pair.user_id.to_string(),
    }
}

pub(super) fn login_session(
    session: login_session::Model,
    current: LoginSessionId,
) -> pb::LoginSession {
    pb::LoginSession {
        id: session.id.to_string(),
        device_name: session.device_name,
        create_time: Some(session.create_time.into()),
        last_use_time: Some(session.last_use_time.into()),
        current: session.id == current,
    }
}

pub(super) fn json_web_key(key: &PublicKey) -> pb::JsonWebKey {
    pb::JsonWebKey {
        kty: "OKP".to_owned(),
        crv: "Ed25519".to_owned(),
        x: key.x.clone(),
        kid: key.id.clone(),
        alg: "EdDSA".to_owned(),
        r#use: "sig".to_owned(),
    }
}

pub(super) fn access_change(change: AccessChange) -> pb::WatchAccessResponse {
    let sessions = change.revoked_sessions.iter();
    let tokens = change.revoked_tokens.iter();
    pb::WatchAccessResponse {
        keys: change.keys.iter().map(json_web_key).collect(),
        revoked_login_session_ids: sessions.map(ToString::to_string).collect(),
        revoked_token_ids: tokens.map(ToString::to_string).collect(),
    }
}

pub(super) fn profile(user: user::Model) -> pb::Profile {
    pb::Profile {
        id: user.id.to_string(),
        email: user.email,
        display_name: user.display_name,
        bio: user.bio,
        locale: user.locale,
        create_time: Some(user.create_time.into()),
        update_time: Some(user.update_time.into()),
    }
}

/// The stored numbers of actions are the contract's.
pub(super) fn audit_event(event: audit_event::Model) -> pb::AuditEvent {
    pb::AuditEvent {
        id: event.id.to_string(),
        action: event.action,
        create_time: Some(event.create_time.into()),
        client_address: event.client_address.unwrap_or_default(),
        login_session_id: event
            .login_session_id
            .map(|id| id.to_string())
            .unwrap_or_default(),
        request_id: event.request_id,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::audit::AuditAction as Ours;
    use pb::AuditAction as Theirs;

    #[test]
    fn actions_have_the_numbers_of_the_contract() {
        for (ours, theirs) in [
            (Ours::Registered, Theirs::Registered),
            (Ours::RegisteredAgain, Theirs::RegisteredAgain),
            (Ours::LoggedIn, Theirs::LoggedIn),
            (Ours::LoginFailed, Theirs::LoginFailed),
            (Ours::LoginDelayed, Theirs::LoginDelayed),
            (Ours::TokenRefreshed, Theirs::TokenRefreshed),
            (Ours::RefreshTokenReused, Theirs::RefreshTokenReused),
            (Ours::LoggedOut, Theirs::LoggedOut),
            (Ours::LoginSessionRevoked, Theirs::LoginSessionRevoked),
            (Ours::ProfileUpdated, Theirs::ProfileUpdated),
        ] {
            assert_eq!(ours.number(), theirs as i32);
        }
    }
}
