//! The table `scenario_roles`: the casts of scenarios.

use sea_orm::entity::prelude::*;

use crate::domain::ids::{CharacterId, ScenarioId};

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "scenario_roles")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) scenario_id: ScenarioId,
    /// Lower ones come first.
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) place: i32,
    pub(crate) name: String,
    pub(crate) description: String,
    /// None while it is open.
    pub(crate) character_id: Option<CharacterId>,
    pub(crate) character_name: String,
    pub(crate) muted: bool,
    /// None for what the card says.
    pub(crate) talkativeness: Option<f32>,
    /// A list of names as JSON.
    pub(crate) aliases: String,
}

impl ActiveModelBehavior for ActiveModel {}
