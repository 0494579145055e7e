use super::*;

fn read(boundary: &str, body: &[u8]) -> Result<(String, Vec<u8>), String> {
    let body = Bytes::copy_from_slice(body);
    file(&body, boundary)
        .map(|file| (file.content_type, file.data.to_vec()))
        .map_err(|status| status.message().to_owned())
}

fn form(parts: &[(&str, &[u8])]) -> Vec<u8> {
    let mut body = Vec::new();
    for (headers, data) in parts {
        body.extend_from_slice(format!("--b\r\n{headers}\r\n\r\n").as_bytes());
        body.extend_from_slice(data);
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(b"--b--\r\n");
    body
}

const FIELD: &str = "Content-Disposition: form-data; name=\"title\"";
const FILE: &str = "Content-Disposition: form-data; name=\"file\"; filename=\"card.png\"\r\nContent-Type: image/png";
const PNG: (&str, &[u8]) = ("image/png", b"\x89PNG\r\n--\r\n\r\n\x00--bx\r\n--bc\r\n");

#[test]
fn the_part_with_a_file_name_is_the_file_wherever_it_stands() {
    let expected = Ok((PNG.0.to_owned(), PNG.1.to_vec()));
    assert_eq!(read("b", &form(&[(FILE, PNG.1)])), expected);
    let all = form(&[(FIELD, b"x"), (FILE, PNG.1), (FIELD, b"")]);
    assert_eq!(read("b", &all), expected);
    let preamble = [b"nothing to read\r\n", &all[..], b"nothing either"].concat();
    assert_eq!(read("b", &preamble), expected);
    // No line break needs to follow the end.
    assert_eq!(read("b", &all[..all.len() - 2]), expected);
}

#[test]
fn clients_write_dispositions_in_many_ways() {
    for (headers, kind) in [
        ("content-disposition:form-data;name=file;filename=a.png", ""),
        (
            "Content-Type: image/png\r\nContent-Disposition: form-data; name=image; filename=t.jpg; filename*=utf-8''t.jpg",
            "image/png",
        ),
        (
            "Content-Disposition: form-data; filename*=UTF-8''%e2%82%ac; name=\"a\"",
            "",
        ),
        (
            "Content-Disposition: form-data; name=\"dir\\\"; filename=\"C:\\a;b.png\"",
            "",
        ),
        (
            "Content-Disposition: form-data ; NAME=\"é\" ; FileName = \"ß.png\"\r\nCONTENT-TYPE:  text/plain ",
            "text/plain",
        ),
        (
            "Content-Disposition: attachment; x; filename=\"\"; name=\"f\"\r\nContent-Transfer-Encoding: Binary",
            "",
        ),
    ] {
        let body = form(&[(FIELD, b"x"), (headers, b"data")]);
        assert_eq!(
            read("b", &body),
            Ok((kind.to_owned(), b"data".to_vec())),
            "{headers}"
        );
    }
}

#[test]
fn the_only_part_needs_no_file_name() {
    assert_eq!(
        read("b", &form(&[(FIELD, b"{}")])),
        Ok((String::new(), b"{}".to_vec()))
    );
    assert_eq!(
        read("b", b"--b\r\n\r\nx\r\n--b--"),
        Ok((String::new(), b"x".to_vec()))
    );
    assert_eq!(
        read("b", b"--b \t\r\n\r\n\r\n--b--"),
        Ok((String::new(), Vec::new()))
    );
}

#[test]
fn what_holds_no_one_file_is_refused_and_says_why() {
    let empty = "Content-Disposition: form-data; name=\"file\"; filename=\"\"";
    let encoded = format!("{FILE}\r\nContent-Transfer-Encoding: base64");
    let crowd: Vec<_> = (0..MOST_PARTS + 1).map(|_| (FIELD, &b""[..])).collect();
    for (body, reason) in [
        (form(&[(FIELD, b"x"), (FIELD, b"y")]), "no file"),
        (form(&[(FIELD, b"x"), (empty, b"")]), "no file"),
        (form(&[]), "no file"),
        (form(&[(FILE, b"x"), (FILE, b"y")]), "several files"),
        (form(&[(&encoded, b"eA==")]), "content-transfer-encoding"),
        (form(&crowd), "more than 100 parts"),
        (b"--b\r\nno headers\r\n--b--".to_vec(), "headers"),
    ] {
        let message = read("b", &body).unwrap_err();
        assert!(message.contains(reason), "{message}: {reason}");
    }
}

#[test]
fn what_is_cut_anywhere_is_refused() {
    let body = form(&[(FIELD, b"x"), (FILE, PNG.1)]);
    let end = body.len() - "--\r\n".len();
    for len in 0..end {
        assert!(read("b", &body[..len]).is_err(), "{len}");
    }
    assert!(read("other", &body).unwrap_err().contains("boundary"));
    for boundary in ["", &"b".repeat(201)] {
        assert!(read(boundary, &body).unwrap_err().contains("boundary"));
    }
}
