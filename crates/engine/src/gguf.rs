//! Reads a GGUF file: its metadata, its tokens and where its tensors lie.
//!
//! The file stays mapped; nothing is copied but the names. Every length is checked against the file, so that a truncated or
//! hostile file is an error and never a panic. Knows nothing of architectures.

use std::collections::HashMap;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use memmap2::Mmap;

use super::error::Error;
use super::mapped;

const MAGIC: &[u8] = b"GGUF";
const DEFAULT_ALIGNMENT: usize = 32;
const MOST_DIMENSIONS: usize = 4;

/// A metadata value; numbers are widened, arrays are left in the file.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Value {
    Int(i64),
    Float(f64),
    Bool(bool),
    Text(String),
    Array(Array),
}

/// An array's elements: their type, their number and the bytes that hold them.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Array {
    kind: u32,
    count: usize,
    bytes: Range<usize>,
}

/// Where one tensor lies.
#[derive(Debug, Clone)]
pub(super) struct Tensor {
    /// Row length first, as GGUF has it.
    pub(super) dimensions: Vec<usize>,
    /// ggml's number of the element format.
    pub(super) format: u32,
    /// First byte, from the start of the file.
    pub(super) start: usize,
}

/// A mapped GGUF file.
#[derive(Debug)]
pub(super) struct Gguf {
    map: Arc<Mmap>,
    metadata: HashMap<String, Value>,
    tensors: HashMap<String, Tensor>,
}

impl Gguf {
    /// Maps `path` and reads its header.
    pub(super) fn open(path: &Path) -> Result<Self, Error> {
        let unreadable = |source| Error::Unreadable {
            path: path.to_owned(),
            source,
        };
        let map = mapped::map(path).map_err(unreadable)?;
        Self::parse(map).map_err(|what| Error::Corrupt {
            path: path.to_owned(),
            what,
        })
    }

    fn parse(map: Arc<Mmap>) -> Result<Self, String> {
        let mut reader = Reader { bytes: &map, at: 0 };
        if reader.take(MAGIC.len())? != MAGIC {
            return Err("it does not begin with GGUF".to_owned());
        }
        let version = reader.u32()?;
        if !(2..=3).contains(&version) {
            return Err(format!(
                "it is GGUF version {version}, and versions 2 and 3 are read"
            ));
        }
        let (tensor_count, value_count) = (reader.size()?, reader.size()?);
        let mut metadata = HashMap::new();
        for _ in 0..value_count {
            let key = reader.text()?;
            let kind = reader.u32()?;
            metadata.insert(key, reader.value(kind)?);
        }
        let mut tensors = HashMap::new();
        for _ in 0..tensor_count {
            let (name, tensor) = reader.tensor()?;
            tensors.insert(name, tensor);
        }
        let alignment = match metadata.get("general.alignment") {
            Some(Value::Int(bytes)) if (1..=1 << 20).contains(bytes) => *bytes as usize,
            _ => DEFAULT_ALIGNMENT,
        };
        let data = reader.at.next_multiple_of(alignment);
        for tensor in tensors.values_mut() {
            tensor.start = tensor
                .start
                .checked_add(data)
                .ok_or("a tensor lies beyond the end")?;
        }
        Ok(Self {
            map,
            metadata,
            tensors,
        })
    }

    pub(super) fn map(&self) -> Arc<Mmap> {
        Arc::clone(&self.map)
    }

    pub(super) fn tensor(&self, name: &str) -> Option<&Tensor> {
        self.tensors.get(name)
    }

    pub(super) fn text(&self, key: &str) -> Option<&str> {
        match self.metadata.get(key) {
            Some(Value::Text(text)) => Some(text),
            _ => None,
        }
    }

    pub(super) fn float(&self, key: &str) -> Option<f32> {
        match self.metadata.get(key) {
            Some(Value::Float(number)) => Some(*number as f32),
            Some(Value::Int(number)) => Some(*number as f32),
            _ => None,
        }
    }

    pub(super) fn int(&self, key: &str) -> Option<u32> {
        match self.metadata.get(key) {
            Some(Value::Int(number)) => u32::try_from(*number).ok(),
            _ => None,
        }
    }

    pub(super) fn bool(&self, key: &str) -> Option<bool> {
        match self.metadata.get(key) {
            Some(Value::Bool(truth)) => Some(*truth),
            _ => None,
        }
    }

    /// The bytes of each string of an array, as ranges of the file.
    pub(super) fn texts(&self, key: &str) -> Option<Vec<Range<usize>>> {
        let array = self.array(key, 8)?;
        let mut reader = Reader {
            bytes: &self.map,
            at: array.bytes.start,
        };
        (0..array.count).map(|_| reader.range().ok()).collect()
    }

