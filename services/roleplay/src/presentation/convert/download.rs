//! How a browser saves a file: `content-disposition`, by RFC 6266.

use tonic::metadata::{Ascii, MetadataValue};

/// The longest name, in characters: file systems take 255 bytes.
const MAX_NAME_CHARS: usize = 60;

/// The header that has a file saved under a name. None where there is no such header.
pub(in crate::presentation) fn attachment(
    name: &str,
    extension: &str,
) -> Option<MetadataValue<Ascii>> {
    let name: String = name.chars().map(writable).take(MAX_NAME_CHARS).collect();
    let name = match name.trim_matches(|letter| letter == ' ' || letter == '.') {
        "" => "character",
        name => name,
    };
    let plain: String = name.chars().map(ascii).collect();
    let encoded: String = name.bytes().map(percent_encoded).collect();
    // The second form is for those who know it, which is every browser; the first for others.
    let header = format!(
        "attachment; filename=\"{plain}.{extension}\"; filename*=UTF-8''{encoded}.{extension}"
    );
    header.parse().ok()
}

/// The header of warnings about a file: a list in JSON, in ASCII. None where there are none.
pub(in crate::presentation) fn warnings_header(
    warnings: &[String],
) -> Option<MetadataValue<Ascii>> {
    if warnings.is_empty() {
        return None;
    }
    let json = serde_json::to_string(warnings).ok()?;
    let mut ascii = String::with_capacity(json.len());
    for letter in json.chars() {
        if letter.is_ascii() {
            ascii.push(letter);
            continue;
        }
        for unit in letter.encode_utf16(&mut [0; 2]) {
            ascii.push_str(&format!("\\u{unit:04x}"));
        }
    }
    ascii.parse().ok()
}

/// What a file's name can hold on every system.
fn writable(letter: char) -> char {
    match letter {
        '/' | '\\' | ':' | '*' | '?' | '"' | '<' | '>' | '|' => '_',
        letter if letter.is_control() => '_',
        letter => letter,
    }
}

fn ascii(letter: char) -> char {
    match letter {
        ' ' | '-' | '.' => letter,
        letter if letter.is_ascii_alphanumeric() => letter,
        _ => '_',
    }
}

fn percent_encoded(byte: u8) -> String {
    match byte {
        b'-' | b'.' | b'_' | b'~' => char::from(byte).to_string(),
        byte if byte.is_ascii_alphanumeric() => char::from(byte).to_string(),
        byte => format!("%{byte:02X}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_written_for_all_and_for_those_who_read_more() {
        for (name, expected) in [
            (
                "Mira",
                "attachment; filename=\"Mira.png\"; filename*=UTF-8''Mira.png",
            ),
            (
                "Zoë Löw",
                "attachment; filename=\"Zo_ L_w.png\"; filename*=UTF-8''Zo%C3%AB%20L%C3%B6w.png",
            ),
            (
                "../\"x\"\r\ny",
                "attachment; filename=\"__x___y.png\"; filename*=UTF-8''__x___y.png",
            ),
            (
                " . ",
                "attachment; filename=\"character.png\"; filename*=UTF-8''character.png",
            ),
        ] {
            let header = attachment(name, "png").unwrap();
            assert_eq!(header.to_str().unwrap(), expected, "{name}");
        }
    }

    #[test]
    fn warnings_are_a_list_in_ascii() {
        assert_eq!(warnings_header(&[]), None);
        let warnings = ["a \"b\"".to_owned(), "ß 🐉".to_owned()];
        let header = warnings_header(&warnings).unwrap();
        let text = header.to_str().unwrap();
        assert_eq!(serde_json::from_str::<Vec<String>>(text).unwrap(), warnings);
    }

    #[test]
    fn a_long_name_is_cut_off() {
        let header = attachment(&"ß".repeat(200), "json").unwrap();
        assert!(header.to_str().unwrap().len() < 500);
    }
}
