//! The generated traits over the use cases: convert, call, convert.

mod account_events;
mod answers;
mod bookmarks;
mod cast;
mod characters;
mod convert;
mod generations;
mod invitations;
mod lorebooks;
mod memories;
mod memory_events;
mod messages;
mod participants;
mod personas;
mod scenarios;
mod sessions;
mod sharing;

use service::Pages;
use tonic::service::Routes;
use troupe_proto::roleplay::bookmark_service_server::BookmarkServiceServer;
use troupe_proto::roleplay::cast_service_server::CastServiceServer;
use troupe_proto::roleplay::character_service_server::CharacterServiceServer;
use troupe_proto::roleplay::generation_service_server::GenerationServiceServer;
use troupe_proto::roleplay::invitation_service_server::InvitationServiceServer;
use troupe_proto::roleplay::lorebook_service_server::LorebookServiceServer;
use troupe_proto::roleplay::memory_service_server::MemoryServiceServer;
use troupe_proto::roleplay::message_service_server::MessageServiceServer;
use troupe_proto::roleplay::participant_service_server::ParticipantServiceServer;
use troupe_proto::roleplay::persona_service_server::PersonaServiceServer;
use troupe_proto::roleplay::scenario_service_server::ScenarioServiceServer;
use troupe_proto::roleplay::session_service_server::SessionServiceServer;
use troupe_proto::roleplay::sharing_service_server::SharingServiceServer;

pub(crate) use self::account_events::account_consumer;
pub(crate) use self::memory_events::consumer;
use crate::application::{Bookmarks, Characters, Chats, Lorebooks, Memories, Personas, Scenarios};

/// A card of 16 MiB and what stands around it; tonic takes 4 MiB unless told.
const MAX_CARD_REQUEST_BYTES: usize = 17 << 20;

/// The use cases of roleplay.
pub(crate) struct UseCases {
    pub(crate) characters: Characters,
    pub(crate) lorebooks: Lorebooks,
    pub(crate) scenarios: Scenarios,
    pub(crate) personas: Personas,
    pub(crate) bookmarks: Bookmarks,
    pub(crate) chats: Chats,
    pub(crate) memories: Memories,
}

/// The services of roleplay.
pub(crate) fn routes(cases: UseCases, pages: Pages) -> Routes {
    let UseCases {
        characters,
        lorebooks,
        scenarios,
        personas,
        bookmarks,
        chats,
        memories,
    } = cases;
    let sharing = sharing::SharingApi {
        scenarios: scenarios.clone(),
        characters: characters.clone(),
        pages: pages.clone(),
    };
    let scenarios = scenarios::ScenarioApi {
        scenarios,
        characters: characters.clone(),
        chats: chats.clone(),
        pages: pages.clone(),
    };
    let lorebooks = lorebooks::LorebookApi {
        lorebooks,
        pages: pages.clone(),
    };
    let characters = characters::CharacterApi {
        characters,
        chats: chats.clone(),
        pages: pages.clone(),
    };
    let personas = personas::PersonaApi {
        personas,
        pages: pages.clone(),
    };
    let bookmarks = bookmarks::BookmarkApi {
        bookmarks,
        pages: pages.clone(),
    };
    let sessions = sessions::SessionApi {
        chats: chats.clone(),
        pages: pages.clone(),
    };
    let cast = cast::CastApi {
        chats: chats.clone(),
        pages: pages.clone(),
    };
    let participants = participants::ParticipantApi {
        chats: chats.clone(),
        pages: pages.clone(),
    };
    let invitations = invitations::InvitationApi {
        chats: chats.clone(),
        pages: pages.clone(),
    };
    let memories = memories::MemoryApi {
        memories,
        pages: pages.clone(),
    };
    let messages = messages::MessageApi {
        chats: chats.clone(),
        pages: pages.clone(),
    };
    let generations = generations::GenerationApi { chats, pages };
    let characters = CharacterServiceServer::new(characters);
    let lorebooks = LorebookServiceServer::new(lorebooks);
    let scenarios = ScenarioServiceServer::new(scenarios);
    Routes::new(characters.max_decoding_message_size(MAX_CARD_REQUEST_BYTES))
        .add_service(lorebooks.max_decoding_message_size(MAX_CARD_REQUEST_BYTES))
        .add_service(scenarios.max_decoding_message_size(MAX_CARD_REQUEST_BYTES))
        .add_service(SharingServiceServer::new(sharing))
        .add_service(PersonaServiceServer::new(personas))
        .add_service(BookmarkServiceServer::new(bookmarks))
        .add_service(SessionServiceServer::new(sessions))
        .add_service(CastServiceServer::new(cast))
        .add_service(ParticipantServiceServer::new(participants))
        .add_service(InvitationServiceServer::new(invitations))
        .add_service(MessageServiceServer::new(messages))
        .add_service(MemoryServiceServer::new(memories))
        .add_service(GenerationServiceServer::new(generations))
}
