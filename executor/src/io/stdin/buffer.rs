//! The bytes that were read and not used yet: they go in as they were read, and come out in pieces, lines or as a whole.

/// What was read and not used yet.
pub(super) struct Buffer {
    /// As long as it was when somebody read into it.
    memory: Vec<u8>,
    /// Up to where that was read.
    read: usize,
    /// How many of these bytes, from the front, are used up.
    used: usize,
}

impl Buffer {
    pub(super) fn new() -> Buffer {
        Buffer { memory: Vec::new(), read: 0, used: 0 }
    }

    fn rest(&self) -> &[u8] {
        &self.memory[self.used..self.read]
    }

    /// Takes over the memory as it is, in exchange for its own, if all in there is used up.
    pub(super) fn append(&mut self, memory: &mut Vec<u8>, n: usize) {
        if self.used == self.read {
            std::mem::swap(&mut self.memory, memory);
            (self.used, self.read) = (0, n);
        } else {
            self.memory.truncate(self.read);
            self.memory.extend_from_slice(&memory[..n]);
            self.read = self.memory.len();
        }
    }

    pub(super) fn take(&mut self, buf: &mut [u8]) -> usize {
        let n = self.rest().len().min(buf.len());
        buf[..n].copy_from_slice(&self.rest()[..n]);
        self.used += n;
        n
    }

    pub(super) fn take_all(&mut self, buf: &mut Vec<u8>) {
        buf.extend_from_slice(self.rest());
        self.used = self.read;
    }

    pub(super) fn take_rest(&mut self) -> Vec<u8> {
        let mut rest = Vec::new();
        self.take_all(&mut rest);
        rest
    }

    /// The first line, if it is complete. `searched` bytes are known to hold no end of a line.
    pub(super) fn take_line(&mut self, searched: &mut usize) -> Option<Vec<u8>> {
        let rest = self.rest();
        // Another reader may have taken some meanwhile.
        let from = (*searched).min(rest.len());
        let Some(end) = rest[from..].iter().position(|&byte| byte == b'\n') else {
            *searched = rest.len();
            return None;
        };
        let line = rest[..=from + end].to_vec();
        self.used += line.len();
        Some(line)
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    /// As read into memory that has room for more.
    fn append(buffer: &mut Buffer, bytes: &[u8]) {
        buffer.append(&mut [bytes, b"what was there"].concat(), bytes.len());
    }

    #[test]
    fn lines_and_pieces_come_out_as_they_went_in() {
        let mut buffer = Buffer::new();
        let mut searched = 0;
        append(&mut buffer, b"on");
        assert_eq!(buffer.take_line(&mut searched), None);
        assert_eq!(searched, 2);
        append(&mut buffer, b"e\ntwo\nthr");
        assert_eq!(buffer.take_line(&mut searched).unwrap(), b"one\n");
        searched = 0;
        let mut piece = [0; 2];
        assert_eq!((buffer.take(&mut piece), &piece), (2, b"tw"));
        assert_eq!(buffer.take_line(&mut searched).unwrap(), b"o\n");
        let mut rest = Vec::new();
        buffer.take_all(&mut rest);
        assert_eq!(rest, b"thr");
        assert_eq!(buffer.take(&mut piece), 0);
        append(&mut buffer, b"ee");
        assert_eq!(buffer.rest(), b"ee");
        assert!(buffer.memory.starts_with(b"ee"), "what is used up is not kept");
    }

    #[test]
    fn what_was_searched_does_not_matter_once_others_have_taken_it() {
        let mut buffer = Buffer::new();
        append(&mut buffer, b"long beginning");
        let mut searched = 0;
        assert_eq!(buffer.take_line(&mut searched), None);
        buffer.take_all(&mut Vec::new());
        append(&mut buffer, b"\n");
        assert_eq!(buffer.take_line(&mut 0).unwrap(), b"\n");
        assert_eq!(searched, 14);
    }
}
