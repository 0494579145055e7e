//! The generated traits: convert, call, convert.

mod auth_service;
mod convert;
mod cookie;
mod user_service;

use crate::application::Accounts;
use mesh::{Ctx, Person};
use tonic::{Request, Status};

pub(crate) use auth_service::AuthApi;
pub(crate) use user_service::UserApi;

/// The person who calls. Their access token counts as used from here on.
async fn person_of<T>(accounts: &Accounts, request: &Request<T>) -> Result<(Ctx, Person), Status> {
    let ctx = Ctx::of(request)?;
    let person = ctx.person()?.clone();
    accounts.note_token_use(vec![person.token_id]).await?;
    Ok((ctx, person))
}
