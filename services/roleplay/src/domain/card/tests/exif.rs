//! Cards in the EXIF data of pictures that aren't PNG.

use base64::{Engine, engine::general_purpose::STANDARD};

use super::{super::*, encoded, named, picture, v2};

/// TIFF with one directory, or with a nested one, whose entry has this tag and value.
fn tiff(is_little: bool, is_nested: bool, tag: u16, value: &[u8]) -> Vec<u8> {
    let short = |n: u16| {
        if is_little {
            n.to_le_bytes()
        } else {
            n.to_be_bytes()
        }
    };
    let long = |n: usize| {
        let n = u32::try_from(n).unwrap();
        if is_little {
            n.to_le_bytes()
        } else {
            n.to_be_bytes()
        }
    };
    let directory = |tag: u16, kind: u16, count: usize, at: usize| {
        [
            &short(1)[..],
            &short(tag),
            &short(kind),
            &long(count),
            &long(at),
            &long(0),
        ]
        .concat()
    };
    let mut out = if is_little {
        b"II\x2a\0".to_vec()
    } else {
        b"MM\0\x2a".to_vec()
    };
    out.extend(long(8));
    if is_nested {
        out.extend(directory(0x8769, 4, 1, 26));
    }
    let start = out.len() + 18;
    out.extend(directory(tag, 7, value.len(), start));
    out.extend_from_slice(value);
    out
}

fn webp(exif: &[u8]) -> Vec<u8> {
    let chunk = |kind: &[u8], data: &[u8]| {
        let length = u32::try_from(data.len()).unwrap().to_le_bytes();
        let padding = vec![0; data.len() % 2];
        [kind, &length, data, &padding].concat()
    };
    let body = [
        chunk(b"VP8X", &[0; 10]),
        chunk(b"ALPH", b"odd"),
        chunk(b"EXIF", exif),
    ]
    .concat();
    let length = u32::try_from(body.len() + 4).unwrap().to_le_bytes();
    [b"RIFF", &length[..], b"WEBP", &body].concat()
}

fn jpeg(exif: &[u8]) -> Vec<u8> {
    let mut out = b"\xff\xd8\xff\xe0\0\x04ab".to_vec();
    for part in exif.chunks(60_000) {
        let length = u16::try_from(part.len() + 8).unwrap().to_be_bytes();
        out.extend([b"\xff\xff\xe1", &length[..], b"Exif\0\0", part].concat());
    }
    out.extend(b"\xff\xda\0\x02pixels\xff\xd9");
    out
}

fn name(file: &[u8]) -> Result<String, CardError> {
    Card::import(file).map(|imported| imported.card.name().into_owned())
}

#[test]
fn a_card_is_read_from_the_comment_of_every_kind_of_picture() {
    let json = v2().to_string().into_bytes();
    for is_little in [true, false] {
        for (is_nested, tag) in [(true, 0x9286), (false, 0x9286), (false, 0x010e)] {
            for value in [
                json.clone(),
                encoded(&v2()),
                [b"ASCII\0\0\0", &json[..]].concat(),
            ] {
                let exif = tiff(is_little, is_nested, tag, &value);
                let headed = [b"Exif\0\0", &exif[..]].concat();
                let png = picture(&[(*b"eXIf", exif.clone())]);
                for file in [webp(&exif), webp(&headed), jpeg(&exif), png] {
                    let imported = Card::import(&file).unwrap();
                    assert_eq!(imported.card, super::read(&v2()));
                    assert!(imported.picture.is_some());
                }
            }
        }
    }
}

#[test]
fn comments_are_read_as_early_programs_wrote_them() {
    let json = named("Wrén").to_string();
    let list: Vec<String> = json.bytes().map(|byte| byte.to_string()).collect();
    let units =
        |order: fn(u16) -> [u8; 2]| -> Vec<u8> { json.encode_utf16().flat_map(order).collect() };
    let comments = [
        list.join(",").into_bytes(),
        [b"UNICODE\0", &units(u16::to_le_bytes)[..]].concat(),
        [b"UNICODE\0", &units(u16::to_be_bytes)[..]].concat(),
        [b"UNICODE\0", json.as_bytes()].concat(),
        [b"\0\0\0\0\0\0\0\0", json.as_bytes(), b"\0"].concat(),
    ];
    for comment in comments {
        assert_eq!(
            name(&webp(&tiff(true, true, 0x9286, &comment))).unwrap(),
            "Wrén"
        );
    }
}

#[test]
fn comments_begin_as_their_writers_indent_and_mark_them() {
    let json = named("Wrén");
    let indented = serde_json::to_string_pretty(&json).unwrap();
    let (tabbed, marked) = (indented.replace("  ", "\t"), format!("\u{feff}{json}"));
    for text in [indented, tabbed.replace('\n', "\r\n"), marked] {
        let packed = STANDARD.encode(&text);
        let safe = packed.replace('+', "-").replace('/', "_");
        for comment in [text.as_str(), &packed, &safe] {
            let file = webp(&tiff(true, true, 0x9286, comment.as_bytes()));
            assert_eq!(name(&file).as_deref(), Ok("Wrén"), "{comment}");
        }
    }
}

#[test]
fn a_card_longer_than_a_segment_is_read_whole() {
    let mut card = v2();
    card["data"]["description"] = "long ".repeat(50_000).into();
    let file = jpeg(&tiff(false, true, 0x9286, &encoded(&card)));
    assert_eq!(Card::import(&file).unwrap().card, super::read(&card));
}

#[test]
fn pictures_without_a_card_and_damaged_ones_are_refused() {
    let other = tiff(true, true, 0x9286, b"ASCII\0\0\0a photograph of the sea");
    for file in [
        webp(&other),
        jpeg(&other),
        webp(b""),
        jpeg(b"II"),
        b"RIFF\0\0\0\0WEBP".to_vec(),
    ] {
        assert_eq!(name(&file), Err(CardError::NoCardInPicture));
    }
    let exif = tiff(true, true, 0x9286, &encoded(&v2()));
    for length in 0..exif.len() {
        let _ = name(&webp(&exif[..length]));
        let _ = name(&jpeg(&exif)[..length]);
    }
    for at in 0..40 {
        for byte in [0, 0x7f, 0xff] {
            let mut odd = exif.clone();
            odd[at] = byte;
            let _ = name(&webp(&odd));
        }
    }
}
