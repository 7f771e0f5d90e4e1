//! Results of functions in the memory of queries.

use std::sync::Arc;

use arrow_buffer as buffer;
use datafusion::arrow::array::Array;
use datafusion::error::DataFusionError;
use datafusion::execution::memory_pool::{MemoryConsumer, MemoryPool, MemoryReservation};

/// The memory of all queries, as buffers take from it.
#[derive(Debug, Clone)]
pub(super) struct Pool(pub(super) Arc<dyn MemoryPool>);

impl Pool {
    /// Counts the buffers of `column` until the last who holds them lets go of them.
    ///
    /// # Errors
    /// If there is no room for so many bytes.
    pub(super) fn count(&self, column: &dyn Array, bytes: usize) -> Result<(), DataFusionError> {
        // Buffers are counted whether there is room for them or not.
        drop(self.room(bytes)?);
        column.claim(self);
        Ok(())
    }

    /// Room for so many bytes.
    ///
    /// # Errors
    /// If there is none.
    pub(super) fn room(&self, bytes: usize) -> Result<Room, DataFusionError> {
        let reservation = self.consumer();
        reservation.try_grow(bytes)?;
        Ok(Room(reservation))
    }

    fn consumer(&self) -> MemoryReservation {
        MemoryConsumer::new("results of functions").register(&self.0)
    }
}

impl buffer::MemoryPool for Pool {
    fn reserve(&self, size: usize) -> Box<dyn buffer::MemoryReservation> {
        let reservation = self.consumer();
        reservation.grow(size);
        Box::new(Room(reservation))
    }

    fn available(&self) -> isize {
        isize::MAX
    }

    fn used(&self) -> usize {
        self.0.reserved()
    }

    fn capacity(&self) -> usize {
        usize::MAX
    }
}

/// Bytes that are counted until this is dropped.
#[derive(Debug)]
pub(super) struct Room(MemoryReservation);

impl buffer::MemoryReservation for Room {
    fn size(&self) -> usize {
        self.0.size()
    }

    fn resize(&mut self, new_size: usize) {
        self.0.resize(new_size);
    }
}
