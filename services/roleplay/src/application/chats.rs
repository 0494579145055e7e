//! Sessions, their messages and generations: what all their use cases share.

use std::sync::Arc;
use std::time::Duration;

use events::Outbox;
use mesh::Ctx;
use moka::sync::Cache;
use platform::{Clock, Tasks};
use service::Host;
use storage::Database;

use super::access::enter_as_caller;
use super::cast::{Sheet, SheetKey};
use super::doors::Doors;
use super::ensemble::{JointLore, LoreKey};
use super::follow_generation::Followed;
use super::hold_generations::Hold;
use super::live::Live;
use super::page::wanted;
use super::shared_access::SharedAccess;
use super::{Error, Memories};
use crate::domain::generation::State;
use crate::domain::ids::{BranchId, MessageId, SessionId};
use crate::domain::message::Message;
use crate::domain::participant::Right;
use crate::domain::session::{Branch, Session};
use crate::infrastructure::models::Models;
use crate::infrastructure::profiles::Profiles;
use crate::infrastructure::queries::{branches, messages, path, sessions};
use crate::infrastructure::tables;

/// What characters take that are kept ready for prompts, in bytes, and for how long after their last turn they are.
const READY_SHEETS_BYTES: u64 = 16 << 20;
const READY_FOR: Duration = Duration::from_secs(5 * 60);
/// Bytes of text after which a page of messages ends, so that it fits an answer of gRPC.
pub(super) const PAGE_BYTES: usize = 1 << 20;

/// Sessions, messages and generations. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Chats {
    pub(super) db: Database,
    pub(super) outbox: Outbox,
    // Of the host no more than these: its events hold the consumers, and one of them holds this.
    pub(super) clock: Clock,
    pub(super) tasks: Tasks,
    pub(super) models: Models,
    pub(super) profiles: Profiles,
    pub(super) memories: Memories,
    pub(super) hold: Arc<Hold>,
    pub(super) live: Live,
    pub(super) followed: Followed,
    pub(super) doors: Doors,
    pub(super) limits: GenerationLimits,
    pub(super) access: SharedAccess,
    pub(super) sheets: Cache<SheetKey, Arc<Sheet>>,
    /// The lorebooks of several characters, and of scenarios.
    pub(super) lores: Cache<LoreKey, Arc<JointLore>>,
}

/// How long generations may take, and how many may run.
#[derive(Debug, Clone, Copy)]
pub(crate) struct GenerationLimits {
    /// A generation.
    pub(crate) whole: Duration,
    /// What of it comes after shutdown began.
    pub(crate) after_stop: Duration,
    /// Of a person at a time, with those that wait.
    pub(crate) per_person: u32,
    /// That wait in a session.
    pub(crate) waiting: u32,
}

impl Chats {
    /// The use cases over a database with its outbox, two services and what sessions remember.
    #[expect(clippy::too_many_arguments, reason = "what it holds")]
    pub(crate) fn new(
        db: Database,
        outbox: Outbox,
        host: &Host,
        models: Models,
        profiles: Profiles,
        memories: Memories,
        limits: GenerationLimits,
        access: SharedAccess,
    ) -> Self {
        let sheets = Cache::builder()
            .max_capacity(READY_SHEETS_BYTES)
            .weigher(|_, sheet: &Arc<Sheet>| sheet.size())
            .time_to_idle(READY_FOR);
        let lores = Cache::builder()
            .max_capacity(READY_SHEETS_BYTES)
            .weigher(|_, lore: &Arc<JointLore>| lore.size())
            .time_to_idle(READY_FOR);
        Self {
            hold: Arc::new(Hold::new(&db, &host.data_dir)),
            db,
            outbox,
            clock: host.clock.clone(),
            tasks: host.tasks.clone(),
            models,
            profiles,
            memories,
            live: Live::default(),
            followed: Followed::default(),
            doors: Doors::default(),
            limits,
            access,
            sheets: sheets.build(),
            lores: lores.build(),
        }
    }

    /// A session that the caller takes part in, to read it.
    pub(crate) async fn get_session(&self, ctx: &Ctx, id: SessionId) -> Result<Session, Error> {
        enter_as_caller(&self.db, ctx, id, Right::Watch).await
    }

