//! The tables' history: forward only, and safe under the release before.

use sea_orm_migration::{MigrationTrait, MigratorTrait, async_trait};

mod m0001_tables;
mod m0002_memories;
mod m0003_holders;
mod m0004_running_of_person;
mod m0005_requests;
mod m0006_update_times;
mod m0007_avatar_versions;
mod m0008_voices;
mod m0009_bookmarks;
mod m0010_lorebooks;
mod m0011_templates;
mod m0012_character_assets;
mod m0013_participants;
mod m0014_scenarios;
mod m0015_cast;

/// Brings the tables of roleplay up to date.
pub struct Migrator;

#[async_trait::async_trait]
impl MigratorTrait for Migrator {
    fn migrations() -> Vec<Box<dyn MigrationTrait>> {
        service::with_shared(vec![
            Box::new(m0001_tables::Tables),
            Box::new(m0002_memories::Memories),
            Box::new(m0003_holders::Holders),
            Box::new(m0004_running_of_person::RunningOfPerson),
            Box::new(m0005_requests::Requests),
            Box::new(m0006_update_times::UpdateTimes),
            Box::new(m0007_avatar_versions::AvatarVersions),
            Box::new(m0008_voices::Voices),
            Box::new(m0009_bookmarks::Bookmarks),
            Box::new(m0010_lorebooks::Lorebooks),
            Box::new(m0011_templates::Templates),
            Box::new(m0012_character_assets::CharacterAssets),
            Box::new(m0013_participants::Participants),
            Box::new(m0014_scenarios::Scenarios),
            Box::new(m0015_cast::CastMembers),
        ])
    }
}
