//! A global allocator that asks for huge pages where a block is large.
//!
//! The session table is a few blocks of hundreds of megabytes that are read at random. With pages of 4 KiB
//! each such read costs a second walk through the page tables; with pages of 2 MiB it seldom does. Small
//! blocks go to the system's allocator.
#![allow(
    unsafe_code,
    reason = "the allocator interface and memory mapping are unsafe; this file is all there is of it"
)]

use std::{
    alloc::{GlobalAlloc, Layout, System},
    ptr,
};

/// The allocator. A program installs it with `#[global_allocator]`.
pub struct HugePages;

const HUGE_PAGE: usize = 2 << 20;

/// Blocks from this size on are mapped for themselves, at the border of a huge page.
const LARGE_MIN: usize = 8 << 20;

const fn is_large(layout: &Layout) -> bool {
    layout.size() >= LARGE_MIN && layout.align() <= HUGE_PAGE
}

/// The length that is mapped for a block.
const fn mapped_length(size: usize) -> usize {
    size.next_multiple_of(HUGE_PAGE)
}

// SAFETY: small blocks are the system allocator's in every call, large ones are mappings of `mapped_length`
// bytes that only `dealloc` unmaps; which of the two a block is follows from its layout alone, and
// `realloc` moves between them by copying.
unsafe impl GlobalAlloc for HugePages {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if is_large(&layout) {
            map(layout.size())
        } else {
            // SAFETY: the caller's promise about `layout` is the one that `System` asks for.
            unsafe { System.alloc(layout) }
        }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        if is_large(&layout) {
            // A fresh mapping is zero.
            map(layout.size())
        } else {
            // SAFETY: as in `alloc`.
            unsafe { System.alloc_zeroed(layout) }
        }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        if is_large(&layout) {
            // SAFETY: a block of a large layout came from `map` with the same size.
            unsafe { libc::munmap(block.cast(), mapped_length(layout.size())) };
        } else {
            // SAFETY: a block of a small layout came from `System`.
            unsafe { System.dealloc(block, layout) }
        }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        // SAFETY: the caller promises that `new_size` fits the alignment.
        let new_layout = unsafe { Layout::from_size_align_unchecked(new_size, layout.align()) };
        if !is_large(&layout) && !is_large(&new_layout) {
            // SAFETY: both are the system's.
            return unsafe { System.realloc(block, layout, new_size) };
        }
        // SAFETY: a new block, a copy of what both have room for, and the old block's end.
        unsafe {
            let moved = self.alloc(new_layout);
            if !moved.is_null() {
                ptr::copy_nonoverlapping(block, moved, layout.size().min(new_size));
                self.dealloc(block, layout);
            }
            moved
        }
    }
}

/// Maps zeroed memory that begins at the border of a huge page; null when there is none. Memory is used as
/// it is touched.
fn map(size: usize) -> *mut u8 {
    let length = mapped_length(size);
    // SAFETY: a private anonymous mapping touches nothing that exists; what is unmapped below is a part of
    // it.
    unsafe {
        let start = libc::mmap(
            ptr::null_mut(),
            length + HUGE_PAGE,
            libc::PROT_READ | libc::PROT_WRITE,
            libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE,
            -1,
            0,
        );
        if start == libc::MAP_FAILED {
            return ptr::null_mut();
        }
        let before = start.align_offset(HUGE_PAGE);
        let block = start.byte_add(before);
        if before > 0 {
            libc::munmap(start, before);
        }
        let after = HUGE_PAGE - before;
        if after > 0 {
            libc::munmap(block.byte_add(length), after);
        }
        // Where the kernel has no huge pages the advice is refused and the block works as it is.
        libc::madvise(block, length, libc::MADV_HUGEPAGE);
        block.cast()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[global_allocator]
    static ALLOCATOR: HugePages = HugePages;

    #[test]
    fn large_blocks_begin_at_a_huge_page_and_are_zero() {
        let block = vec![0_u64; LARGE_MIN / 8 + 5];
        assert_eq!(block.as_ptr().addr() % HUGE_PAGE, 0);
        assert!(block.iter().all(|word| *word == 0));
    }

    #[test]
    fn blocks_grow_and_shrink_across_the_border() {
        let mut bytes: Vec<u8> = Vec::new();
        for byte in 0..LARGE_MIN * 3 {
            bytes.push(byte as u8);
        }
        bytes.truncate(1000);
        bytes.shrink_to_fit();
        assert!(bytes.iter().enumerate().all(|(place, byte)| *byte == place as u8));
        bytes.reserve_exact(LARGE_MIN);
        assert_eq!(bytes[999], 999_usize as u8);
    }
}
