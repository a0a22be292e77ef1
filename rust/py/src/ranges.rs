//! `keepset.ranges`: the arithmetic of data locators on Python lists, which are searched where they are.

#![expect(clippy::doc_markdown, reason = "what Python shows is a Python docstring, not Markdown")]

use crate::locator::ArgumentError;
use keepset_core::ranges::{self, BlockRange, Located, RangeList, Replacement, Source};
use pyo3::exceptions::{PyOverflowError, PyTypeError};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyInt, PyList, PySequence, PyString, PyTuple, PyType};

// The locator of a range is the object that the caller made, kept as it is: nothing is copied on the way in, through a
// lookup and out again. It is a `str`, or an `int` where a range stands for a part of a stream, as in the segments that
// `ArvadosFile` takes. Objects of exactly these types refer to no others, so that they cannot be part of a reference
// cycle and the classes need no garbage collection (`exact` sees to subclasses, which could).
type Locator = Option<Py<PyAny>>;

/// An integer from Python, before it is known whether 64 bits hold it.
#[derive(Clone, Copy)]
pub(crate) enum Number {
    Fits(u64),
    Negative,
    TooLarge,
}

impl<'py> FromPyObject<'_, 'py> for Number {
    type Error = PyErr;

    fn extract(object: Borrowed<'_, 'py, PyAny>) -> PyResult<Self> {
        match object.extract() {
            Ok(number) => Ok(Self::Fits(number)),
            Err(error) if error.is_instance_of::<PyOverflowError>(object.py()) => {
                let negative = object.call_method0("__index__")?.lt(0)?;
                Ok(if negative { Self::Negative } else { Self::TooLarge })
            }
            Err(error) => Err(error),
        }
    }
}

impl Number {
    /// The number, or an error that names the argument.
    fn checked(self, argument: &str) -> PyResult<u64> {
        match self {
            Self::Fits(number) => Ok(number),
            Self::Negative => Err(ArgumentError::new_err(format!("{argument} must not be negative"))),
            Self::TooLarge => Err(ArgumentError::new_err(format!("{argument} must be below 2**64"))),
        }
    }

    /// The number as a place to look at: no list has anything at one that does not fit.
    fn position(self) -> Option<u64> {
        match self {
            Self::Fits(number) => Some(number),
            Self::Negative | Self::TooLarge => None,
        }
    }
}

/// A string or an integer as one of exactly these types.
fn exact<'py>(locator: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    let py = locator.py();
    if locator.is_exact_instance_of::<PyString>() || locator.is_exact_instance_of::<PyInt>() {
        return Ok(locator.clone());
    }
    if locator.is_instance_of::<PyString>() {
        return py.get_type::<PyString>().getattr(intern!(py, "__str__"))?.call1((locator,));
    }
    if locator.is_instance_of::<PyInt>() {
        return py.get_type::<PyInt>().getattr(intern!(py, "__int__"))?.call1((locator,));
    }
    Err(PyTypeError::new_err(format!("a locator must be a str or an int, not {}", locator.get_type())))
}

fn exact_locator(locator: Option<&Bound<'_, PyAny>>) -> PyResult<Locator> {
    Ok(locator.map(exact).transpose()?.map(Bound::unbind))
}

fn clone_locator(py: Python<'_>, locator: &Locator) -> Locator {
    locator.as_ref().map(|locator| locator.clone_ref(py))
}

fn same_locator(py: Python<'_>, one: &Locator, other: &Locator) -> PyResult<bool> {
    match (one, other) {
        (Some(one), Some(other)) => one.bind(py).eq(other),
        (None, None) => Ok(true),
        _ => Ok(false),
    }
}

fn checked_range(start: Number, size: Number, segment_offset: Number, prefix: &str) -> PyResult<BlockRange> {
    let offset_name = if prefix.is_empty() { "segment_offset" } else { "new_segment_offset" };
    let start = start.checked(&format!("{prefix}range_start"))?;
    let size = size.checked(&format!("{prefix}range_size"))?;
    let segment_offset = segment_offset.checked(offset_name)?;
    BlockRange::new(start, size, segment_offset)
        .ok_or_else(|| ArgumentError::new_err("the range must end below 2**64, in the list and in its block"))
}

