//! Memory of large buffers, on large pages.
//!
//! The columns and the text of a large manifest have hundreds of megabytes. In pages of 4 KiB the system takes as long
//! to hand them out as the engine takes to fill them; in pages of 2 MiB that is nearly free. Linux gives those to who
//! asks, and numpy does the same for its arrays.
#![expect(unsafe_code, reason = "allocators and bytes without contents cannot be had in safe code")]

use pyo3::buffer::PyBuffer;
use pyo3::ffi;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyList};
use std::alloc::{GlobalAlloc, Layout, System};
use std::ptr;

/// From this size on large pages are asked for.
const LARGE: usize = 1 << 22;

#[global_allocator]
static ALLOCATOR: LargePages = LargePages;

/// The system's allocator.
struct LargePages;

// SAFETY: each method is the system allocator's, and advice changes no contents.
unsafe impl GlobalAlloc for LargePages {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        advise(unsafe { System.alloc(layout) }, layout.size())
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        advise(unsafe { System.alloc_zeroed(layout) }, layout.size())
    }

    unsafe fn dealloc(&self, start: *mut u8, layout: Layout) {
        unsafe { System.dealloc(start, layout) }
    }

    unsafe fn realloc(&self, start: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        advise(unsafe { System.realloc(start, layout, size) }, size)
    }
}

/// Asks for large pages if they are worth it.
#[inline]
fn advise(start: *mut u8, size: usize) -> *mut u8 {
    #[cfg(target_os = "linux")]
    if size >= LARGE && !start.is_null() {
        const PAGE: usize = 4096;
        let before = start.addr() % PAGE;
        // SAFETY: whatever lies in these pages keeps its contents. An error means no more than pages of the usual size.
        unsafe { libc::madvise(start.sub(before).cast(), size + before, libc::MADV_HUGEPAGE) };
    }
    start
}

/// A `bytes` that is written where it stays: `io.BytesIO` writes to the room that it is given, and gives it away.
pub(crate) struct Room(Py<PyAny>);

impl Room {
    /// Room for so many bytes.
    pub(crate) fn new(py: Python<'_>, size: usize) -> PyResult<Self> {
        let room = unset_bytes(py, size)?;
        Ok(Self(py.import(intern!(py, "io"))?.call_method1(intern!(py, "BytesIO"), (room,))?.unbind()))
    }

    /// Writes bytes behind those that were written before.
    pub(crate) fn write(&self, py: Python<'_>, bytes: &[u8]) -> PyResult<()> {
        self.0.call_method1(py, intern!(py, "write"), (PyBytes::new(py, bytes),)).map(|_| ())
    }

    /// What was written.
    pub(crate) fn into_bytes(self, py: Python<'_>) -> PyResult<Bound<'_, PyBytes>> {
        let file = self.0.into_bound(py);
        file.call_method0(intern!(py, "truncate"))?;
        Ok(file.call_method0(intern!(py, "getvalue"))?.cast_into()?)
    }
}

/// The bytes of `parts`, one after the other, which together have `size`. Large ones lie on large pages.
#[pyfunction]
pub(crate) fn join<'py>(py: Python<'py>, parts: &Bound<'py, PyList>, size: usize) -> PyResult<Bound<'py, PyBytes>> {
    let room = Room::new(py, size)?;
    room.0.call_method1(py, intern!(py, "writelines"), (parts,))?;
    room.into_bytes(py)
}

/// Asks for large pages for what a buffer that can be written will have written to it, if it is worth it. Its contents
/// stay.
#[pyfunction]
pub(crate) fn prefer_large_pages(buffer: &Bound<'_, PyAny>) -> PyResult<()> {
    let buffer = PyBuffer::<u8>::get(buffer)?;
    if !buffer.readonly() && buffer.is_c_contiguous() {
        advise(buffer.buf_ptr().cast(), buffer.len_bytes());
    }
    Ok(())
}

/// A `bytes` whose contents are not set: it must not be seen before they are.
fn unset_bytes(py: Python<'_>, size: usize) -> PyResult<Bound<'_, PyBytes>> {
    // SAFETY: NULL asks for a new `bytes` without contents; a failure sets an exception.
    unsafe {
        let room = ffi::PyBytes_FromStringAndSize(ptr::null(), size.cast_signed());
        let room = Bound::from_owned_ptr_or_err(py, room)?.cast_into_unchecked::<PyBytes>();
        advise(ffi::PyBytes_AsString(room.as_ptr()).cast(), size);
        Ok(room)
    }
}
