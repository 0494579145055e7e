//! The table `generation_receipts`: what the prompts of generations were made of.

use sea_orm::entity::prelude::*;

use crate::domain::ids::GenerationId;

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "generation_receipts")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) generation_id: GenerationId,
    /// JSON.
    pub(crate) receipt: String,
}

impl ActiveModelBehavior for ActiveModel {}
