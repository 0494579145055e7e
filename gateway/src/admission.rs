//! Who may call: the audience of the method, the caller's token, and the caller's budget, in that order, the same for
//! every protocol.

use std::net::IpAddr;
use std::time::Duration;

use http::{HeaderMap, header};
use mesh::{Person, SessionStream, Verifier};
use tonic::{Code, Status};
use troupe_proto::policy::Audience;
use troupe_proto::{Reason, error};

use crate::address::budget_key;
use crate::catalog::Method;
use crate::policy::Policy;
use crate::rates::{Budgets, Payer};

/// Decides who may call.
#[derive(Debug)]
pub(crate) struct Admission {
    verifier: Option<Verifier>,
    budgets: Budgets,
}

impl Admission {
    /// Without a verifier, methods that need a token answer UNAVAILABLE.
    pub(crate) fn new(verifier: Option<Verifier>, budgets: Budgets) -> Self {
        Self { verifier, budgets }
    }

    /// The budgets.
    pub(crate) fn budgets(&self) -> &Budgets {
        &self.budgets
    }

    /// Lets a call in, or says why not. Returns whose it is, and the person who calls where the method asks for one.
    pub(crate) async fn admit(
        &self,
        policy: &Policy,
        headers: &HeaderMap,
        client: IpAddr,
    ) -> Result<(Payer, Option<Person>), Status> {
        let (payer, person) = match self.identify(policy.audience, headers) {
            Ok(Some(person)) => {
                let payer = Payer::Person(person.user_id.to_string().into());
                (payer, Some(person))
            }
            Ok(None) => (Payer::Address(budget_key(client)), None),
            Err(refusal) => {
                // Guessing tokens costs the guesser's address what a call would.
                self.charge(policy, &Payer::Address(budget_key(client)))
                    .await?;
                return Err(refusal);
            }
        };
        self.charge(policy, &payer).await?;
        Ok((payer, person))
    }

    /// What ends the answer of a method with the caller's login session, where it is a stream. Anybody may call a method that
    /// is public; whoever sends a good access token along gets this too.
    pub(crate) fn stream(
        &self,
        method: &Method,
        person: Option<Person>,
        headers: &HeaderMap,
    ) -> Option<SessionStream> {
        if !method.server_streaming {
            return None;
        }
        let person = person.or_else(|| self.person(headers).ok())?;
        Some(self.verifier.as_ref()?.stream(&person))
    }

    fn identify(&self, audience: Audience, headers: &HeaderMap) -> Result<Option<Person>, Status> {
        match audience {
            Audience::Public => Ok(None),
            Audience::User => self.person(headers).map(Some),
            Audience::Admin => {
                let person = self.person(headers)?;
                if !person.is_admin {
                    let message = "only admins may do this";
                    let reason = Reason::PermissionDenied;
                    return Err(error::status(Code::PermissionDenied, reason, message));
                }
                Ok(Some(person))
            }
            Audience::Service | Audience::Unspecified => Err(unknown_method()),
        }
    }

    fn person(&self, headers: &HeaderMap) -> Result<Person, Status> {
        let Some(verifier) = &self.verifier else {
            let message = "this gateway verifies no access tokens";
            return Err(error::status(
                Code::Unavailable,
                Reason::Unavailable,
                message,
            ));
        };
        let Some(value) = headers.get(header::AUTHORIZATION) else {
            let message =
                "this needs an access token: log in, and send `authorization: Bearer <token>`";
            return Err(error::status(
                Code::Unauthenticated,
                Reason::TokenMissing,
                message,
            ));
        };
        match value.to_str().ok().and_then(|value| value.split_once(' ')) {
            Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => {
                verifier.verify(token.trim())
            }
            _ => {
                let message = "the authorization header must be `Bearer <token>`";
                Err(error::status(
                    Code::Unauthenticated,
                    Reason::TokenInvalid,
                    message,
                ))
            }
        }
    }

    async fn charge(&self, policy: &Policy, payer: &Payer) -> Result<(), Status> {
        self.budgets
            .take(policy.rate_class, payer, policy.rate_cost)
            .await
            .map_err(|wait| {
                let wait = wait.max(Duration::from_millis(1));
                let message = "too many calls of this kind; try again later";
                error::retry_later(Code::ResourceExhausted, Reason::RateLimited, message, wait)
            })
    }
}

/// The answer to methods that aren't there, or are none of the caller's business.
pub(crate) fn unknown_method() -> Status {
    let message = "there is no such method; /docs lists those that there are";
    error::status(Code::Unimplemented, Reason::UnknownMethod, message)
}
