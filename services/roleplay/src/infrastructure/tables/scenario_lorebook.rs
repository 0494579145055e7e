//! The table `scenario_lorebooks`: which lorebooks the sessions of scenarios use.

use sea_orm::entity::prelude::*;

use crate::domain::ids::{LorebookId, ScenarioId};

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "scenario_lorebooks")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) scenario_id: ScenarioId,
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) lorebook_id: LorebookId,
    /// Lower ones come first.
    pub(crate) place: i32,
}

impl ActiveModelBehavior for ActiveModel {}
