//! How much a JSON text would take in memory, before it is parsed: a number of one digit takes many times its own size.

/// Most values in a file that may hold many things.
pub const MAX_VALUES: usize = 1 << 20;

/// About how many values a JSON text has: as many as it has commas, colons and opening brackets outside of its strings.
#[must_use]
pub fn count_values(json: &[u8]) -> usize {
    let (mut values, mut at) = (1, 0);
    while at < json.len() {
        match json[at] {
            b'"' => at = end_of_string(json, at + 1),
            b',' | b':' | b'[' | b'{' => {
                values += 1;
                at += 1;
            }
            _ => at += 1,
        }
    }
    values
}

/// Behind the quotation mark that ends a string.
fn end_of_string(json: &[u8], mut at: usize) -> usize {
    while let Some(offset) = json
        .get(at..)
        .and_then(|rest| memchr::memchr2(b'"', b'\\', rest))
    {
        at += offset;
        if json[at] == b'"' {
            return at + 1;
        }
        at += 2;
    }
    json.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_values_and_not_what_strings_say() {
        for (json, values) in [
            ("[1,2,3]", 4),
            (r#"{"a":"x,y:[z]","b":[]}"#, 6),
            (r#"["\",\\",1]"#, 3),
            (r#"["never closed,"#, 2),
            (r#"["\"#, 2),
        ] {
            assert_eq!(count_values(json.as_bytes()), values, "{json}");
        }
    }
}
