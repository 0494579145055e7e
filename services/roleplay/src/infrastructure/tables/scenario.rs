//! The table `scenarios`.

use platform::Timestamp;
use sea_orm::entity::prelude::*;

use crate::domain::ids::{ScenarioId, UserId};
use crate::domain::sharing::{Rating, Visibility};

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
#[sea_orm(table_name = "scenarios")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub(crate) id: ScenarioId,
    pub(crate) user_id: UserId,
    pub(crate) search_text: String,
    pub(crate) visibility: Visibility,
    pub(crate) shown: bool,
    pub(crate) rating: Rating,
    /// Whether it has blanks.
    pub(crate) is_template: bool,
    pub(crate) document_bytes: i64,
    pub(crate) create_time: Timestamp,
    pub(crate) update_time: Timestamp,
    /// `domain::scenario::Script` as JSON.
    pub(crate) document: String,
}

impl ActiveModelBehavior for ActiveModel {}
