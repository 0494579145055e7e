//! The characters of the session: who they are, whose turn it is.

use anyhow::{Context, Result, bail};
use prost_types::FieldMask;
use troupe_proto::roleplay::{
    CastMember, CreateCastMemberRequest, DeleteCastMemberRequest, GenerationSettings,
    ListCastMembersRequest, ListCharactersRequest, PlayTurnsRequest, Session, TurnSettings,
    TurnStrategy, UpdateCastMemberRequest, UpdateSessionRequest,
};

use super::{Conversation, PAGE_LENGTH, refused};
use crate::chat::reply;

impl Conversation<'_> {
    async fn cast(&mut self) -> Result<Vec<CastMember>> {
        let request = ListCastMembersRequest {
            session_id: self.session_id.clone(),
            page_size: PAGE_LENGTH,
            page_token: String::new(),
        };
        let page = self.api.casts.list_cast_members(request).await;
        Ok(page.map_err(refused)?.into_inner().cast_members)
    }

    /// A character of the session, by name or number.
    async fn member(&mut self, who: &str) -> Result<CastMember> {
        let cast = self.cast().await?;
        let number = who
            .parse()
            .ok()
            .and_then(|number: usize| number.checked_sub(1));
        let found = number
            .and_then(|at| cast.get(at))
            .or_else(|| by_name(&cast, who));
        let found = found.with_context(|| format!("there is no {who} here; /cast lists who is"))?;
        Ok(found.clone())
    }

    /// Shows the characters.
    pub(super) async fn list_cast(&mut self) -> Result<()> {
        for (index, member) in self.cast().await?.iter().enumerate() {
            self.screen
                .line(&format!("{:4}  {}", index + 1, part(member)))?;
        }
        Ok(())
    }

    /// Says who speaks here, where there are several.
    pub(super) async fn introduce(&mut self) -> Result<()> {
        match &self.cast().await?[..] {
            [] | [_] => Ok(()),
            several => {
                let parts: Vec<String> = several.iter().map(part).collect();
                self.screen.note(&format!("With {}.", parts.join(", ")))
            }
        }
    }

    /// Lets one of the person's characters join.
    pub(super) async fn add(&mut self, name: String) -> Result<()> {
        let request = ListCharactersRequest {
            query: name.clone(),
            ..Default::default()
        };
        let found = self.api.characters.list_characters(request).await;
        let found = found.map_err(refused)?.into_inner().characters;
        let is_it = |called: &str| called.to_lowercase() == name.to_lowercase();
        let whole = found.iter().find(|it| is_it(&it.name));
        let character = match (whole, &found[..]) {
            (Some(whole), _) => whole,
            (None, [only]) => only,
            (None, []) => bail!("you have no character of that name; /sessions imports one"),
            (None, _) => bail!("several of your characters are called so: type the whole name"),
        };
        let request = CreateCastMemberRequest {
            session_id: self.session_id.clone(),
            cast_member: Some(CastMember {
                character_id: character.id.clone(),
                ..Default::default()
            }),
            request_id: platform::id::RequestId::new().to_string(),
            ..Default::default()
        };
        let joined = self.api.casts.create_cast_member(request).await;
        let joined = joined.map_err(refused)?.into_inner().cast_member;
        let name = joined.unwrap_or_default().character_name;
        self.screen
            .note(&format!("{name} is here now; /let {name} lets it speak."))
    }

    /// Takes a character out of the session.
    pub(super) async fn take_out(&mut self, who: &str) -> Result<()> {
        let member = self.member(who).await?;
        let request = DeleteCastMemberRequest {
            session_id: self.session_id.clone(),
            character_id: member.character_id,
            etag: String::new(),
        };
        let deleted = self.api.casts.delete_cast_member(request).await;
        deleted.map_err(refused)?;
        let name = member.character_name;
        self.screen
            .note(&format!("{name} is out; what it said stays."))
    }

    /// Lets a character speak only when asked, or by itself again.
    pub(super) async fn mute(&mut self, who: &str, muted: bool) -> Result<()> {
        let member = self.member(who).await?;
        let name = member.character_name.clone();
        let request = UpdateCastMemberRequest {
            session_id: self.session_id.clone(),
            cast_member: Some(CastMember { muted, ..member }),
            update_mask: Some(FieldMask {
                paths: vec!["muted".to_owned()],
            }),
        };
        let updated = self.api.casts.update_cast_member(request).await;
        updated.map_err(refused)?;
        self.screen.note(&match muted {
            true => format!("{name} speaks only when you let it: /let {name}"),
            false => format!("{name} speaks by itself again."),
        })
    }

    /// Lets a character speak now.
    pub(super) async fn let_speak(&mut self, who: &str) -> Result<()> {
        let member = self.member(who).await?;
        self.play(member.character_id, None).await
    }

    /// Lets the characters go on by themselves.
    pub(super) async fn auto(&mut self, replies: usize) -> Result<()> {
        let most = i32::try_from(replies).unwrap_or(i32::MAX);
        self.play(String::new(), Some(most)).await
    }

    async fn play(&mut self, character_id: String, max_replies: Option<i32>) -> Result<()> {
        let request = PlayTurnsRequest {
            session_id: self.session_id.clone(),
            character_id,
            max_replies,
            request_id: platform::id::RequestId::new().to_string(),
        };
        let answer = self.api.messages.play_turns(request).await;
        self.show_reply(answer.map(reply::events)).await
    }

    /// Says how the characters take turns.
    pub(super) async fn set_turns(&mut self, strategy: TurnStrategy) -> Result<()> {
        let turns = TurnSettings {
            strategy: Some(strategy.into()),
            ..Default::default()
        };
        let request = UpdateSessionRequest {
            session: Some(Session {
                id: self.session_id.clone(),
                settings: Some(GenerationSettings {
                    turns: Some(turns),
                    ..Default::default()
                }),
                ..Default::default()
            }),
            update_mask: Some(FieldMask {
                paths: vec!["settings.turns.strategy".to_owned()],
            }),
        };
        let updated = self.api.sessions.update_session(request).await;
        updated.map_err(refused)?;
        self.screen.note("From the next message on.")
    }
}

