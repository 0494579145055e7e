//! The boundary at which an error becomes what its caller sees.

use std::error::Error;
use std::iter::successors;

use tonic::Status;
use troupe_proto::{Classify, Code};

/// What a caller is told of an error. A fault of ours is logged with its causes, here and nowhere else, as a part of the call,
/// whose id the log then has.
pub fn answer(error: &impl Classify) -> Status {
    let class = error.class();
    match class.code() {
        Code::Internal | Code::Unknown | Code::DataLoss => {
            tracing::error!(error = %explained(error), "a call failed");
        }
        Code::Unavailable => tracing::warn!(error = %explained(error), "a call can't be served"),
        _ => {}
    }
    class.status_of(error)
}

/// An error and what lies behind it, where its own text doesn't end with that.
fn explained(error: &dyn Error) -> String {
    let mut text = error.to_string();
    for cause in successors(error.source(), |cause| (*cause).source()) {
        let cause = cause.to_string();
        if !text.ends_with(&cause) {
            text.push_str(": ");
            text.push_str(&cause);
        }
    }
    text
}