/// A run of bytes in a list of data locators.
///
/// A value: it can be compared, hashed and pickled, and does not change.
///
/// Args:
///     locator: The block that holds the bytes; or, for a part of a stream, where in the stream it begins.
///     range_start: Where the run begins in the list.
///     range_size: How many bytes it has.
///     segment_offset: Where it begins in the block.
///
/// Raises:
///     keepset.errors.ArgumentError: A number is negative, or the run ends at 2**64 or beyond.
///
/// Examples:
///     >>> from keepset.ranges import Range
///     >>> Range("acbd18db4cc2f85cedef654fccc4a4d8+3", 10, 3)
///     Range('acbd18db4cc2f85cedef654fccc4a4d8+3', 10, 3, 0)
#[pyclass(name = "Range", module = "keepset._core", frozen)]
pub(crate) struct PyRange {
    locator: Locator,
    range: BlockRange,
}

#[pymethods]
impl PyRange {
    #[new]
    #[pyo3(
        signature = (locator, range_start, range_size, segment_offset=Number::Fits(0)),
        text_signature = "(locator, range_start, range_size, segment_offset=0)"
    )]
    fn new(
        locator: Option<&Bound<'_, PyAny>>,
        range_start: Number,
        range_size: Number,
        segment_offset: Number,
    ) -> PyResult<Self> {
        let range = checked_range(range_start, range_size, segment_offset, "")?;
        Ok(Self { locator: exact_locator(locator)?, range })
    }

    /// The block that holds the bytes.
    #[getter]
    fn locator(&self, py: Python<'_>) -> Locator {
        clone_locator(py, &self.locator)
    }

    /// Where the run begins in the list.
    #[getter]
    fn range_start(&self) -> u64 {
        self.range.start()
    }

    /// How many bytes it has.
    #[getter]
    fn range_size(&self) -> u64 {
        self.range.size()
    }

    /// Where it begins in the block.
    #[getter]
    fn segment_offset(&self) -> u64 {
        self.range.segment_offset()
    }

    fn __eq__(&self, other: &Bound<'_, Self>) -> PyResult<bool> {
        let (py, other) = (other.py(), other.get());
        Ok(self.range == other.range && same_locator(py, &self.locator, &other.locator)?)
    }

    fn __hash__(&self, py: Python<'_>) -> PyResult<isize> {
        self.fields(py)?.hash()
    }

    fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
        Ok(format!("Range{}", self.fields(py)?.repr()?))
    }

    fn __reduce__<'py>(slf: &Bound<'py, Self>) -> PyResult<(Bound<'py, PyType>, Bound<'py, PyTuple>)> {
        Ok((slf.get_type(), slf.get().fields(slf.py())?))
    }
}

impl PyRange {
    fn fields<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        let range = self.range;
        (&self.locator, range.start(), range.size(), range.segment_offset()).into_pyobject(py)
    }
}

/// A part of one block.
///
/// A value: it can be compared, hashed and pickled, and does not change.
///
/// Args:
///     locator: The block.
///     block_size: How many bytes the block has.
///     segment_offset: Where in the block the part begins.
///     segment_size: How many bytes the part has.
///
/// Raises:
///     keepset.errors.ArgumentError: A number is negative, or 2**64 or more.
///
/// Examples:
///     >>> from keepset.ranges import LocatorAndRange
///     >>> LocatorAndRange("acbd18db4cc2f85cedef654fccc4a4d8+3", 3, 1, 2).segment_size
///     2
#[pyclass(name = "LocatorAndRange", module = "keepset._core", frozen)]
pub(crate) struct PyLocatorAndRange {
    pub(crate) locator: Locator,
    pub(crate) block_size: u64,
    pub(crate) segment_offset: u64,
    pub(crate) segment_size: u64,
}

#[pymethods]
impl PyLocatorAndRange {
    #[new]
    fn new(
        locator: Option<&Bound<'_, PyAny>>,
        block_size: Number,
        segment_offset: Number,
        segment_size: Number,
    ) -> PyResult<Self> {
        Ok(Self {
            locator: exact_locator(locator)?,
            block_size: block_size.checked("block_size")?,
            segment_offset: segment_offset.checked("segment_offset")?,
            segment_size: segment_size.checked("segment_size")?,
        })
    }

