//! Bytes that come in at one end and go out at the other, in blocks that never move: growing copies nothing, and memory
//! is used for what is there alone.

use std::collections::VecDeque;

/// With the eight bytes that the allocator adds, a power of two.
const BLOCK: usize = 248;

/// A queue of bytes.
#[derive(Debug, Default)]
pub(super) struct Blocks {
    blocks: VecDeque<Box<[u8; BLOCK]>>,
    /// Where in the first block the first byte is.
    head: usize,
    length: usize,
}

impl Blocks {
    pub(super) fn push(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let end = self.head + self.length;
            if end == self.blocks.len() * BLOCK {
                self.blocks.push_back(Box::new([0; BLOCK]));
            }
            let room = &mut self.blocks[end / BLOCK][end % BLOCK..];
            let (now, later) = bytes.split_at(room.len().min(bytes.len()));
            room[..now.len()].copy_from_slice(now);
            self.length += now.len();
            bytes = later;
        }
    }

    pub(super) fn first(&self) -> Option<u8> {
        (self.length > 0).then(|| self.blocks[0][self.head])
    }

    /// Gives up so many of the first bytes. A block that falls free is used again for those to come.
    pub(super) fn discard(&mut self, count: usize) {
        let count = count.min(self.length);
        self.head += count;
        self.length -= count;
        if self.length == 0 {
            self.head = 0;
        }
        while self.head >= BLOCK {
            self.head -= BLOCK;
            self.blocks.rotate_left(1);
        }
    }

    /// Gives back the blocks that hold nothing.
    pub(super) fn shrink(&mut self) {
        self.blocks.truncate((self.head + self.length).div_ceil(BLOCK));
        self.blocks.shrink_to_fit();
    }

    pub(super) fn copied(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.length);
        for block in &self.blocks {
            let from = if bytes.is_empty() { self.head } else { 0 };
            let to = BLOCK.min(from + self.length - bytes.len());
            bytes.extend_from_slice(&block[from..to]);
        }
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_goes_in_comes_out_in_its_order() {
        let (mut blocks, mut expected) = (Blocks::default(), VecDeque::new());
        let mut random = fastrand::Rng::with_seed(7);
        for _ in 0..10_000 {
            let bytes: Vec<u8> = (0..random.usize(0..90)).map(|_| random.u8(..)).collect();
            blocks.push(&bytes);
            expected.extend(bytes);
            let gone = random.usize(0..90).min(expected.len());
            blocks.discard(gone);
            expected.drain(..gone);
            if random.u8(..) < 20 {
                blocks.shrink();
            }
            assert_eq!(blocks.copied(), expected.iter().copied().collect::<Vec<_>>());
            assert_eq!(blocks.first(), expected.front().copied());
        }
    }

    #[test]
    fn queue_of_a_steady_length_allocates_nothing_more() {
        let mut blocks = Blocks::default();
        blocks.push(&[1; 5000]);
        let before = blocks.blocks.len();
        for _ in 0..10_000 {
            blocks.discard(26);
            blocks.push(&[2; 26]);
        }
        assert!(blocks.blocks.len() <= before + 1);
    }

    #[test]
    fn empty_queue_gives_everything_back() {
        let mut blocks = Blocks::default();
        blocks.push(&[1; 5000]);
        blocks.discard(6000);
        blocks.shrink();
        assert_eq!((blocks.blocks.capacity().min(1), blocks.copied()), (0, Vec::new()));
    }
}
