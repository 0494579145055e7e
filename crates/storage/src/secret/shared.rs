//! Secrets that the processes of a service share, in its store.

mod table;

use sea_orm::{DbErr, EntityTrait, IntoActiveModel};
use sea_orm_migration::prelude::*;
use sea_orm_migration::schema::{binary, string};
use sea_orm_migration::{MigrationTrait, async_trait};

use self::table::{Entity, Model};
use super::Secret;
use crate::Database;

/// A secret that can't be read or made.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// In the data folder.
    #[error(transparent)]
    File(#[from] std::io::Error),
    /// In the store.
    #[error("the store of secrets can't be used: {0}")]
    Storage(#[from] DbErr),
    /// It isn't one of ours.
    #[error("the stored secret {0:?} is damaged: restore the database from a backup")]
    Damaged(String),
}

/// The history of the table of secrets. A service that shares some lists it in its own.
pub fn migrations() -> Vec<Box<dyn MigrationTrait>> {
    vec![Box::new(Secrets)]
}

struct Secrets;

impl MigrationName for Secrets {
    fn name(&self) -> &'static str {
        "keys_m0001_secrets"
    }
}

#[async_trait::async_trait]
impl MigrationTrait for Secrets {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let mut table = Table::create();
        table
            .table("secrets")
            .col(string("name").primary_key())
            .col(binary("bytes"));
        manager.create_table(table).await
    }

    fn use_transaction(&self) -> Option<bool> {
        Some(true)
    }
}

impl Secret {
    /// The secret under a name in a store; this one where there is none yet. Whoever asks, and when: it is the same.
    ///
    /// # Errors
    /// The store can't be used, or what it holds.
    pub async fn share(&self, db: &Database, name: &str) -> Result<Self, SecretError> {
        let ours = &Model {
            name: name.to_owned(),
            bytes: self.0.to_vec(),
        };
        let share = db.transaction(|tx| {
            Box::pin(async move {
                if let Some(stored) = Entity::find_by_id(ours.name.clone()).one(tx).await? {
                    return Ok(stored);
                }
                Entity::insert(ours.clone().into_active_model())
                    .exec_without_returning(tx)
                    .await?;
                Ok::<_, DbErr>(ours.clone())
            })
        });
        let bytes = share.await?.bytes.try_into();
        bytes
            .map(Self)
            .map_err(|_| SecretError::Damaged(name.to_owned()))
    }
}
