//! What people in random roles do to the characters of sessions.

use troupe_proto::Reason;
use troupe_proto::error::reason_of;
use troupe_proto::roleplay as pb;

use super::{Expected, PEOPLE, Role, Story, outcome};

impl Story {
    /// A character of each person, which speaks only when it is asked to.
    pub(super) async fn make_actors(&mut self) {
        for (at, person) in self.people.iter().enumerate() {
            let name = format!("Actor {at}");
            self.actors.push(person.actor(&name).await);
        }
    }

    /// Somebody brings a character, changes its part, or takes it out.
    pub(super) async fn change_cast(&mut self, who: usize, at: usize) {
        let whose = self.chance.below(PEOPLE);
        match self.chance.below(5) {
            0 | 1 => self.bring(who, at, whose).await,
            2 => self.mute(who, at, whose).await,
            3 => self.take_out(who, at, whose).await,
            _ => self.read_cast(who, at, whose).await,
        }
    }

    /// A character is its owner's to bring, and a session's owner's to let in.
    async fn bring(&mut self, who: usize, at: usize, whose: usize) {
        let (model, actor) = (&mut self.sessions[at], &self.actors[whose]);
        let expected = match model.to_manage(who) {
            Expected::Done if who != whose => Expected::Gone,
            expected => expected,
        };
        let member = pb::CastMember {
            character_id: actor.clone(),
            ..pb::CastMember::default()
        };
        let brought = self.people[who].bring(&model.id, member).await;
        if expected == Expected::Done && model.cast.contains(actor) {
            let refused = brought.expect_err("it is there twice");
            assert_eq!(reason_of(&refused), Some(Reason::CastUnsuitable));
            return;
        }
        let brought = outcome(brought);
        assert_eq!(brought.0, expected, "{whose} by {who}: {model:?}");
        if brought.1.is_some() {
            model.cast.push(actor.clone());
        }
    }

    /// What somebody may expect who needs a right and a character that is there.
    fn with_actor(&self, at: usize, whose: usize, expected: Expected) -> Expected {
        let is_there = self.sessions[at].cast.contains(&self.actors[whose]);
        match expected {
            Expected::Done if !is_there => Expected::Gone,
            expected => expected,
        }
    }

    async fn mute(&mut self, who: usize, at: usize, whose: usize) {
        let model = &self.sessions[at];
        let expected = self.with_actor(at, whose, model.to_manage(who));
        let member = pb::CastMember {
            character_id: self.actors[whose].clone(),
            muted: true,
            ..pb::CastMember::default()
        };
        let muted = self.people[who].recast(&model.id, member, &["muted"]);
        let muted = outcome(muted.await);
        assert_eq!(muted.0, expected, "{whose} by {who}: {model:?}");
    }

    async fn take_out(&mut self, who: usize, at: usize, whose: usize) {
        let actor = &self.actors[whose];
        let expected = self.with_actor(at, whose, self.sessions[at].to_manage(who));
        let model = &mut self.sessions[at];
        let out = outcome(self.people[who].take_out(&model.id, actor, "").await);
        assert_eq!(out.0, expected, "{whose} by {who}: {model:?}");
        if out.1.is_some() {
            model.cast.retain(|it| it != actor);
        }
    }

    async fn read_cast(&self, who: usize, at: usize, whose: usize) {
        let (person, model) = (&self.people[who], &self.sessions[at]);
        let expected = model.needs(who, &[Role::Owner, Role::Player, Role::Spectator]);
        let request = person.ask(pb::ListCastMembersRequest {
            session_id: model.id.clone(),
            ..Default::default()
        });
        let listed = outcome(person.casts().list_cast_members(request).await);
        assert_eq!(listed.0, expected, "list by {who}: {model:?}");
        let request = person.ask(pb::GetCastMemberRequest {
            session_id: model.id.clone(),
            character_id: self.actors[whose].clone(),
        });
        let got = outcome(person.casts().get_cast_member(request).await);
        let expected = self.with_actor(at, whose, expected);
        assert_eq!(got.0, expected, "{whose} by {who}: {model:?}");
        // Who sees a character in a session sees no more of it than a list shows, unless it is theirs.
        let is_seen = self
            .sessions
            .iter()
            .any(|it| it.roles.contains_key(&who) && it.cast.contains(&self.actors[whose]));
        let seen = outcome(person.get_character(&self.actors[whose]).await);
        let expected = match is_seen || who == whose {
            true => Expected::Done,
            false => Expected::Gone,
        };
        assert_eq!(seen.0, expected, "{whose} by {who}");
        if let Some(seen) = seen.1 {
            assert_eq!(seen.card.is_some(), who == whose, "{whose} by {who}");
        }
    }

    /// A player lets somebody speak, who has to be there.
    pub(super) async fn play_turns(&mut self, who: usize, at: usize) {
        let whose = self.chance.below(PEOPLE);
        let expected = self.with_actor(at, whose, self.sessions[at].to_write(who));
        let model = &mut self.sessions[at];
        let played = self.people[who].play_turns(&model.id, &self.actors[whose], None);
        let played = outcome(played.await);
        assert_eq!(played.0, expected, "{whose} by {who}: {model:?}");
        if let Some(watch) = played.1 {
            let (started, ..) = watch.all().await;
            let message = started.message.unwrap();
            assert_eq!(message.character_id, self.actors[whose]);
            model.messages.push((message.id, None));
        }
    }
}
