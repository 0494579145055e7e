//! How a person at a terminal is asked for a password, which nobody sees as it is typed.

use anyhow::{Context, Result, bail};

use super::screen::Screen;

/// How often a person is asked.
pub(super) const TRIES: usize = 3;

/// Has a person choose a password, which is to be typed the same way twice.
pub(super) async fn new_password(
    mut ask: impl AsyncFnMut(&str) -> Result<Option<String>>,
    screen: Screen,
) -> Result<String> {
    for _ in 0..TRIES {
        let password = needed(ask("New password: ").await?)?;
        if needed(ask("The same again: ").await?)? == password {
            return Ok(password);
        }
        screen.problem("these are two different passwords; try again")?;
    }
    bail!("the password was never typed the same way twice")
}

/// The password, if there is one.
pub(super) fn needed(password: Option<String>) -> Result<String> {
    password.context("a password is needed: set TROUPE_CHAT_PASSWORD")
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use super::*;

    async fn chosen(typed: &[&str]) -> (Result<String>, usize) {
        let mut typed: VecDeque<String> = typed.iter().map(ToString::to_string).collect();
        let chosen = new_password(async |_| Ok(typed.pop_front()), Screen::open(true)).await;
        (chosen, typed.len())
    }

    #[tokio::test]
    async fn a_new_password_is_typed_the_same_way_twice() {
        assert_eq!(chosen(&["a", "a", "b"]).await.0.unwrap(), "a");
        let (second, left) = chosen(&["a", "b", "c", "c", "d"]).await;
        assert_eq!((second.unwrap().as_str(), left), ("c", 1));
        let (never, left) = chosen(&["a", "b", "c", "d", "e", "f", "g"]).await;
        assert!(never.is_err() && left == 1);
        assert!(chosen(&["a"]).await.0.is_err());
    }
}
