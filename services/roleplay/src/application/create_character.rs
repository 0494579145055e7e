//! Makes a character.

use mesh::Ctx;
use service::RequestKey;

use super::once::Once;
use super::{Characters, Error};
use crate::domain::card::{Card, CardPatch};
use crate::domain::character::Character;
use crate::domain::ids::CharacterId;
use crate::domain::sharing::{Sharing, SharingPatch};

impl Characters {
    /// Makes a character with a new card. A repeat of the request gets the character of the first, as it is now.
    pub(crate) async fn create_character(
        &self,
        ctx: &Ctx,
        card: CardPatch,
        sharing: SharingPatch,
        key: Option<RequestKey>,
    ) -> Result<Character, Error> {
        let (user, cause, now) = (ctx.user_id()?, ctx.cause(), self.clock.now());
        let sharing = Sharing::default().with(&sharing);
        self.access.check_sharing(&sharing, "character.rating")?;
        let character = Character {
            id: CharacterId::new(),
            owner_id: user,
            card: Card::create(&card).map_err(|error| Error::from(error).of_character())?,
            avatar: None,
            assets: Vec::new(),
            sharing,
            create_time: now,
            update_time: now,
        };
        let once = Once::new(user, key);
        let stored = self.insert(user, &character, &once, &cause).await?;
        if stored != character.id {
            return self.get_character(ctx, stored).await;
        }
        Ok(character)
    }
}
