//! What is to be said after a reply without anybody sending.

use super::Speaker;
use crate::domain::ids::CharacterId;

/// The replies that follow one another without anybody sending.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Round {
    /// Those who were chosen with the one who speaks now, and speak next.
    queue: Vec<Speaker>,
    /// Most replies that may still follow.
    left: u32,
    /// Whether others are chosen when the queue is empty.
    goes_on: bool,
}

impl Round {
    /// The first of those who were chosen, and what follows them: the others, and where `most` is said so many replies in all, for
    /// which more are chosen. Nothing where nobody was chosen.
    #[must_use]
    pub fn begin(chosen: Vec<Speaker>, most: Option<u32>) -> Option<(Speaker, Self)> {
        let mut chosen = chosen.into_iter();
        let first = chosen.next()?;
        let queue: Vec<Speaker> = chosen.collect();
        let left = match most {
            Some(most) => most.saturating_sub(1),
            None => u32::try_from(queue.len()).unwrap_or(u32::MAX),
        };
        let goes_on = most.is_some();
        Some((
            first,
            Self {
                queue,
                left,
                goes_on,
            },
        ))
    }

    /// Whether nothing follows.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.left == 0 || (self.queue.is_empty() && !self.goes_on)
    }

    /// Who speaks next and what follows then, among those who may still speak. `choose` is asked where the queue is empty.
    #[must_use]
    pub fn next(
        mut self,
        may_speak: impl Fn(CharacterId) -> bool,
        choose: impl FnOnce() -> Vec<Speaker>,
    ) -> Option<(Speaker, Self)> {
        self.queue.retain(|it| may_speak(it.character_id));
        if self.queue.is_empty() && self.goes_on && self.left > 0 {
            self.queue = choose();
        }
        if self.left == 0 || self.queue.is_empty() {
            return None;
        }
        let next = self.queue.remove(0);
        self.left -= 1;
        Some((next, self))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::turn::Call;

    fn speaker() -> Speaker {
        Speaker {
            character_id: CharacterId::new(),
            call: Call::Listed,
        }
    }

    #[test]
    fn those_who_were_chosen_speak_once_each() {
        let [a, b, c] = [speaker(), speaker(), speaker()];
        let (first, round) = Round::begin(vec![a, b, c], None).unwrap();
        assert_eq!(first, a);
        let nobody = || panic!("nobody is chosen anew");
        let (second, round) = round.next(|_| true, nobody).unwrap();
        assert_eq!(second, b);
        let (third, round) = round.next(|_| true, nobody).unwrap();
        assert_eq!((third, round.is_over()), (c, true));
        assert_eq!(round.next(|_| true, nobody), None);
        assert_eq!(Round::begin(Vec::new(), Some(5)), None);
    }

    #[test]
    fn a_limit_holds_for_all_and_more_are_chosen_up_to_it() {
        let [a, b] = [speaker(), speaker()];
        let (mut said, mut round) = (Vec::new(), Round::begin(vec![a, b], Some(5)));
        while let Some((next, rest)) = round {
            said.push(next);
            round = rest.next(|_| true, || vec![a, b]);
        }
        assert_eq!(said, [a, b, a, b, a]);
        let (_, only) = Round::begin(vec![a, b], Some(1)).unwrap();
        assert!(only.is_over());
    }

    #[test]
    fn who_may_not_speak_any_more_is_passed_over() {
        let [a, b, c] = [speaker(), speaker(), speaker()];
        let (_, round) = Round::begin(vec![a, b, c], None).unwrap();
        let next = round.next(|id| id != b.character_id, Vec::new);
        assert_eq!(next.unwrap().0, c);
        let (_, round) = Round::begin(vec![a, b], Some(3)).unwrap();
        assert_eq!(round.next(|_| false, Vec::new), None);
    }
}
