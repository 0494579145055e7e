//! Which messages a branch goes through. None that is there ever leaves it or gets among others, so what was found out of a
//! branch stays true when it goes on: only what nobody asked about before is looked for.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use moka::sync::Cache;
use storage::Database;

use super::Error;
use crate::domain::ids::{MessageId, SessionId};
use crate::infrastructure::queries::path;

/// Most answers that are kept of a session; beyond that it begins anew.
const MAX_ANSWERS: usize = 4_096;
/// Most answers that are kept in all, some 40 bytes each, and for how long after their session was last asked about.
const MAX_ALL_ANSWERS: u64 = 500_000;
const KEPT_FOR: Duration = Duration::from_secs(5 * 60);

/// Where a branch ends, and how it came there.
#[derive(Debug, Clone, Copy)]
pub(super) struct Path<'p> {
    pub(super) session: SessionId,
    /// Its last message.
    pub(super) tip: MessageId,
    /// Its last messages, as far as they are known.
    pub(super) recent: &'p [MessageId],
}

/// What is known of branches. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Ancestry {
    db: Database,
    known: Cache<SessionId, Arc<Known>>,
}

/// What is known of a branch.
#[derive(Debug, Clone)]
struct Known {
    tip: MessageId,
    /// Whether the branch goes through these messages.
    answers: HashMap<MessageId, bool>,
}

impl Ancestry {
    pub(crate) fn new(db: &Database) -> Self {
        let weigh = |_: &SessionId, known: &Arc<Known>| {
            u32::try_from(known.answers.len() + 1).unwrap_or(u32::MAX)
        };
        let known = Cache::builder()
            .max_capacity(MAX_ALL_ANSWERS)
            .weigher(weigh)
            .time_to_idle(KEPT_FOR);
        Self {
            db: db.clone(),
            known: known.build(),
        }
    }

    /// Those of these messages that a branch goes through.
    pub(super) async fn among(
        &self,
        path: Path<'_>,
        messages: &[MessageId],
    ) -> Result<HashSet<MessageId>, Error> {
        let known = self.known.get(&path.session);
        let known = known.filter(|known| known.tip == path.tip || path.recent.contains(&known.tip));
        let answer = |id: &MessageId| match path.recent.contains(id) {
            true => Some(true),
            false => known.as_ref()?.answers.get(id).copied(),
        };
        let (mut held, mut open) = (HashSet::new(), Vec::new());
        for id in messages {
            match answer(id) {
                Some(true) => drop(held.insert(*id)),
                Some(false) => {}
                None => open.push(*id),
            }
        }
        if open.is_empty() {
            return Ok(held);
        }
        let found = path::holds(self.db.read(), path.session, path.tip, &open).await?;
        let mut answers = known.map_or_else(HashMap::new, |known| known.answers.clone());
        if answers.len() + open.len() > MAX_ANSWERS {
            answers.clear();
        }
        answers.extend(open.iter().map(|id| (*id, found.contains(id))));
        let tip = path.tip;
        let known = Arc::new(Known { tip, answers });
        self.known.insert(path.session, known);
        held.extend(found);
        Ok(held)
    }
}
