//! The one place where the engine speaks to the cache.
#![allow(unsafe_code, reason = "a prefetch intrinsic takes a pointer; it never faults and changes no value")]

/// Asks the processor to fetch the cache line that holds `item`.
#[inline(always)]
pub fn prefetch<T>(item: &T) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: the address comes from a reference, and a prefetch is a hint that neither faults nor writes.
    unsafe {
        core::arch::x86_64::_mm_prefetch::<{ core::arch::x86_64::_MM_HINT_T0 }>(
            core::ptr::from_ref(item).cast(),
        );
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = item;
}
