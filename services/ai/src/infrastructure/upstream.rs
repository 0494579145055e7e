//! What all servers of models have in common, whichever dialect they speak: the request, and the reading of its answer.
//!
//! Bytes become frames (`frames`), a dialect's [`Reader`] turns each frame into pieces (`piece`), and the pieces become a reply
//! (`reply`). Nothing here trusts a label: what an answer is, its bytes say.

mod attempt;
mod echo;
pub(crate) mod endpoint;
pub(crate) mod failure;
mod frames;
pub(crate) mod generation;
pub(crate) mod json;
pub(crate) mod keys;
pub(crate) mod piece;
mod reply;
pub(crate) mod retry;
mod stop;
mod text;

pub(crate) use endpoint::{Access, Endpoint, EndpointError, Refusal};
pub(crate) use generation::{Call, Filters, Outgoing, Timings, run};
pub(crate) use keys::{Key, Keys};
pub(crate) use piece::{Ending, Figures, Piece, Reader};
