//! When a refresh token is good for a new pair.
//!
//! A refresh token is good once. If the answer to that one use is lost, the client has only the spent token. So a spent
//! token is honoured again as long as nothing of the pair that it was exchanged for was ever used: that pair is revoked
//! and another takes its place. Once anything of it was used, somebody has the pair, and whoever presents the spent
//! token is somebody else: a proven replay. How much time has passed plays no part.

use platform::Timestamp;

/// What became of a refresh token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    /// Not exchanged yet.
    Live,
    /// Exchanged for a pair.
    Spent,
    /// Replaced, because the token before it was honoured again.
    Revoked,
}

/// A refresh token that a client presents.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Presented {
    pub(crate) state: State,
    pub(crate) expires: Timestamp,
}

/// The pair that a spent refresh token was exchanged for last.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Successor {
    pub(crate) refresh_state: State,
    pub(crate) access_was_used: bool,
}

/// What to do with a refresh token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Decision {
    /// Give a new pair for it.
    Exchange,
    /// Revoke the pair that it was exchanged for, and give a new one.
    Reissue,
    /// Say that it isn't good.
    Refuse,
    /// End the login session: two parties hold its tokens.
    EndSession,
}

/// Decides about a refresh token of a login session that is open.
pub(crate) fn decide(
    presented: Presented,
    successor: Option<Successor>,
    now: Timestamp,
) -> Decision {
    let is_expired = presented.expires <= now;
    match (presented.state, successor) {
        (State::Spent, Some(next))
            if next.access_was_used || next.refresh_state == State::Spent =>
        {
            Decision::EndSession
        }
        (State::Live, _) if !is_expired => Decision::Exchange,
        (State::Spent, Some(_)) if !is_expired => Decision::Reissue,
        _ => Decision::Refuse,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_micros(1_000);

    fn presented(state: State) -> Presented {
        Presented {
            state,
            expires: Timestamp::from_micros(2_000),
        }
    }

    fn successor(refresh_state: State, access_was_used: bool) -> Option<Successor> {
        Some(Successor {
            refresh_state,
            access_was_used,
        })
    }

    #[test]
    fn exchanges_a_live_token_until_it_expires() {
        let live = presented(State::Live);
        assert_eq!(decide(live, None, NOW), Decision::Exchange);
        assert_eq!(decide(live, None, live.expires), Decision::Refuse);
    }

    #[test]
    fn honours_a_spent_token_while_nothing_of_its_successor_was_used() {
        let spent = presented(State::Spent);
        let unused = successor(State::Live, false);
        assert_eq!(decide(spent, unused, NOW), Decision::Reissue);
        assert_eq!(decide(spent, unused, spent.expires), Decision::Refuse);
    }

    #[test]
    fn ends_the_session_once_anything_of_the_successor_was_used() {
        let spent = presented(State::Spent);
        for used in [
            successor(State::Spent, false),
            successor(State::Live, true),
            successor(State::Spent, true),
        ] {
            assert_eq!(decide(spent, used, NOW), Decision::EndSession);
            assert_eq!(decide(spent, used, spent.expires), Decision::EndSession);
        }
    }

    #[test]
    fn refuses_a_token_that_was_replaced() {
        let revoked = presented(State::Revoked);
        assert_eq!(decide(revoked, None, NOW), Decision::Refuse);
    }
}