    /// The block.
    #[getter]
    fn locator(&self, py: Python<'_>) -> Locator {
        clone_locator(py, &self.locator)
    }

    /// How many bytes the block has.
    #[getter]
    fn block_size(&self) -> u64 {
        self.block_size
    }

    /// Where in the block the part begins.
    #[getter]
    fn segment_offset(&self) -> u64 {
        self.segment_offset
    }

    /// How many bytes the part has.
    #[getter]
    fn segment_size(&self) -> u64 {
        self.segment_size
    }

    fn __eq__(&self, other: &Bound<'_, Self>) -> PyResult<bool> {
        let (py, other) = (other.py(), other.get());
        Ok(self.numbers() == other.numbers() && same_locator(py, &self.locator, &other.locator)?)
    }

    fn __hash__(&self, py: Python<'_>) -> PyResult<isize> {
        self.fields(py)?.hash()
    }

    fn __repr__(&self, py: Python<'_>) -> PyResult<String> {
        Ok(format!("LocatorAndRange{}", self.fields(py)?.repr()?))
    }

    fn __reduce__<'py>(slf: &Bound<'py, Self>) -> PyResult<(Bound<'py, PyType>, Bound<'py, PyTuple>)> {
        Ok((slf.get_type(), slf.get().fields(slf.py())?))
    }
}

impl PyLocatorAndRange {
    fn numbers(&self) -> (u64, u64, u64) {
        (self.block_size, self.segment_offset, self.segment_size)
    }

    fn fields<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        (&self.locator, self.block_size, self.segment_offset, self.segment_size).into_pyobject(py)
    }
}

/// A Python sequence of `Range`, read item by item and only where the search goes.
struct DataLocators<'a, 'py> {
    items: Items<'a, 'py>,
    len: usize,
}

enum Items<'a, 'py> {
    List(&'a Bound<'py, PyList>),
    Sequence(&'a Bound<'py, PySequence>),
}

impl<'a, 'py> DataLocators<'a, 'py> {
    fn of_list(list: &'a Bound<'py, PyList>) -> Self {
        Self { len: list.len(), items: Items::List(list) }
    }

    fn of(object: &'a Bound<'py, PyAny>) -> PyResult<Self> {
        if let Ok(list) = object.cast::<PyList>() {
            return Ok(Self::of_list(list));
        }
        let sequence = object.cast::<PySequence>()?;
        Ok(Self { len: sequence.len()?, items: Items::Sequence(sequence) })
    }

    fn item(&self, index: usize) -> PyResult<Bound<'py, PyRange>> {
        let item = match self.items {
            Items::List(list) => list.get_item(index)?,
            Items::Sequence(sequence) => sequence.get_item(index)?,
        };
        item.cast_into::<PyRange>().map_err(|error| {
            let found = error.into_inner().get_type();
            PyTypeError::new_err(format!("data_locators[{index}] must be a keepset.ranges.Range, not {found}"))
        })
    }
}

impl RangeList for DataLocators<'_, '_> {
    type Error = PyErr;

    fn len(&self) -> usize {
        self.len
    }

    fn range(&self, index: usize) -> PyResult<BlockRange> {
        Ok(self.item(index)?.get().range)
    }
}

/// The index of the range that holds the byte at `range_start`.
///
/// Args:
///     data_locators: Ranges in order, one behind the other. Those without bytes are passed over.
///     range_start: The place of the byte in the list.
///
/// Returns:
///     The index, or None when no range holds the byte.
///
/// Examples:
///     >>> from keepset.ranges import Range, first_block
///     >>> first_block([Range("a", 0, 3), Range("b", 3, 0), Range("c", 3, 3)], 3)
///     2
#[pyfunction]
pub(crate) fn first_block(data_locators: &Bound<'_, PyAny>, range_start: Number) -> PyResult<Option<usize>> {
    let list = DataLocators::of(data_locators)?;
    match range_start.position() {
        Some(position) => ranges::first_block(&list, position),
        None => Ok(None),
    }
}

