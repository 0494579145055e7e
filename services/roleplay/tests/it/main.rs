//! The roleplay service behind the real server stack, with a scripted model and a users service that knows names.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests say what went wrong by failing"
)]

mod access;
mod accounts;
mod answers;
mod avatar_uploads;
mod avatars;
mod batches;
mod bookmarks;
mod branch_edits;
mod card_files;
mod card_pictures;
mod casting;
mod character_edits;
mod characters;
mod embedder;
mod events;
mod faults;
mod generations;
mod greetings;
mod hidden_casts;
mod invitations;
mod kept;
mod limits;
mod lorebook_entries;
mod lorebooks;
mod memories;
mod once;
mod participants;
mod people;
mod personas;
mod probes;
mod prompt_settings;
mod recall;
mod recast;
mod receipts;
mod replicas;
mod restart;
mod rights;
mod rollout;
mod rounds;
mod said_once;
mod scenario_casts;
mod scenario_files;
mod scenario_starts;
mod scenarios;
mod script;
mod search;
mod sessions;
mod shared_secrets;
mod sharing;
mod splice;
mod spoken;
mod stage;
mod told;
mod too_long;
mod tree;
mod troupe;
mod turns;
mod unchanged;
mod unwritten;
mod voices;
mod waiting;
mod watching;
