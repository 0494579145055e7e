//! When a refresh token is good for a new pair.
//!
//! A refresh token is good once. Two honest things bring a spent one back: an answer that got lost, so that the client has
//! only the spent token; and two tabs that share their tokens, of which one is a moment behind. A thief brings it back too.
//! What tells them apart is whether the pair that the token was exchanged for is in use, and for how long it may have been:
//!
//! | the token | its next pair | the pair after that | since | decision |
//! |---|---|---|---|---|
//! | not exchanged | – | – | – | exchange it |
//! | spent | unused | – | while this call was waiting | repeat the answer: the same pair |
//! | spent, from a cookie | unused | – | the grace or less | repeat the answer: the same pair |
//! | spent | unused | – | any time | reissue: another pair, and the unused one is revoked |
//! | replaced | unused | – | the grace or less | superseded |
//! | replaced | unused | – | longer | reissue: whoever was given the other pair has lost it |
//! | spent or replaced | used | unused | the grace or less | superseded |
//! | spent or replaced | used | unused | longer | a proven replay: end the session |
//! | spent or replaced | used | used | any time | a proven replay: end the session |
//!
//! The tabs of a page share a cookie and nothing else: each uses the access token that it was given, and the browser keeps the
//! refresh token of whichever answer it read last. So all answers to one cookie have the same pair: no tab loses its access
//! token to another, and whatever comes last is good. A thief who copied the cookie is found out once it is exchanged twice.
//!
//! Whether the pair after the next was used is judged as of the moment when the call arrived: of many tabs that call at once, the
//! last may wait in line while the first go on, and are no replay for that.
//!
//! A pair is used once its access token was seen or its refresh token was exchanged. *Replaced* is the token of a pair that
//! was revoked unused; its next pair is the one that took its place, since whoever holds it lags behind in the same way.
//! *Superseded* gives no tokens and ends nothing: the client reads its store again, where the other tab has put the pair.
//! A token that expired is refused, unless it proves a replay.

use std::time::Duration;

use platform::Timestamp;

/// What became of a refresh token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    /// Not exchanged yet.
    Live,
    /// Exchanged for a pair, last at a time.
    Spent { at: Timestamp },
    /// Revoked unused at a time, because the token before it was honoured again.
    Replaced { at: Timestamp },
}

/// A refresh token that a client presents.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Presented {
    pub(crate) state: State,
    pub(crate) expires: Timestamp,
    /// The pair that took its place, and what became of it.
    pub(crate) next: Option<NextPair>,
}

/// How far things went on with the pair that took a token's place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NextPair {
    /// Nothing of it was used.
    Unused,
    /// Something of it was used, and nothing of the pair after it.
    Used,
    /// Something of the pair after it was used.
    Outlived,
}

/// When a token is presented.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Moment {
    pub(crate) now: Timestamp,
    /// For how long a spent token is a tab that is behind, while its next pair is in use.
    pub(crate) grace: Duration,
    /// Whether the call was here before the token was spent: both came at the same moment.
    pub(crate) is_overlapping: bool,
    /// Whether a browser keeps the token in a cookie.
    pub(crate) is_in_cookie: bool,
}

/// What to do with a refresh token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Decision {
    /// Give a new pair for it.
    Exchange,
    /// Give the pair that it was exchanged for once more.
    Repeat,
    /// Revoke the pair that it was exchanged for, and give a new one.
    Reissue,
    /// Give nothing, and say that another pair took its place.
    Supersede,
    /// Say that it isn't good.
    Refuse,
    /// End the login session: two parties hold its tokens.
    EndSession,
}