/// The parts of blocks that hold the `range_size` bytes from `range_start` on.
///
/// Args:
///     data_locators: Ranges in order, one behind the other. Those without bytes are passed over.
///     range_start: Where the bytes begin in the list. When no range holds this one, nothing is found.
///     range_size: How many bytes. Those beyond the end of the list are left out.
///     limit: The greatest number of parts to return; None for all.
///
/// Returns:
///     The parts, in order. The `block_size` of each is the size of the range that it is part of.
///
/// Raises:
///     keepset.errors.ArgumentError: `range_size` or `limit` is negative, or 2**64 or more.
///
/// Examples:
///     >>> from keepset.ranges import Range, locators_and_ranges
///     >>> locators_and_ranges([Range("a", 0, 10), Range("b", 10, 10)], 8, 4)
///     [LocatorAndRange('a', 10, 8, 2), LocatorAndRange('b', 10, 0, 2)]
#[pyfunction]
#[pyo3(signature = (data_locators, range_start, range_size, limit=None))]
pub(crate) fn locators_and_ranges(
    data_locators: &Bound<'_, PyAny>,
    range_start: Number,
    range_size: Number,
    limit: Option<Number>,
) -> PyResult<Vec<PyLocatorAndRange>> {
    let list = DataLocators::of(data_locators)?;
    let size = range_size.checked("range_size")?;
    let limit = limit.map(|limit| limit.checked("limit")).transpose()?;
    let Some(start) = range_start.position() else {
        return Ok(Vec::new());
    };
    let limit = limit.and_then(|limit| usize::try_from(limit).ok());
    let found = ranges::locators_and_ranges(&list, start, size, limit)?;
    let with_locator = |Located { index, block_size, part }| {
        let locator = list.item(index)?.get().locator(data_locators.py());
        Ok(PyLocatorAndRange { locator, block_size, segment_offset: part.segment_offset(), segment_size: part.size() })
    };
    found.into_iter().map(with_locator).collect()
}

/// Overwrite bytes of a list of ranges with those of another block. The list is changed in place.
///
/// A range that is hit in its middle is split. Writing at the very end appends, and makes the last range longer when
/// the new bytes go on where it ends in the same block. Writing over the end makes the list longer. Nothing changes
/// when the new range has no bytes, or when it starts where the list has none. Ranges without bytes disappear where
/// something is written.
///
/// Args:
///     data_locators: Ranges in order, one behind the other.
///     new_range_start: Where the bytes to overwrite begin in the list.
///     new_range_size: How many bytes.
///     new_locator: The block that holds the new bytes.
///     new_segment_offset: Where they begin in that block.
///
/// Raises:
///     keepset.errors.ArgumentError: A number is negative, or the new range ends at 2**64 or beyond.
///
/// Examples:
///     >>> from keepset.ranges import Range, replace_range
///     >>> data_locators = [Range("a", 0, 10)]
///     >>> replace_range(data_locators, 4, 2, "b", 0)
///     >>> data_locators
///     [Range('a', 0, 4, 0), Range('b', 4, 2, 0), Range('a', 6, 4, 6)]
#[pyfunction]
pub(crate) fn replace_range(
    data_locators: &Bound<'_, PyList>,
    new_range_start: Number,
    new_range_size: Number,
    new_locator: Option<&Bound<'_, PyAny>>,
    new_segment_offset: Number,
) -> PyResult<()> {
    let py = data_locators.py();
    let list = DataLocators::of_list(data_locators);
    let new = checked_range(new_range_start, new_range_size, new_segment_offset, "new_")?;
    let new_locator = exact_locator(new_locator)?;
    let is_same = |index| same_locator(py, &list.item(index)?.get().locator, &new_locator);
    let Some(Replacement { items, ranges }) = ranges::plan_replacement(&list, new, is_same)? else {
        return Ok(());
    };
    let located = ranges.into_iter().map(|(source, range)| {
        let locator = match source {
            Source::Item(index) => list.item(index)?.get().locator(py),
            Source::New => clone_locator(py, &new_locator),
        };
        Ok(PyRange { locator, range })
    });
    let located: Vec<_> = located.collect::<PyResult<_>>()?;
    data_locators.set_slice(items.start, items.end, PyList::new(py, located)?.as_any())
}
