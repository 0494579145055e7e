//! People in random roles do random things. A model beside the API says what each may see and change; whatever the API does else
//! fails. Each seed is the same story each time.

mod cast;
mod manage;

use std::collections::BTreeMap;

use tonic::{Code, Status};
use troupe_proto::Reason;
use troupe_proto::error::reason_of;
use troupe_proto::roleplay::{self as pb, ParticipantRole as Role};

use crate::people::as_role;
use crate::stage::{Person, Stage};

const PEOPLE: usize = 5;
const SESSIONS: usize = 3;
const STEPS: usize = 150;

/// What somebody may expect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Expected {
    Done,
    /// They see the session, and their role doesn't allow it.
    Denied,
    /// As if there were no such thing.
    Gone,
}

/// Numbers that are as good as random, and the same each time (SplitMix64).
struct Chance(u64);

impl Chance {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((z ^ (z >> 31)) % limit as u64).unwrap()
    }

    fn role(&mut self) -> Role {
        [Role::Player, Role::Spectator][self.below(2)]
    }
}

#[derive(Debug, Clone)]
struct Link {
    token: String,
    role: Role,
    left: usize,
}

/// A session as it should be.
#[derive(Debug, Default)]
struct Model {
    id: String,
    /// Who takes part.
    roles: BTreeMap<usize, Role>,
    /// The ids of all who ever did, by who first joined.
    known: Vec<(usize, String)>,
    /// Whom no link up to this one brings back.
    barred: BTreeMap<usize, usize>,
    links: Vec<Link>,
    /// What was said, and by whom.
    messages: Vec<(String, Option<usize>)>,
    /// The ids of its characters, in their order.
    cast: Vec<String>,
}

impl Model {
    fn role(&self, who: usize) -> Option<Role> {
        self.roles.get(&who).copied()
    }

    /// What somebody may expect who needs one of these roles.
    fn needs(&self, who: usize, roles: &[Role]) -> Expected {
        match self.role(who) {
            None => Expected::Gone,
            Some(role) if roles.contains(&role) => Expected::Done,
            Some(_) => Expected::Denied,
        }
    }

    fn to_write(&self, who: usize) -> Expected {
        self.needs(who, &[Role::Owner, Role::Player])
    }

    fn to_manage(&self, who: usize) -> Expected {
        self.needs(who, &[Role::Owner])
    }

    fn to_change(&self, who: usize, message: usize) -> Expected {
        let is_own = self.messages[message].1 == Some(who);
        match self.to_write(who) {
            Expected::Done if is_own => Expected::Done,
            Expected::Done => self.to_manage(who),
            other => other,
        }
    }

    fn participant(&self, who: usize) -> String {
        let known = self.known.iter().find(|(known, _)| *known == who);
        known.map_or_else(
            || "mbr_00000000000000000000000000".to_owned(),
            |it| it.1.clone(),
        )
    }

    /// Who gets the session when its owner leaves.
    fn heir(&self, owner: usize) -> Option<usize> {
        let first = |role: Role| {
            let mut known = self.known.iter().map(|(who, _)| *who);
            known.find(|who| *who != owner && self.role(*who) == Some(role))
        };
        first(Role::Player).or_else(|| first(Role::Spectator))
    }
}

struct Story {
    people: Vec<Person>,
    /// A character of each.
    actors: Vec<String>,
    sessions: Vec<Model>,
    chance: Chance,
    said: usize,
}

/// What the API did.
fn outcome<T>(answer: Result<T, Status>) -> (Expected, Option<T>) {
    match answer {
        Ok(value) => (Expected::Done, Some(value)),
        Err(status) => {
            let reason = reason_of(&status);
            let outcome = match (status.code(), reason) {
                (Code::PermissionDenied, Some(Reason::SessionRoleInsufficient)) => Expected::Denied,
                (Code::NotFound, Some(Reason::NotFound | Reason::InvitationInvalid)) => {
                    Expected::Gone
                }
                _ => panic!("{status:?}"),
            };
            (outcome, None)
        }
    }
}

impl Story {
    async fn begin(stage: &Stage, seed: u64) -> Self {
        let mut story = Self {
            people: (0..PEOPLE).map(|_| stage.person()).collect(),
            actors: Vec::new(),
            sessions: Vec::new(),
            chance: Chance(seed),
            said: 0,
        };
        story.make_actors().await;
        for owner in 0..SESSIONS {
            let model = story.open(owner).await;
            story.sessions.push(model);
        }
        story
    }

    async fn open(&self, owner: usize) -> Model {
        let alice = &self.people[owner];
        let session = alice.open_session().await;
        let greeting = alice.path(&session.id).await.remove(0);
        Model {
            id: session.id,
            roles: BTreeMap::from([(owner, Role::Owner)]),
            known: vec![(owner, session.participant_id)],
            messages: vec![(greeting.id, None)],
            cast: vec![session.character_id],
            ..Model::default()
        }
    }

    fn word(&mut self) -> String {
        self.said += 1;
        format!("w{}w", self.said)
    }