/// A character, and what there is to know of its part.
fn part(member: &CastMember) -> String {
    let mut part = member.character_name.clone();
    if !member.role.is_empty() && member.role != member.character_name {
        part.push_str(&format!(" as {}", member.role));
    }
    if member.muted {
        part.push_str(" (muted)");
    }
    part
}

/// The one of this name, or else the one whose name begins so.
fn by_name<'c>(cast: &'c [CastMember], who: &str) -> Option<&'c CastMember> {
    let who = who.to_lowercase();
    let called = |it: &CastMember| it.character_name.to_lowercase();
    let whole = cast.iter().find(|it| called(it) == who);
    whole.or_else(|| cast.iter().find(|it| called(it).starts_with(&who)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_is_told_by_its_role_and_whether_it_is_mute() {
        let cook = CastMember {
            character_name: "Wren".to_owned(),
            role: "Cook".to_owned(),
            muted: true,
            ..Default::default()
        };
        assert_eq!(part(&cook), "Wren as Cook (muted)");
        let own = CastMember {
            role: "Wren".to_owned(),
            muted: false,
            ..cook
        };
        assert_eq!(part(&own), "Wren");
    }

    #[test]
    fn a_name_is_found_whole_before_its_beginning() {
        let member = |name: &str| CastMember {
            character_name: name.to_owned(),
            ..Default::default()
        };
        let cast = [member("Mira Vale"), member("Mira"), member("Tom")];
        let found = |who| by_name(&cast, who).map(|it| it.character_name.as_str());
        assert_eq!(found("mira"), Some("Mira"));
        assert_eq!(found("to"), Some("Tom"));
        assert_eq!(found("wren"), None);
    }
}
