//! Protobuf's wire format: writing values into a buffer, and walking over the fields of an encoded message.

/// How many bytes precede a message on a gRPC stream: a flag and a length.
pub(crate) const FRAME_HEADER: usize = 5;

/// Wire types.
pub(crate) const VARINT: u32 = 0;
pub(crate) const FIXED64: u32 = 1;
pub(crate) const LENGTH: u32 = 2;
pub(crate) const GROUP_START: u32 = 3;
pub(crate) const GROUP_END: u32 = 4;
pub(crate) const FIXED32: u32 = 5;

/// An encoded message is malformed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the encoded message is malformed")]
pub(crate) struct Malformed;

/// Writes a variable-length integer.
pub(crate) fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Writes the tag of a field.
pub(crate) fn put_tag(out: &mut Vec<u8>, number: u32, wire_type: u32) {
    put_varint(out, u64::from(number << 3 | wire_type));
}

/// Writes what `body` writes, preceded by its length.
pub(crate) fn put_delimited<E>(
    out: &mut Vec<u8>,
    body: impl FnOnce(&mut Vec<u8>) -> Result<(), E>,
) -> Result<(), E> {
    let start = out.len();
    // Nearly all lengths fit one byte; longer ones move what was written.
    out.push(0);
    body(out)?;
    let len = out.len() - start - 1;
    if len < 0x80 {
        out[start] = len as u8;
        return Ok(());
    }
    let mut prefix = Vec::with_capacity(5);
    put_varint(&mut prefix, len as u64);
    out.resize(out.len() + prefix.len() - 1, 0);
    out.copy_within(start + 1..start + 1 + len, start + prefix.len());
    out[start..start + prefix.len()].copy_from_slice(&prefix);
    Ok(())
}

/// A field's value as it lies on the wire.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Raw<'a> {
    Varint(u64),
    Fixed64(u64),
    Fixed32(u32),
    Length(&'a [u8]),
    Group(&'a [u8]),
}

/// Reads the fields of an encoded message, one after another.
#[derive(Debug)]
pub(crate) struct Fields<'a> {
    rest: &'a [u8],
}

impl<'a> Fields<'a> {
    /// Starts to read a message.
    pub(crate) fn new(message: &'a [u8]) -> Self {
        Self { rest: message }
    }

    /// Number and value of the next field.
    pub(crate) fn next(&mut self) -> Result<Option<(u32, Raw<'a>)>, Malformed> {
        if self.rest.is_empty() {
            return Ok(None);
        }
        let (number, wire_type) = self.tag()?;
        self.raw(number, wire_type).map(|raw| Some((number, raw)))
    }

    fn tag(&mut self) -> Result<(u32, u32), Malformed> {
        let tag = u32::try_from(take_varint(&mut self.rest)?).map_err(|_| Malformed)?;
        match tag >> 3 {
            0 => Err(Malformed),
            number => Ok((number, tag & 7)),
        }
    }

    fn raw(&mut self, number: u32, wire_type: u32) -> Result<Raw<'a>, Malformed> {
        match wire_type {
            VARINT => take_varint(&mut self.rest).map(Raw::Varint),
            FIXED64 => take(&mut self.rest).map(|it| Raw::Fixed64(u64::from_le_bytes(it))),
            FIXED32 => take(&mut self.rest).map(|it| Raw::Fixed32(u32::from_le_bytes(it))),
            LENGTH => take_delimited(&mut self.rest).map(Raw::Length),
            GROUP_START => self.group(number).map(Raw::Group),
            _ => Err(Malformed),
        }
    }

    /// The fields of a group, whose start was read. Groups inside are counted, not entered.
    fn group(&mut self, number: u32) -> Result<&'a [u8], Malformed> {
        let start = self.rest;
        let mut open = vec![number];
        loop {
            let before = self.rest;
            let (number, wire_type) = self.tag()?;
            match wire_type {
                GROUP_START => open.push(number),
                GROUP_END if open.pop() == Some(number) => {
                    if open.is_empty() {
                        return Ok(&start[..start.len() - before.len()]);
                    }
                }
                GROUP_END => return Err(Malformed),
                other => _ = self.raw(number, other)?,
            }
        }
    }
}

/// Takes a variable-length integer off the front.
pub(crate) fn take_varint(rest: &mut &[u8]) -> Result<u64, Malformed> {
    let mut value = 0;
    for (index, byte) in rest.iter().take(10).enumerate() {
        value |= u64::from(byte & 0x7f) << (7 * index);
        if byte & 0x80 == 0 {
            *rest = &rest[index + 1..];
            return Ok(value);
        }
    }
    Err(Malformed)
}

/// Takes a fixed number of bytes off the front.
pub(crate) fn take<const N: usize>(rest: &mut &[u8]) -> Result<[u8; N], Malformed> {
    let (taken, left) = rest.split_first_chunk::<N>().ok_or(Malformed)?;
    *rest = left;
    Ok(*taken)
}

fn take_delimited<'a>(rest: &mut &'a [u8]) -> Result<&'a [u8], Malformed> {
    let len = usize::try_from(take_varint(rest)?).map_err(|_| Malformed)?;
    let (taken, left) = rest.split_at_checked(len).ok_or(Malformed)?;
    *rest = left;
    Ok(taken)
}