    /// Somebody does something somewhere.
    async fn step(&mut self) {
        let (who, at) = (self.chance.below(PEOPLE), self.chance.below(SESSIONS));
        match self.chance.below(15) {
            0 | 1 => self.send(who, at).await,
            2 => self.add(who, at).await,
            3 => self.edit(who, at).await,
            4 => self.delete(who, at).await,
            5 => self.make_link(who, at).await,
            6 | 7 => self.join(who, at).await,
            8 => self.remove(who, at).await,
            9 => self.give_role(who, at).await,
            10 => self.leave(who, at).await,
            11 | 12 => self.change_cast(who, at).await,
            13 => self.play_turns(who, at).await,
            _ => self.manage(who, at).await,
        }
    }

    async fn send(&mut self, who: usize, at: usize) {
        let text = self.word();
        let model = &mut self.sessions[at];
        let expected = model.to_write(who);
        let sent = outcome(self.people[who].send(&model.id, &text).await);
        assert_eq!(sent.0, expected, "send by {who}: {model:?}");
        if let Some(watch) = sent.1 {
            let (started, ..) = watch.all().await;
            let said = started.user_message.unwrap();
            assert_eq!(said.participant_id, model.participant(who));
            model.messages.push((said.id, Some(who)));
            model.messages.push((started.message.unwrap().id, None));
        }
    }

    async fn add(&mut self, who: usize, at: usize) {
        let text = self.word();
        let model = &mut self.sessions[at];
        let expected = model.to_write(who);
        let added = outcome(self.people[who].say(&model.id, &text).await);
        assert_eq!(added.0, expected, "add by {who}: {model:?}");
        if let Some(added) = added.1 {
            model.messages.push((added.id, Some(who)));
        }
    }

    async fn edit(&mut self, who: usize, at: usize) {
        let text = self.word();
        let message = self.chance.below(self.sessions[at].messages.len());
        let model = &self.sessions[at];
        let expected = model.to_change(who, message);
        let id = &model.messages[message].0;
        let edited = outcome(self.people[who].edit(&model.id, id, &text).await);
        assert_eq!(edited.0, expected, "edit of {message} by {who}: {model:?}");
    }

    async fn delete(&mut self, who: usize, at: usize) {
        let count = self.sessions[at].messages.len();
        if count < 2 {
            return;
        }
        // The greeting has others beside it, to which the branch would turn.
        let message = 1 + self.chance.below(count - 1);
        let model = &mut self.sessions[at];
        let expected = model.to_change(who, message);
        let id = &model.messages[message].0;
        let deleted = outcome(self.people[who].delete_alone(&model.id, id).await);
        assert_eq!(
            deleted.0, expected,
            "deletion of {message} by {who}: {model:?}"
        );
        if deleted.1.is_some() {
            model.messages.remove(message);
        }
    }

    async fn make_link(&mut self, who: usize, at: usize) {
        let (role, left) = (self.chance.role(), 1 + self.chance.below(3));
        let model = &mut self.sessions[at];
        let expected = model.to_manage(who);
        let link = pb::Invitation {
            max_use_count: Some(i32::try_from(left).unwrap()),
            ..as_role(role)
        };
        let made = outcome(self.people[who].invite(&model.id, link).await);
        assert_eq!(made.0, expected, "link by {who}: {model:?}");
        if let Some(made) = made.1 {
            let token = made.token;
            model.links.push(Link { token, role, left });
        }
    }

    async fn join(&mut self, who: usize, at: usize) {
        let count = self.sessions[at].links.len();
        if count == 0 {
            return;
        }
        let chosen = self.chance.below(count);
        let model = &mut self.sessions[at];
        let link = model.links[chosen].clone();
        let is_in = model.roles.contains_key(&who);
        let is_barred = model.barred.get(&who).is_some_and(|last| chosen < *last);
        let expected = match is_in || (link.left > 0 && !is_barred) {
            true => Expected::Done,
            false => Expected::Gone,
        };
        let joined = outcome(self.people[who].join(&link.token).await);
        assert_eq!(joined.0, expected, "join of {who} by {chosen}: {model:?}");
        let Some(session) = joined.1.filter(|_| !is_in) else {
            return;
        };
        model.links[chosen].left -= 1;
        model.roles.insert(who, link.role);
        model.barred.remove(&who);
        if !model.known.iter().any(|(known, _)| *known == who) {
            model.known.push((who, session.participant_id));
        }
    }

    async fn remove(&mut self, who: usize, at: usize) {
        let whom = self.chance.below(PEOPLE);
        let model = &mut self.sessions[at];
        if who == whom && model.role(who) == Some(Role::Owner) {
            return;
        }
        let expected = match (model.to_manage(who), model.role(whom)) {
            (Expected::Done, None) => Expected::Gone,
            (expected, _) => expected,
        };
        let removed = self.people[who]
            .remove(&model.id, &model.participant(whom))
            .await;
        let removed = outcome(removed);
        assert_eq!(removed.0, expected, "removal of {whom} by {who}: {model:?}");
        if removed.1.is_some() {
            model.roles.remove(&whom);
            model.barred.insert(whom, model.links.len());
        }
    }

