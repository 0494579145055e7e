//! The parts of a gateway that requests need, whatever they speak.

use std::sync::Arc;

use mesh::Readiness;

use crate::admission::Admission;
use crate::catalog::Catalog;
use crate::config::{Json, Limits};
use crate::intake::Intake;
use crate::overload::Gate;
use crate::pages::Pages;

/// The parts that requests need.
pub(crate) struct Parts {
    pub(crate) gate: Arc<Gate>,
    pub(crate) intake: Arc<Intake>,
    pub(crate) catalog: Arc<Catalog>,
    pub(crate) admission: Admission,
    pub(crate) limits: Limits,
    pub(crate) json: Json,
    pub(crate) pages: Pages,
    pub(crate) readiness: Readiness,
}
