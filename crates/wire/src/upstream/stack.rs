//! The client stack: what every call to another process passes, written once for all services.

use std::sync::Arc;

use tower::ServiceBuilder;

use super::balance::Balance;
use super::budget::Budget;
use super::deadline::Deadline;
use super::peers::Peers;
use super::retry::Retry;

/// The layers, from the outermost to what each try is made on.
pub(super) type Stack = Deadline<Retry>;

/// Puts the stack before a service's endpoints. A call passes it from the top of the list to its end:
pub(super) fn new(peers: Arc<Peers>) -> Stack {
    ServiceBuilder::new()
        // Around all tries together, and tells them until when.
        .layer_fn(Deadline::new)
        // Outside the balance, which it knows: the next try goes elsewhere.
        .layer_fn(|balance| Retry::new(balance, Budget::new()))
        // Picks an endpoint for each try. What an endpoint has of its own is below: its breaker, its load, its connection.
        .service(Balance::new(peers))
}

/// Whom a stack calls.
pub(super) fn peers(stack: &Stack) -> &Arc<Peers> {
    stack.inner().inner().peers()
}
