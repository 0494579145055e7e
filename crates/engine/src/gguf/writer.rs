//! Writes GGUF files for tests: metadata and tensors in the order in which they are given.

const ALIGNMENT: usize = 32;

/// A GGUF file in the making.
#[derive(Debug, Default)]
pub(crate) struct Writer {
    values: u64,
    metadata: Vec<u8>,
    tensors: u64,
    directory: Vec<u8>,
    data: Vec<u8>,
}

impl Writer {
    pub(crate) fn text(&mut self, key: &str, value: &str) {
        self.key(key, 8);
        string(&mut self.metadata, value.as_bytes());
    }

    pub(crate) fn int(&mut self, key: &str, value: u32) {
        self.key(key, 4);
        self.metadata.extend(value.to_le_bytes());
    }

    pub(crate) fn float(&mut self, key: &str, value: f32) {
        self.key(key, 6);
        self.metadata.extend(value.to_le_bytes());
    }

    pub(crate) fn texts(&mut self, key: &str, values: &[String]) {
        self.array(key, 8, values.len());
        for value in values {
            string(&mut self.metadata, value.as_bytes());
        }
    }

    pub(crate) fn ints(&mut self, key: &str, values: &[i32]) {
        self.array(key, 5, values.len());
        self.metadata
            .extend(values.iter().flat_map(|value| value.to_le_bytes()));
    }

    pub(crate) fn floats(&mut self, key: &str, values: &[f32]) {
        self.array(key, 6, values.len());
        self.metadata
            .extend(values.iter().flat_map(|value| value.to_le_bytes()));
    }

    /// A tensor whose bytes are in ggml's `format`; `dimensions` begin with the row length.
    pub(crate) fn tensor(&mut self, name: &str, dimensions: &[usize], format: u32, bytes: &[u8]) {
        self.tensors += 1;
        string(&mut self.directory, name.as_bytes());
        self.directory
            .extend((dimensions.len() as u32).to_le_bytes());
        for dimension in dimensions {
            self.directory.extend((*dimension as u64).to_le_bytes());
        }
        self.directory.extend(format.to_le_bytes());
        self.directory
            .extend((self.data.len() as u64).to_le_bytes());
        self.data.extend(bytes);
        self.data
            .resize(self.data.len().next_multiple_of(ALIGNMENT), 0);
    }

    /// The whole file.
    pub(crate) fn finish(self) -> Vec<u8> {
        let mut file = b"GGUF".to_vec();
        file.extend(3_u32.to_le_bytes());
        file.extend(self.tensors.to_le_bytes());
        file.extend(self.values.to_le_bytes());
        file.extend(self.metadata);
        file.extend(self.directory);
        file.resize(file.len().next_multiple_of(ALIGNMENT), 0);
        file.extend(self.data);
        file
    }

    fn key(&mut self, key: &str, kind: u32) {
        self.values += 1;
        string(&mut self.metadata, key.as_bytes());
        self.metadata.extend(kind.to_le_bytes());
    }

    fn array(&mut self, key: &str, kind: u32, length: usize) {
        self.key(key, 9);
        self.metadata.extend(kind.to_le_bytes());
        self.metadata.extend((length as u64).to_le_bytes());
    }
}

fn string(out: &mut Vec<u8>, text: &[u8]) {
    out.extend((text.len() as u64).to_le_bytes());
    out.extend(text);
}
