//! Finds what a prompt should recall. A turn never fails for it, and never waits long: what can't be found in time is
//! left out, and the receipt says so.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use mesh::Ctx;

use super::ancestry::Path;
use super::{Error, Memories};
use crate::domain::ids::{MemoryId, SessionId};
use crate::domain::memory::{MAX_REMEMBERED_CHARS, Memory, beginning, remembered};
use crate::domain::prompt::{Recall, Recalled, Turn};
use crate::infrastructure::queries::memories;

/// Messages at the end of the conversation whose meaning is looked for.
const SOUGHT_TURNS: usize = 3;
/// Memories that are looked at together.
const PART: usize = 16;
/// Searches for one prompt: most of what is near may be of other branches.
const MOST_SEARCHES: usize = 4;

/// What is known of a session's memories without a search.
#[derive(Debug, Default)]
pub(super) struct Kept {
    /// The pinned memories of all branches, oldest first.
    pub(super) pinned: Vec<Memory>,
    /// Whether there are notes that only a search finds.
    pub(super) has_notes: bool,
}

/// A memory, and how near it is.
pub(super) type Near = (MemoryId, f32);

/// The end of a conversation, for which something is to be recalled.
pub(super) struct Scene<'s> {
    pub(super) session: SessionId,
    /// The branch that it ends.
    pub(super) path: Option<Path<'s>>,
    /// The last messages, oldest first.
    pub(super) turns: &'s [Turn<'s>],
    /// Messages that the prompt has in any case.
    pub(super) said: HashSet<&'s str>,
}

impl Memories {
    /// What a session keeps for every prompt, on whichever branch.
    pub(super) async fn kept(&self, session: SessionId) -> Result<Kept, Error> {
        let db = self.db.read();
        let has = memories::has(db, session).await?;
        let pinned = match has.pinned {
            true => memories::pinned(db, session).await?,
            false => Vec::new(),
        };
        Ok(Kept {
            pinned,
            has_notes: has.notes,
        })
    }

    /// Of pinned memories those that a prompt of a path has, oldest first.
    pub(super) async fn pinned_on(
        &self,
        path: Option<Path<'_>>,
        pinned: Vec<Memory>,
    ) -> Result<Vec<Recalled>, Error> {
        if pinned.is_empty() {
            return Ok(Vec::new());
        }
        let pinned = pinned.into_iter().map(|memory| (memory, None)).collect();
        let pinned = self.on_path(path, pinned).await?;
        Ok(pinned.into_iter().map(recalled).collect())
    }

    /// The pinned memories and those that are near to the end of the conversation, oldest first.
    pub(super) async fn recall(
        &self,
        ctx: &Ctx,
        scene: Scene<'_>,
        pinned: &[Recalled],
    ) -> (Recall, Vec<Recalled>) {
        let mut recalled = pinned.to_vec();
        let limit = Duration::from_millis(self.config.recall_timeout_ms);
        let found = match tokio::time::timeout(limit, self.find_near(ctx, &scene)).await {
            Ok(Ok(found)) => found,
            Ok(Err(error)) => return (unavailable(&error), recalled),
            Err(_) => {
                let problem = format!("the search took longer than {} ms", limit.as_millis());
                tracing::warn!(session.id = %scene.session, "a prompt is made without recall: {problem}");
                return (Recall::Unavailable { problem }, recalled);
            }
        };
        recalled.extend(found);
        // Ids are made in the order of time, and so they are as text.
        recalled.sort_by(|a, b| a.id.cmp(&b.id));
        (Recall::Recalled, recalled)
    }

    async fn find_near(&self, ctx: &Ctx, scene: &Scene<'_>) -> Result<Vec<Recalled>, Error> {
        let text = sought(scene.turns);
        let said = scene.said.iter().filter_map(|id| id.parse().ok());
        let mut except: HashSet<MemoryId> = said.map(MemoryId::of_message).collect();
        let (collection, vector) = self.index.embed_query(ctx, text).await?;
        // Some of those that are chosen from won't fit, and some that are near are of other branches.
        let enough = self.config.max_recalled + self.config.max_recalled / 2;
        let limit = enough * 2;
        let mut found = Vec::new();
        for _ in 0..MOST_SEARCHES {
            let near = collection
                .search(scene.session, &vector, limit, &except)
                .await?;
            for part in near.chunks(PART) {
                found.extend(self.open(scene, part).await?);
                if found.len() >= enough {
                    return Ok(found);
                }
            }
            if near.len() < limit {
                break;
            }
            except.extend(near.into_iter().map(|(id, _)| id));
        }
        Ok(found)
    }

    /// Of memories that are near, those that a prompt may have and doesn't have anyway.
    async fn open(
        &self,
        scene: &Scene<'_>,
        near: &[Near],
    ) -> Result<impl Iterator<Item = Recalled>, Error> {
        let memories = self.read(scene.session, near).await?;
        let is_open = |memory: &Memory| !memory.pinned && !memory.disabled && !memory.hidden;
        let open = memories.into_iter().filter(|(memory, _)| is_open(memory));
        let open = open.map(|(memory, score)| (memory, Some(score)));
        let open = self.on_path(scene.path, open.collect()).await?;
        Ok(open.into_iter().map(recalled))
    }

    /// The memories that a search found, in its order, without those that are forgotten by now.
    pub(super) async fn read(
        &self,
        session: SessionId,
        near: &[Near],
    ) -> Result<Vec<(Memory, f32)>, Error> {
        let ids = near.iter().map(|(id, _)| *id);
        let memories = memories::list_of(self.db.read(), session, ids).await?;
        let mut memories: HashMap<MemoryId, Memory> = memories
            .into_iter()
            .map(|memory| (memory.id, memory))
            .collect();
        let near = near
            .iter()
            .filter_map(|(id, score)| Some((memories.remove(id)?, *score)));
        Ok(near.collect())
    }
}

fn unavailable(error: &Error) -> Recall {
    tracing::warn!(%error, "a prompt is made without recall");
    Recall::Unavailable {
        problem: error.to_string(),
    }
}

fn recalled((memory, score): (Memory, Option<f32>)) -> Recalled {
    Recalled {
        id: memory.id.to_string(),
        message_id: memory.message_id.map(|id| id.to_string()),
        text: memory.text,
        pinned: memory.pinned,
        score,
    }
}

/// The last messages, the newest whole and as much of those before it as fits.
fn sought(turns: &[Turn<'_>]) -> String {
    let mut left = MAX_REMEMBERED_CHARS;
    let mut texts = Vec::new();
    for turn in turns.iter().rev().take(SOUGHT_TURNS) {
        let text = remembered(&turn.name, &turn.text);
        let length = text.chars().count();
        if length > left {
            texts.push(beginning(&text, left));
            break;
        }
        left -= length;
        texts.push(text);
    }
    texts.reverse();
    texts.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::role::Role;

    fn turn(text: &str) -> Turn<'static> {
        Turn {
            id: "".into(),
            role: Role::User,
            name: "Ada".into(),
            text: text.to_owned().into(),
        }
    }

    #[test]
    fn looks_for_the_meaning_of_the_last_messages() {
        let turns = ["one", "two", "three", "four"].map(turn);
        assert_eq!(sought(&turns), "Ada: two\nAda: three\nAda: four");
    }

    #[test]
    fn takes_the_newest_message_before_those_before_it() {
        let turns = [turn(&"old ".repeat(300)), turn(&"new ".repeat(200))];
        let text = sought(&turns);
        assert!(text.ends_with(&"new ".repeat(200).trim_end()), "{text}");
        assert!(text.starts_with("Ada: old") && text.len() < 1_020, "{text}");
    }
}
