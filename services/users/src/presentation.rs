//! The generated traits: convert, call, convert.

mod auth_service;
mod convert;
mod user_service;

use mesh::{Ctx, Person};
use tonic::{Request, Status};
use troupe_proto::{Classify, Code};

use crate::application::{Accounts, Error};

pub(crate) use auth_service::AuthApi;
pub(crate) use user_service::UserApi;

/// The person who calls. Their access token counts as used from here on.
async fn person_of<T>(accounts: &Accounts, request: &Request<T>) -> Result<(Ctx, Person), Status> {
    let ctx = Ctx::of(request)?;
    let person = ctx.person()?.clone();
    let noted = accounts.note_token_use(vec![person.token_id]).await;
    noted.map_err(refuse)?;
    Ok((ctx, person))
}

/// What a caller is told of an error. Faults of ours are logged, here and nowhere else.
fn refuse(error: Error) -> Status {
    if error.code() == Code::Internal {
        tracing::error!(%error, "a call failed");
    }
    error.to_status()
}
