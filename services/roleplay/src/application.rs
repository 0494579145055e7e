//! The use cases, a file each. They own transactions, ids and times; they know no protocol and no SQL.

mod accept_invitation;
mod access;
mod add_message;
mod adopt_waiting;
mod ancestry;
mod answer_chat;
mod asking;
mod begin_message;
mod bookmarks;
mod cancel_generation;
mod cast;
mod cast_members;
mod characters;
mod chats;
mod choose_speakers;
mod compile_anew;
mod compile_prompt;
mod continue_message;
mod create_branch;
mod create_character;
mod create_lorebook;
mod create_memory;
mod create_scenario;
mod create_session;
mod delete_character;
mod delete_memory;
mod delete_message;
mod delete_session;
mod discard;
mod doors;
mod edit_lorebook_entries;
mod ensemble;
mod error;
mod export_character;
mod follow_generation;
mod generate;
mod greetings;
mod happened;
mod history;
mod hold_generations;
mod impersonate_person;
mod import_character;
mod invitations;
mod keep_scenario;
mod kept_receipt;
mod leave_session;
mod list_characters;
mod list_generations;
mod live;
mod lorebooks;
mod memories;
mod move_head;
mod next_reply;
mod once;
mod page;
mod participants;
mod personas;
mod play_turns;
mod plot;
mod preview_prompt;
mod readers;
mod rebuild_memories;
mod recall;
mod recover_generations;
mod regenerate_message;
mod remember;
mod reply_to_message;
mod save_session;
mod say_once;
mod scenario_files;
mod scenarios;
mod search_memories;
mod search_messages;
mod select_branch;
mod select_swipe;
mod send_message;
mod shared_access;
mod sharing;
mod show_avatar;
mod shown;
mod start_generation;
mod start_scenario;
mod tell;
mod turns;
mod update_branch;
mod update_character;
mod update_lorebook;
mod update_memory;
mod update_message;
mod update_participant;
mod update_scenario;
mod update_session;
mod upload_avatar;
mod wait_in_line;
mod watch_generation;
mod words;

pub(crate) use self::{
    accept_invitation::{Acceptance, Preview},
    add_message::AddMessage,
    answer_chat::{Answered, Chat},
    bookmarks::Bookmarks,
    cast_members::{NewMember, Placed},
    characters::Characters,
    chats::{Chats, GenerationLimits},
    compile_prompt::CompiledPrompt,
    create_memory::NewNote,
    create_scenario::{ScenarioPatch, ScriptPart},
    create_session::NewSession,
    delete_message::DeleteMessages,
    error::Error,
    export_character::CardFile,
    history::Chronicle,
    import_character::CardUpload,
    invitations::NewInvitation,
    kept_receipt::{KeptReceipt, KeptSpeaker},
    lorebooks::Lorebooks,
    memories::{Memories, MemoryPatch},
    personas::{PersonaPatch, Personas},
    play_turns::PlayTurns,
    scenarios::{KeptLimits, Scenarios, Seen},
    send_message::SendMessage,
    shared_access::SharedAccess,
    sharing::{NewLink, Opened},
    start_generation::Started,
    start_scenario::{NewSessionOf, StartScenario, StartedFrom},
    update_message::MessagePatch,
    update_participant::ParticipantPatch,
    update_session::SessionPatch,
    watch_generation::Viewer,
};

pub use self::{memories::MemoryConfig, rebuild_memories::MemoryCounts};
