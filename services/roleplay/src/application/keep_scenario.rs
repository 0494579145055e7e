//! Stores new scenarios, one for each request however often it comes.

use mesh::Ctx;
use storage::database::Transaction;

use super::Error;
use super::happened::character_created;
use super::once::Once;
use super::scenarios::{Scenarios, Seen, check_lorebooks, own};
use crate::domain::book::Book;
use crate::domain::character::Character;
use crate::domain::ids::UserId;
use crate::domain::scenario::Scenario;
use crate::domain::sharing::Sight;
use crate::infrastructure::queries::{characters, lorebooks, scenarios};

/// A scenario that was made, with what came with it.
pub(super) struct Made {
    pub(super) scenario: Scenario,
    pub(super) characters: Vec<Character>,
    pub(super) books: Vec<Book>,
}

impl From<Scenario> for Made {
    fn from(scenario: Scenario) -> Self {
        Self {
            scenario,
            characters: Vec::new(),
            books: Vec::new(),
        }
    }
}

impl Scenarios {
    /// The scenario that the same request made before, if it is a repeat: before anything is looked at that may be gone since.
    pub(super) async fn made_before(
        &self,
        user: UserId,
        once: &Once,
    ) -> Result<Option<Seen>, Error> {
        let db = self.db.read();
        let Some(made) = once.made(db).await? else {
            return Ok(None);
        };
        let made = own(db, user, made).await?;
        self.seen(made, Sight::Own).await.map(Some)
    }

    /// Stores what the caller has made, or gets what the same request made before.
    pub(super) async fn keep_once(
        &self,
        ctx: &Ctx,
        made: &Made,
        once: &Once,
    ) -> Result<Seen, Error> {
        let (user, scenario) = (ctx.user_id()?, &made.scenario);
        let kept = self.db.transaction(|tx| {
            Box::pin(async move {
                if let Some(earlier) = once.made(tx).await? {
                    return own(tx, user, earlier).await;
                }
                let most = self.limits.scenarios;
                if scenarios::count(tx, user).await? >= u64::from(most) {
                    return Err(Error::TooManyScenarios(most));
                }
                self.store_parts(tx, ctx, made).await?;
                check_lorebooks(tx, user, &scenario.lorebook_ids).await?;
                scenarios::insert(tx, scenario).await?;
                once.note(tx, scenario.id, scenario.create_time).await?;
                Ok(scenario.clone())
            })
        });
        let kept: Result<Scenario, Error> = kept.await;
        self.seen(kept?, Sight::Own).await
    }

    async fn store_parts(&self, tx: &Transaction<'_>, ctx: &Ctx, made: &Made) -> Result<(), Error> {
        let (user, cause) = (ctx.user_id()?, &ctx.cause());
        for character in &made.characters {
            characters::insert(tx, user, character).await?;
            let told = character_created(character.id, user, character.create_time);
            self.outbox.add_retellable(tx, told, cause)?;
        }
        for book in &made.books {
            lorebooks::insert(tx, user, book).await?;
        }
        Ok(())
    }
}
