//! Names of the contracts as Rust has them.

pub fn rust_ident(name: &str) -> String {
    if matches!(name, "type" | "use" | "match" | "move" | "ref") {
        format!("r#{name}")
    } else {
        name.to_owned()
    }
}

pub fn snake(name: &str) -> String {
    let mut out = String::new();
    for (i, c) in name.chars().enumerate() {
        if c.is_uppercase() && i > 0 {
            out.push('_');
        }
        out.extend(c.to_lowercase());
    }
    out
}

pub fn pascal(name: &str) -> String {
    name.split('_')
        .map(|part| part[..1].to_uppercase() + &part[1..])
        .collect()
}
