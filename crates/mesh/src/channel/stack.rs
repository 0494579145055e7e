//! The client stack: what every call to another process passes, written once for all services.

use std::sync::Arc;

use super::balance::Balance;
use super::budget::Budget;
use super::deadline::Deadline;
use super::peers::Peers;
use super::propagate::Propagate;
use super::retry::Retry;

/// The layers, from the first that a call passes on. What retries knows what it makes its tries on: a [`Balance`].
pub(super) type Stack = Propagate<Deadline<Retry>>;

/// Puts the stack before a service's endpoints. A call passes from the end of this list to its top:
pub(super) fn new(peers: Arc<Peers>) -> Stack {
    // Below are what each endpoint has of its own: its breaker, its load, and its connection.
    let stack = Balance::new(peers); // picks an endpoint for each try
    let stack = Retry::new(stack, Budget::new()); // outside the balance, so that the next try goes elsewhere
    let stack = Deadline::new(stack); // around all tries together
    Propagate::new(stack) // outermost: tells the layers below until when, and the other end on whose behalf
}

/// Whom a stack calls.
pub(super) fn peers(stack: &Stack) -> &Arc<Peers> {
    stack.inner().inner().inner().peers()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_layers_stand_in_this_order() {
        let layers = std::any::type_name::<Stack>().split('<');
        let names: Vec<_> = layers
            .map(|layer| layer.trim_end_matches('>').rsplit("::").next().unwrap())
            .collect();
        assert_eq!(names, ["Propagate", "Deadline", "Retry"]);
    }
}
