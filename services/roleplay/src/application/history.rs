//! What happened in sessions as far as the tables know it, to be told again.

use events::{History, HistoryPage, Retold};
use sea_orm::DbErr;
use storage::database::{Connection, Transaction};
use troupe_proto::events::MessageOrigin;
use uuid::Uuid;

use super::happened;
use super::tell::Scene;
use crate::domain::message::Author;
use crate::infrastructure::queries::history::{self, GenerationRow, MessageRow};

/// The history of characters, sessions, messages and generations. What people did to memories isn't in it, nor which swipes
/// and branches they selected.
#[derive(Debug)]
pub struct Chronicle;

impl History for Chronicle {
    type Place = Uuid;

    async fn count(db: &Connection) -> Result<u64, DbErr> {
        history::count(db).await
    }

    /// By the ids of rows of all tables together: they sort by when things began.
    async fn page(
        tx: &Transaction<'_>,
        after: Option<Uuid>,
        limit: u64,
    ) -> Result<HistoryPage<Uuid>, DbErr> {
        let after = after.unwrap_or(Uuid::nil());
        let mut page = Page::new(limit);
        for character in history::characters(tx, after, limit).await? {
            let (id, user, time) = (character.id, character.user_id, character.create_time);
            let told = happened::character_created(id, user, time);
            page.add(id.uuid(), [told.into()]);
        }
        page.next_table();
        for session in history::sessions(tx, after, limit).await? {
            let told = happened::session_created((&session).into(), session.create_time);
            page.add(session.id.uuid(), [told.into()]);
        }
        page.next_table();
        for message in history::messages(tx, after, limit).await? {
            page.add(message.id.uuid(), of_message(&message));
        }
        page.next_table();
        for generation in history::generations(tx, after, limit).await? {
            page.add(generation.id.uuid(), of_generation(&generation));
        }
        page.next_table();
        Ok(page.cut())
    }
}

/// What a message knows, but for what generations wrote in it: they know that themselves.
fn of_message(message: &MessageRow) -> Vec<Retold> {
    let (scene, id) = (Scene::from(message), message.id);
    let origin = match (message.author, message.generation_id) {
        (_, Some(_)) => None,
        (Author::Person, None) => Some(MessageOrigin::Sent),
        (Author::Character, None) => Some(MessageOrigin::Greeting),
    };
    let begun = origin.map(|origin| (origin, message.create_time));
    let edited = message.edit_time.map(|time| (MessageOrigin::Edited, time));
    let told = [begun, edited].into_iter().flatten();
    told.map(|(origin, time)| happened::written(scene, id, origin, time).into())
        .collect()
}

fn of_generation(generation: &GenerationRow) -> Vec<Retold> {
    let mut told = vec![happened::started(generation).into()];
    told.extend(happened::generated(generation).map(Retold::from));
    told.extend(happened::ended(generation, None).map(Retold::from));
    told
}

/// Rows of several tables, of which each was read up to some place.
struct Page {
    limit: usize,
    rows: Vec<(Uuid, Vec<Retold>)>,
    /// Where the rows of the table begin that is being read.
    table: usize,
    /// Up to where all tables were read, if there is more in one.
    end: Option<Uuid>,
}

impl Page {
    fn new(limit: u64) -> Self {
        Self {
            limit: usize::try_from(limit).unwrap_or(usize::MAX),
            rows: Vec::new(),
            table: 0,
            end: None,
        }
    }

    fn add(&mut self, id: Uuid, events: impl Into<Vec<Retold>>) {
        self.rows.push((id, events.into()));
    }

    fn next_table(&mut self) {
        let rows = &self.rows[self.table..];
        if let Some((last, _)) = rows.last().filter(|_| rows.len() >= self.limit) {
            self.end = Some(self.end.map_or(*last, |end| end.min(*last)));
        }
        self.table = self.rows.len();
    }

    /// What all tables were read up to. The rest is read again with the next page.
    fn cut(mut self) -> HistoryPage<Uuid> {
        if let Some(end) = self.end {
            self.rows.retain(|(id, _)| *id <= end);
        }
        self.rows.sort_by_key(|(id, _)| *id);
        HistoryPage {
            rows: self.rows.len() as u64,
            events: self.rows.into_iter().flat_map(|(_, told)| told).collect(),
            next: self.end,
        }
    }
}
