//! The table `generation_chunks`: what running generations have written so far.

use sea_orm::entity::prelude::*;

use crate::domain::ids::GenerationId;

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "generation_chunks")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) generation_id: GenerationId,
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) start_offset: i64,
    pub(crate) text: String,
}

impl ActiveModelBehavior for ActiveModel {}
