//! Who may call: the audience of the method, the caller's token, and the caller's budget, in that order, the same for
//! every protocol.

use std::time::Duration;

use http::HeaderMap;
use mesh::admission::{self, admit, unknown_method};
use mesh::{Person, SessionStream, Verifier};
use tonic::Status;
use troupe_proto::policy::Audience;
use troupe_proto::{Reason, error};

use crate::address::budget_key;
use crate::catalog::Method;
use crate::policy::Policy;
use crate::rates::{Budgets, Payer};
use crate::visit::Visit;

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

    /// Lets a call in, or says why not. Returns whose it is, and the person who calls where the method asks for one. The answer
    /// says what is left of the caller's budget.
    pub(crate) async fn admit(
        &self,
        policy: &Policy,
        headers: &HeaderMap,
        visit: &Visit,
    ) -> Result<(Payer, Option<Person>), Status> {
        let stranger = || Payer::Address(budget_key(visit.client));
        let (payer, person) = match self.identify(policy.audience, headers) {
            Ok(Some(person)) => {
                let payer = Payer::Person(person.user_id.to_string().into());
                (payer, Some(person))
            }
            Ok(None) => (stranger(), None),
            Err(refusal) => {
                // Guessing tokens costs the guesser's address what a call would.
                self.charge(policy, &stranger(), visit).await?;
                return Err(refusal);
            }
        };
        self.charge(policy, &payer, visit).await?;
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
        let verifier = self.verifier.as_ref()?;
        let person = person.or_else(|| admission::person(headers, verifier).ok())?;
        Some(verifier.stream(&person))
    }

    fn identify(&self, audience: Audience, headers: &HeaderMap) -> Result<Option<Person>, Status> {
        match (&self.verifier, audience) {
            (Some(verifier), _) => admit(audience, headers, verifier),
            (None, Audience::Public) => Ok(None),
            (None, Audience::User | Audience::Admin) => {
                let message = "this gateway verifies no access tokens";
                let reason = Reason::Unavailable;
                Err(error::status(reason, message))
            }
            (None, _) => Err(unknown_method()),
        }
    }

    async fn charge(&self, policy: &Policy, payer: &Payer, visit: &Visit) -> Result<(), Status> {
        let budget = self.budgets.of(policy.rate_class);
        let taken = budget.take(payer, policy.rate_cost).await;
        let left = taken.unwrap_or_else(|refused| refused.left);
        visit.notices.limited(budget, left);
        taken.map(|_| ()).map_err(|refused| {
            let wait = refused.wait.max(Duration::from_millis(1));
            let message = "too many calls of this kind; try again later";
            error::retry_later(Reason::RateLimited, message, wait)
        })
    }
}
