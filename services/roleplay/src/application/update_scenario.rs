//! Changes, deletes and copies scenarios.

use mesh::Ctx;
use service::RequestKey;

use super::Error;
use super::create_scenario::ScenarioPatch;
use super::error::check_etag_of;
use super::keep_scenario::Made;
use super::once::Once;
use super::scenarios::{Scenarios, Seen, check_lorebooks, fill_cast, own};
use crate::domain::book::Book;
use crate::domain::card::MAX_FILE_BYTES;
use crate::domain::etag::change_time;
use crate::domain::ids::{LorebookId, ScenarioId, UserId};
use crate::domain::scenario::{MAX_NAME_CHARS, Scenario, ScenarioError, check, check_size};
use crate::domain::sharing::{Sharing, Sight};
use crate::infrastructure::queries::{scenarios, sessions, stories};

/// What the copy of a scenario is called beside its name.
const COPY: &str = " (copy)";

impl Scenarios {
    /// Changes a scenario of the caller. It must still have the etag, unless that is empty.
    pub(crate) async fn update_scenario(
        &self,
        ctx: &Ctx,
        id: ScenarioId,
        patch: &ScenarioPatch,
        etag: &str,
    ) -> Result<Seen, Error> {
        let (user, now) = (ctx.user_id()?, self.clock.now());
        // Before others wait for this.
        check_size(&patch.script, patch.cast.as_deref().unwrap_or_default())?;
        let changed = self.db.transaction(|tx| {
            Box::pin(async move {
                let before = own(tx, user, id).await?;
                check_etag_of("scenario", &before.etag(), etag)?;
                let mut scenario = before.clone();
                patch.apply(&mut scenario);
                check(&scenario.script, &scenario.cast, &scenario.lorebook_ids)?;
                if scenario.sharing != before.sharing {
                    self.access
                        .check_sharing(&scenario.sharing, "scenario.rating")?;
                }
                fill_cast(tx, &self.access, user, &mut scenario.cast, &before.cast).await?;
                check_lorebooks(tx, user, &scenario.lorebook_ids).await?;
                if scenario != before {
                    scenario.update_time = change_time(now, before.update_time);
                    scenarios::update(tx, &scenario).await?;
                }
                Ok(scenario)
            })
        });
        let changed: Result<Scenario, Error> = changed.await;
        let changed = changed.map_err(Error::of_scenario)?;
        self.seen(changed, Sight::Own).await
    }

    /// Deletes a scenario of the caller. Sessions that were started from it stay. It must still have the etag, unless that is
    /// empty.
    pub(crate) async fn delete_scenario(
        &self,
        ctx: &Ctx,
        id: ScenarioId,
        etag: &str,
    ) -> Result<(), Error> {
        let (user, now) = (ctx.user_id()?, self.clock.now());
        self.db
            .transaction(|tx| {
                Box::pin(async move {
                    let scenario = own(tx, user, id).await?;
                    check_etag_of("scenario", &scenario.etag(), etag)?;
                    scenarios::delete(tx, user, id).await?;
                    stories::forget_scenario(tx, id).await?;
                    Ok(sessions::forget_scenario(tx, id, now).await?)
                })
            })
            .await
    }

    /// Copies a scenario; a repeat of the request gets the copy of the first.
    pub(crate) async fn copy_scenario(
        &self,
        ctx: &Ctx,
        id: ScenarioId,
        name: String,
        token: &str,
        key: Option<RequestKey>,
    ) -> Result<Seen, Error> {
        let user = ctx.user_id()?;
        let once = &Once::new(user, key).within(id);
        if let Some(made) = self.made_before(user, once).await? {
            return Ok(made);
        }
        let (original, sight) = self.usable(ctx, id, token).await?;
        if sight == Sight::Hidden {
            return Err(Error::CardHidden("scenario"));
        }
        let books = match sight {
            Sight::Own => Vec::new(),
            _ => self.copied_books(&original).await?,
        };
        let mut copy = self.copy_of(user, original, name);
        if sight != Sight::Own {
            self.open_roles(user, &mut copy.cast).await?;
            copy.lorebook_ids = books.iter().map(|book| book.id).collect();
        }
        check(&copy.script, &copy.cast, &copy.lorebook_ids)?;
        let made = Made {
            books,
            ..copy.into()
        };
        self.keep_once(ctx, &made, once).await
    }

    fn copy_of(&self, user: UserId, original: Scenario, name: String) -> Scenario {
        let blank = self.blank(user);
        let mut copy = Scenario {
            sharing: Sharing {
                rating: original.sharing.rating,
                ..Sharing::default()
            },
            script: original.script,
            cast: original.cast,
            lorebook_ids: original.lorebook_ids,
            ..blank
        };
        copy.script.name = match name.is_empty() {
            true => {
                let most = MAX_NAME_CHARS - COPY.len();
                let name: String = copy.script.name.chars().take(most).collect();
                name + COPY
            }
            false => name,
        };
        copy
    }

    /// The lorebooks of a scenario as new ones.
    async fn copied_books(&self, scenario: &Scenario) -> Result<Vec<Book>, Error> {
        let books = self.books_of(scenario).await?;
        let size_bytes = books.iter().map(|it| it.document.size_bytes()).sum();
        if size_bytes > MAX_FILE_BYTES {
            let max_bytes = MAX_FILE_BYTES;
            let error = ScenarioError::LoreTooLarge {
                size_bytes,
                max_bytes,
            };
            return Err(error.into());
        }
        let now = self.clock.now();
        let copies = books.into_iter().map(|book| Book {
            id: LorebookId::new(),
            create_time: now,
            update_time: now,
            ..book
        });
        Ok(copies.collect())
    }
}
