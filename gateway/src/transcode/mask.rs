//! Paths of field masks: snake case in the contract, lower camel case in JSON. `*`, every field, is the same in both.

/// A path of JSON as the contract spells it.
pub(crate) fn to_contract(path: &str) -> Result<String, &'static str> {
    if path == "*" {
        return Ok(path.to_owned());
    }
    let invalid = "must be field paths in lower camel case, separated by commas";
    let well_formed = !path.is_empty()
        && path
            .split('.')
            .all(|name| name.starts_with(|first: char| first.is_ascii_lowercase()))
        && path
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'.');
    if !well_formed {
        return Err(invalid);
    }
    let mut spelled = String::with_capacity(path.len() + 4);
    for letter in path.chars() {
        if letter.is_ascii_uppercase() {
            spelled.push('_');
        }
        spelled.push(letter.to_ascii_lowercase());
    }
    Ok(spelled)
}

/// A path of the contract as JSON spells it; None where it wouldn't come back the same.
pub(crate) fn to_json(path: &str) -> Option<String> {
    let mut spelled = String::with_capacity(path.len());
    let mut letters = path.chars();
    while let Some(letter) = letters.next() {
        match letter {
            '_' => match letters.next() {
                Some(next) if next.is_ascii_lowercase() => spelled.push(next.to_ascii_uppercase()),
                _ => return None,
            },
            'A'..='Z' => return None,
            other => spelled.push(other),
        }
    }
    Some(spelled)
}
