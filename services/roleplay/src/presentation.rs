//! The generated traits over the use cases: convert, call, convert.

mod bookmarks;
mod characters;
mod convert;
mod generations;
mod memories;
mod memory_events;
mod messages;
mod personas;
mod sessions;

use service::Pages;
use tonic::service::Routes;
use troupe_proto::roleplay::bookmark_service_server::BookmarkServiceServer;
use troupe_proto::roleplay::character_service_server::CharacterServiceServer;
use troupe_proto::roleplay::generation_service_server::GenerationServiceServer;
use troupe_proto::roleplay::memory_service_server::MemoryServiceServer;
use troupe_proto::roleplay::message_service_server::MessageServiceServer;
use troupe_proto::roleplay::persona_service_server::PersonaServiceServer;
use troupe_proto::roleplay::session_service_server::SessionServiceServer;

pub(crate) use self::memory_events::consumer;
use crate::application::{Bookmarks, Characters, Chats, Memories, Personas};

/// A card of 16 MiB and what stands around it; tonic takes 4 MiB unless told.
const MAX_CARD_REQUEST_BYTES: usize = 17 << 20;

/// The services of roleplay.
pub(crate) fn routes(
    characters: Characters,
    personas: Personas,
    bookmarks: Bookmarks,
    chats: Chats,
    memories: Memories,
    pages: Pages,
) -> Routes {
    let characters = characters::CharacterApi {
        characters,
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
    Routes::new(characters.max_decoding_message_size(MAX_CARD_REQUEST_BYTES))
        .add_service(PersonaServiceServer::new(personas))
        .add_service(BookmarkServiceServer::new(bookmarks))
        .add_service(SessionServiceServer::new(sessions))
        .add_service(MessageServiceServer::new(messages))
        .add_service(MemoryServiceServer::new(memories))
        .add_service(GenerationServiceServer::new(generations))
}