    /// At most `limit` sessions that the caller takes part in, most recently used first.
    pub(crate) async fn list_sessions(
        &self,
        ctx: &Ctx,
        filter: sessions::Filter,
        limit: usize,
    ) -> Result<Vec<Session>, Error> {
        let limit = u64::try_from(limit).unwrap_or(u64::MAX);
        Ok(sessions::list(self.db.read(), ctx.user_id()?, filter, limit).await?)
    }

    /// At most `limit` branches of a session behind one, oldest first.
    pub(crate) async fn list_branches(
        &self,
        ctx: &Ctx,
        id: SessionId,
        after: Option<BranchId>,
        limit: usize,
    ) -> Result<Vec<Branch>, Error> {
        let session = self.get_session(ctx, id).await?;
        let limit = u64::try_from(limit).unwrap_or(u64::MAX);
        Ok(branches::list(self.db.read(), session.id, after, limit).await?)
    }

    /// A branch of a session.
    pub(crate) async fn get_branch(
        &self,
        ctx: &Ctx,
        session: SessionId,
        id: BranchId,
    ) -> Result<Branch, Error> {
        let session = self.get_session(ctx, session).await?;
        let branch = branches::find(self.db.read(), session.id, id).await?;
        branch.ok_or(Error::NotFound("branch"))
    }

    /// A message of a session.
    pub(crate) async fn get_message(
        &self,
        ctx: &Ctx,
        session: &Session,
        id: MessageId,
    ) -> Result<Message, Error> {
        let message = messages::find_whole(self.db.read(), session.id, id).await?;
        let message = message.ok_or(Error::NotFound("message"))?;
        self.shown(ctx, session, message).await
    }

    /// At most `limit` messages from one on towards the root, newest first, and the one after them.
    pub(crate) async fn list_messages(
        &self,
        ctx: &Ctx,
        session: &Session,
        from: MessageId,
        limit: usize,
    ) -> Result<(Vec<Message>, Option<MessageId>), Error> {
        let limits = path::Limits {
            messages: limit,
            bytes: PAGE_BYTES,
        };
        let models = path::load(self.db.read(), session.id, from, limits).await?;
        // The message that a page token names may have been deleted since.
        let next = models.last().ok_or(Error::NotFound("message"))?.parent_id;
        let messages = messages::whole(self.db.read(), session.id, models).await?;
        let messages = self.all_shown(ctx, session, messages, usize::MAX);
        Ok((messages.await?, next))
    }

    /// At most `limit` swipes of a message, itself included, in their order from behind a place among them, and whether there
    /// are more.
    pub(crate) async fn list_swipes(
        &self,
        ctx: &Ctx,
        session: &Session,
        id: MessageId,
        after: Option<u32>,
        limit: usize,
    ) -> Result<(Vec<Message>, bool), Error> {
        let db = self.db.read();
        let message = messages::find(db, session.id, id).await?;
        let parent = message.ok_or(Error::NotFound("message"))?.parent_id;
        let mut swipes =
            messages::list_swipes(db, session.id, parent, after, wanted(limit)).await?;
        let read = swipes.len();
        swipes.truncate(limit);
        let swipes = messages::whole(db, session.id, swipes).await?;
        let swipes = self.all_shown(ctx, session, swipes, PAGE_BYTES).await?;
        let more = swipes.len() < read;
        Ok((swipes, more))
    }

    /// Where a branch of a session ends; by default, the one the session is turned to.
    pub(crate) async fn head(
        &self,
        session: &Session,
        branch: Option<BranchId>,
    ) -> Result<Option<MessageId>, Error> {
        let Some(branch) = branch else {
            return Ok(session.branch.head);
        };
        let branch = branches::find(self.db.read(), session.id, branch).await?;
        Ok(branch.ok_or(Error::NotFound("branch"))?.head)
    }
}

/// Refuses a message that a generation is writing.
pub(super) fn check_not_generating(message: &tables::message::Model) -> Result<(), Error> {
    match message.generation_id {
        Some(id) if message.state == State::Running => Err(Error::GenerationRunning(id)),
        _ => Ok(()),
    }
}