    /// An array of 32-bit floats.
    pub(super) fn floats(&self, key: &str) -> Option<Vec<f32>> {
        let array = self.array(key, 6)?;
        let (words, _) = self.map[array.bytes.clone()].as_chunks::<4>();
        Some(words.iter().map(|word| f32::from_le_bytes(*word)).collect())
    }

    /// An array of 32-bit integers.
    pub(super) fn ints(&self, key: &str) -> Option<Vec<i32>> {
        let array = self.array(key, 5)?;
        let (words, _) = self.map[array.bytes.clone()].as_chunks::<4>();
        Some(words.iter().map(|word| i32::from_le_bytes(*word)).collect())
    }

    fn array(&self, key: &str, kind: u32) -> Option<&Array> {
        match self.metadata.get(key) {
            Some(Value::Array(array)) if array.kind == kind => Some(array),
            _ => None,
        }
    }
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    fn take(&mut self, length: usize) -> Result<&'a [u8], String> {
        let end = self
            .at
            .checked_add(length)
            .filter(|end| *end <= self.bytes.len());
        let end = end.ok_or_else(|| format!("it ends too early, at byte {}", self.bytes.len()))?;
        let taken = &self.bytes[self.at..end];
        self.at = end;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], String> {
        let mut array = [0; N];
        array.copy_from_slice(self.take(N)?);
        Ok(array)
    }

    fn u32(&mut self) -> Result<u32, String> {
        Ok(u32::from_le_bytes(self.array()?))
    }

    fn size(&mut self) -> Result<usize, String> {
        let size = u64::from_le_bytes(self.array()?);
        usize::try_from(size).map_err(|_| format!("it holds an impossible length, {size}"))
    }

    fn range(&mut self) -> Result<Range<usize>, String> {
        let length = self.size()?;
        let start = self.at;
        self.take(length)?;
        Ok(start..self.at)
    }

    fn text(&mut self) -> Result<String, String> {
        let range = self.range()?;
        String::from_utf8(self.bytes[range].to_vec())
            .map_err(|_| "it holds a name that is not UTF-8".to_owned())
    }

    fn value(&mut self, kind: u32) -> Result<Value, String> {
        Ok(match kind {
            0 => Value::Int(i64::from(u8::from_le_bytes(self.array()?))),
            1 => Value::Int(i64::from(i8::from_le_bytes(self.array()?))),
            2 => Value::Int(i64::from(u16::from_le_bytes(self.array()?))),
            3 => Value::Int(i64::from(i16::from_le_bytes(self.array()?))),
            4 => Value::Int(i64::from(self.u32()?)),
            5 => Value::Int(i64::from(i32::from_le_bytes(self.array()?))),
            6 => Value::Float(f64::from(f32::from_le_bytes(self.array()?))),
            7 => Value::Bool(self.array::<1>()? != [0]),
            8 => Value::Text(self.text()?),
            9 => Value::Array(self.elements()?),
            10 | 11 => Value::Int(i64::from_le_bytes(self.array()?)),
            12 => Value::Float(f64::from_le_bytes(self.array()?)),
            _ => return Err(format!("it holds a value of unknown type {kind}")),
        })
    }

    fn elements(&mut self) -> Result<Array, String> {
        let (kind, count) = (self.u32()?, self.size()?);
        let start = self.at;
        let width = match kind {
            0 | 1 | 7 => 1,
            2 | 3 => 2,
            4..=6 => 4,
            10..=12 => 8,
            8 => 0,
            _ => return Err(format!("it holds an array of type {kind}")),
        };
        if kind == 8 {
            for _ in 0..count {
                self.range()?;
            }
        } else {
            self.take(
                count
                    .checked_mul(width)
                    .ok_or("it holds an impossible array")?,
            )?;
        }
        Ok(Array {
            kind,
            count,
            bytes: start..self.at,
        })
    }

    fn tensor(&mut self) -> Result<(String, Tensor), String> {
        let name = self.text()?;
        let rank = self.u32()? as usize;
        if rank > MOST_DIMENSIONS {
            return Err(format!("its tensor {name} has {rank} dimensions"));
        }
        let dimensions = (0..rank).map(|_| self.size()).collect::<Result<_, _>>()?;
        let format = self.u32()?;
        let start = self.size()?;
        Ok((
            name,
            Tensor {
                dimensions,
                format,
                start,
            },
        ))
    }
}

#[cfg(test)]
mod tests;
#[cfg(test)]
pub(crate) mod writer;
