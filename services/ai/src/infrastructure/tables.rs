//! The table of the ledger as SeaORM sees it.

pub(crate) mod usage;