/// Decides about a refresh token of a login session that is open, by the table above.
pub(crate) fn decide(presented: Presented, moment: Moment) -> Decision {
    let is_expired = presented.expires <= moment.now;
    let (gone_at, is_replaced) = match presented.state {
        State::Live if is_expired => return Decision::Refuse,
        State::Live => return Decision::Exchange,
        State::Spent { at } => (at, false),
        State::Replaced { at } => (at, true),
    };
    let is_fresh = moment.now.since(gone_at) <= moment.grace;
    match presented.next {
        Some(NextPair::Outlived) => Decision::EndSession,
        Some(NextPair::Used) if is_fresh => Decision::Supersede,
        Some(NextPair::Used) => Decision::EndSession,
        Some(NextPair::Unused) if is_expired => Decision::Refuse,
        Some(NextPair::Unused) if is_replaced && is_fresh => Decision::Supersede,
        Some(NextPair::Unused) if !is_replaced && moment.is_overlapping => Decision::Repeat,
        Some(NextPair::Unused) if !is_replaced && moment.is_in_cookie && is_fresh => {
            Decision::Repeat
        }
        Some(NextPair::Unused) => Decision::Reissue,
        None => Decision::Refuse,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const AT: Timestamp = Timestamp::from_micros(1_000_000_000);
    const GRACE: Duration = Duration::from_secs(10);
    const LATER: Duration = Duration::from_micros(10_000_001);
    const SPENT: State = State::Spent { at: AT };
    const REPLACED: State = State::Replaced { at: AT };

    fn decided(state: State, next: NextPair, after: Duration) -> Decision {
        let presented = Presented {
            state,
            expires: AT + Duration::from_secs(1_000_000),
            next: Some(next),
        };
        decide(presented, moment(after))
    }

    fn moment(after: Duration) -> Moment {
        Moment {
            now: AT + after,
            grace: GRACE,
            is_overlapping: false,
            is_in_cookie: false,
        }
    }

    #[test]
    fn exchanges_a_live_token_until_it_expires() {
        let live = Presented {
            state: State::Live,
            expires: AT + GRACE,
            next: None,
        };
        assert_eq!(decide(live, moment(Duration::ZERO)), Decision::Exchange);
        assert_eq!(decide(live, moment(GRACE)), Decision::Refuse);
    }

    #[test]
    fn decides_about_tokens_that_come_again_as_the_table_says() {
        use Decision::{EndSession, Reissue, Supersede};
        use NextPair::{Outlived, Unused, Used};
        for (state, next, in_grace, later) in [
            (SPENT, Unused, Reissue, Reissue),
            (SPENT, Used, Supersede, EndSession),
            (SPENT, Outlived, EndSession, EndSession),
            (REPLACED, Unused, Supersede, Reissue),
            (REPLACED, Used, Supersede, EndSession),
            (REPLACED, Outlived, EndSession, EndSession),
        ] {
            for after in [Duration::ZERO, GRACE] {
                let decision = decided(state, next, after);
                assert_eq!(decision, in_grace, "{state:?} {next:?} {after:?}");
            }
            for after in [LATER, 1_000 * GRACE] {
                let decision = decided(state, next, after);
                assert_eq!(decision, later, "{state:?} {next:?} {after:?}");
            }
        }
    }

    #[test]
    fn calls_of_the_same_moment_get_the_same_pair_while_it_is_unused() {
        for (next, decision) in [
            (NextPair::Unused, Decision::Repeat),
            (NextPair::Used, Decision::Supersede),
            (NextPair::Outlived, Decision::EndSession),
        ] {
            let presented = Presented {
                state: SPENT,
                expires: AT + GRACE,
                next: Some(next),
            };
            let moment = Moment {
                is_overlapping: true,
                ..moment(Duration::ZERO)
            };
            assert_eq!(decide(presented, moment), decision);
        }
    }

    #[test]
    fn a_cookie_that_comes_again_gets_the_same_pair_and_has_no_other_rights() {
        use Decision::{EndSession, Reissue, Repeat, Supersede};
        use NextPair::{Outlived, Unused, Used};
        for (next, in_grace, later) in [
            (Unused, Repeat, Reissue),
            (Used, Supersede, EndSession),
            (Outlived, EndSession, EndSession),
        ] {
            for (after, decision) in [(GRACE, in_grace), (LATER, later)] {
                let presented = Presented {
                    state: SPENT,
                    expires: AT + Duration::from_secs(1_000_000),
                    next: Some(next),
                };
                let moment = Moment {
                    is_in_cookie: true,
                    ..moment(after)
                };
                assert_eq!(decide(presented, moment), decision, "{next:?} {after:?}");
            }
        }
    }

    #[test]
    fn a_token_that_expired_gives_nothing_and_still_proves_a_replay() {
        for (state, next, decision) in [
            (SPENT, NextPair::Unused, Decision::Refuse),
            (REPLACED, NextPair::Unused, Decision::Refuse),
            (SPENT, NextPair::Used, Decision::EndSession),
            (REPLACED, NextPair::Outlived, Decision::EndSession),
        ] {
            let presented = Presented {
                state,
                expires: AT + GRACE,
                next: Some(next),
            };
            assert_eq!(decide(presented, moment(LATER)), decision);
        }
    }

    #[test]
    fn refuses_a_token_whose_place_nothing_took() {
        for state in [SPENT, REPLACED] {
            let presented = Presented {
                state,
                expires: AT + GRACE,
                next: None,
            };
            assert_eq!(decide(presented, moment(Duration::ZERO)), Decision::Refuse);
        }
    }
}