    async fn give_role(&mut self, who: usize, at: usize) {
        let whom = self.chance.below(PEOPLE);
        let role = [Role::Owner, Role::Player, Role::Spectator][self.chance.below(3)];
        let model = &mut self.sessions[at];
        let Some(before) = model.role(whom).filter(|it| *it != role && whom != who) else {
            return;
        };
        let expected = model.to_manage(who);
        let given = self.people[who]
            .give_role(&model.id, &model.participant(whom), role)
            .await;
        let given = outcome(given);
        assert_eq!(
            given.0, expected,
            "{whom} from {before:?} to {role:?} by {who}: {model:?}"
        );
        if given.1.is_some() {
            if role == Role::Owner {
                model.roles.insert(who, Role::Player);
            }
            model.roles.insert(whom, role);
        }
    }

    async fn leave(&mut self, who: usize, at: usize) {
        let model = &mut self.sessions[at];
        let expected = match model.role(who) {
            Some(_) => Expected::Done,
            None => Expected::Gone,
        };
        let left = outcome(self.people[who].leave(&model.id, "").await);
        assert_eq!(left.0, expected, "leave of {who}: {model:?}");
        let was = model.roles.remove(&who);
        if was != Some(Role::Owner) {
            return;
        }
        match model.heir(who) {
            Some(heir) => {
                model.roles.insert(heir, Role::Owner);
            }
            // It is gone for all; somebody opens another one.
            None => {
                let gone = std::mem::take(&mut self.sessions[at]);
                for person in &self.people {
                    let found = outcome(person.find_session(&gone.id).await);
                    assert_eq!(found.0, Expected::Gone);
                }
                self.sessions[at] = self.open(who).await;
            }
        }
    }

    /// Everybody sees what they may, and nothing else.
    async fn look(&self) {
        for (who, person) in self.people.iter().enumerate() {
            for model in &self.sessions {
                let found = outcome(person.find_session(&model.id).await);
                let role = found.1.map(|session| session.role());
                assert_eq!(role, model.role(who), "{who}: {model:?}");
                if role.is_some() {
                    self.look_into(person, model).await;
                }
            }
            self.look_around(who, person).await;
        }
    }

    async fn look_into(&self, person: &Person, model: &Model) {
        let path = person.path(&model.id).await;
        let said: Vec<(String, Option<usize>)> = path
            .into_iter()
            .map(|message| {
                let known = model.known.iter();
                let mut by = known.filter(|(_, id)| *id == message.participant_id);
                (message.id, by.next().map(|(who, _)| *who))
            })
            .collect();
        assert_eq!(said, model.messages, "{model:?}");
        let listed = person.people(&model.id).await.unwrap();
        assert_eq!(listed.len(), model.roles.len(), "{model:?}");
        let cast = person.cast(&model.id).await.into_iter();
        let cast: Vec<String> = cast.map(|it| it.character_id).collect();
        assert_eq!(cast, model.cast, "{model:?}");
    }

    /// What isn't asked for by a session's id.
    async fn look_around(&self, who: usize, person: &Person) {
        let visible = |session: &str| {
            let mut models = self.sessions.iter().filter(|model| model.id == session);
            models.any(|model| model.roles.contains_key(&who))
        };
        let request = pb::SearchMessagesRequest {
            query: "w".into(),
            page_size: 200,
            ..Default::default()
        };
        let found = person.messages().search_messages(person.ask(request)).await;
        let found = found.unwrap().into_inner().messages;
        assert!(
            found.iter().all(|it| visible(&it.session_id)),
            "{who} finds too much"
        );
        let request = person.ask(pb::ListBookmarksRequest::default());
        let marked = person.bookmarks().list_bookmarks(request).await.unwrap();
        let marked = marked.into_inner().bookmarks;
        assert!(
            marked.iter().all(|it| visible(&it.session_id)),
            "{who} bookmarked too much"
        );
        let request = person.ask(pb::ListSessionsRequest::default());
        let listed = person.sessions().list_sessions(request).await.unwrap();
        let listed = listed.into_inner().sessions;
        let mine = self
            .sessions
            .iter()
            .filter(|it| it.roles.contains_key(&who));
        assert_eq!(
            listed.len(),
            mine.count(),
            "{who} lists too much or too little"
        );
        assert!(listed.iter().all(|it| visible(&it.id)));
    }
}

async fn play(seed: u64) {
    let stage = Stage::new().await;
    stage.script.always_reply("ok");
    let mut story = Story::begin(&stage, seed).await;
    for step in 0..STEPS {
        story.step().await;
        if step % 5 == 0 {
            story.look().await;
        }
    }
    story.look().await;
}

#[tokio::test]
async fn people_in_random_roles_see_and_change_what_they_may() {
    for seed in [1, 2, 3] {
        play(seed).await;
    }
}
