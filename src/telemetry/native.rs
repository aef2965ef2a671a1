//! The buckets of a native histogram: each a fixed factor wider than the one before, kept once something fell into it.

use std::iter;

/// Each power of two is divided into 2³ buckets, so that a bound is 1.09 times the one before.
pub(super) const SCHEMA: i32 = 3;

/// What is not longer counts as no time at all: 2⁻¹²⁸ s, as in Go's client. No duration but zero is that short.
pub(super) const ZERO_THRESHOLD: f64 = f64::from_bits((EXPONENT_OF_ONE - 128) << MANTISSA_BITS);

/// Lower bounds of the eight buckets between ½ and 1. They are the table that Prometheus has, to the bit.
const FRACTIONS: [f64; 8] = [
    0.5,
    0.545_253_866_332_628_8,
    0.594_603_557_501_360_5,
    0.648_419_777_325_504_8,
    0.707_106_781_186_547_5,
    0.771_105_412_703_970_4,
    0.840_896_415_253_714_4,
    0.917_004_043_204_671_1,
];

/// Up to so many empty buckets between two others cost less than another span.
const JOINED: i32 = 2;

/// Room is made for so many buckets at a time: new ones become rare soon.
const ROOM: usize = 4;

// How a float is laid out.
const MANTISSA_BITS: u32 = f64::MANTISSA_DIGITS - 1;
const MANTISSA: u64 = (1 << MANTISSA_BITS) - 1;
const EXPONENT_OF_ONE: u64 = 1023;

/// How many observations fell into each bucket.
///
/// Their number has a bound, as durations have one: there are eight to each power of two between the quickest request
/// and the timeout, 134 from 0.1 ms to 10 s.
#[derive(Clone, Debug, Default)]
pub(super) struct NativeBuckets {
    zeros: u64,
    /// Ascending: the bucket with index `i` has the upper bound 2^(i/8), which belongs to it.
    indexes: Vec<i16>,
    /// As many.
    counts: Vec<u64>,
}

/// Buckets next to each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Span {
    /// How many buckets lie between it and the one before; of the first one the index of its first bucket.
    pub(super) offset: i32,
    pub(super) length: u32,
}

impl NativeBuckets {
    /// Counts a duration.
    pub(super) fn observe(&mut self, seconds: f64) {
        if seconds <= ZERO_THRESHOLD {
            self.zeros += 1;
            return;
        }
        let index = index_of(seconds);
        match self.indexes.binary_search(&index) {
            Ok(at) => self.counts[at] += 1,
            Err(at) => {
                if self.indexes.len() == self.indexes.capacity() {
                    self.indexes.reserve_exact(ROOM);
                    self.counts.reserve_exact(ROOM);
                }
                self.indexes.insert(at, index);
                self.counts.insert(at, 1);
            }
        }
    }

    /// Observations that took no time.
    pub(super) const fn zeros(&self) -> u64 {
        self.zeros
    }

    /// The buckets in spans, with few empty ones between others.
    pub(super) fn spans(&self) -> impl Iterator<Item = Span> {
        let mut gaps = self.gaps().peekable();
        iter::from_fn(move || {
            let mut span = Span { offset: gaps.next()?, length: 1 };
            while let Some(gap) = gaps.next_if(|&gap| gap <= JOINED) {
                span.length += gap.unsigned_abs() + 1;
            }
            Some(span)
        })
    }

    /// The count of every bucket in the spans, less that of the one before.
    pub(super) fn deltas(&self) -> impl Iterator<Item = i64> {
        let filled = self.gaps().zip(&self.counts).enumerate().flat_map(|(position, (gap, &count))| {
            let empty = if position > 0 && gap <= JOINED { gap.unsigned_abs() as usize } else { 0 };
            iter::repeat_n(0, empty).chain([count as i64])
        });
        let mut before = 0;
        filled.map(move |count| count - std::mem::replace(&mut before, count))
    }

    /// How many empty buckets lie before each; of the first one its index.
    fn gaps(&self) -> impl Iterator<Item = i32> {
        let mut next = 0;
        self.indexes.iter().map(move |&index| {
            let index = i32::from(index);
            index - std::mem::replace(&mut next, index + 1)
        })
    }
}

/// The bucket of a positive number that is not denormal. What is on a bound belongs to the bucket below it.
fn index_of(seconds: f64) -> i16 {
    let bits = seconds.to_bits();
    let exponent = (bits >> MANTISSA_BITS) as i16 - EXPONENT_OF_ONE as i16;
    let fraction = f64::from_bits(bits & MANTISSA | (EXPONENT_OF_ONE - 1) << MANTISSA_BITS);
    let above = FRACTIONS.partition_point(|&bound| bound < fraction);
    (exponent << SCHEMA) + above as i16
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn of(seconds: &[f64]) -> NativeBuckets {
        let mut buckets = NativeBuckets::default();
        seconds.iter().for_each(|&seconds| buckets.observe(seconds));
        buckets
    }

    /// As Prometheus computes it from its table.
    fn upper_bound(index: i16) -> f64 {
        let (octave, within) = (i32::from(index).div_euclid(8), i32::from(index).rem_euclid(8));
        FRACTIONS[within as usize] * 2_f64.powi(octave + 1)
    }

    #[test]
    fn power_of_two_is_the_upper_bound_of_its_bucket() {
        for exponent in -29..=64_i16 {
            let power = 2_f64.powi(exponent.into());
            let indexes = [power.next_down(), power, power.next_up()].map(index_of);
            assert_eq!(indexes, [8 * exponent, 8 * exponent, 8 * exponent + 1], "2^{exponent}");
        }
    }

    #[test]
    fn bucket_holds_its_upper_bound_and_not_its_lower_one() {
        for index in -240..=512_i16 {
            let (lower, upper) = (upper_bound(index - 1), upper_bound(index));
            assert_eq!(
                [lower, lower.next_up(), upper, upper.next_up()].map(index_of),
                [index - 1, index, index, index + 1]
            );
            let exact = 2_f64.powf(f64::from(index) / 8.0);
            assert!((upper / exact - 1.0).abs() < 1e-14, "{index}: {upper}, {exact}");
        }
    }

    #[test]
    fn every_duration_has_a_bucket_that_holds_it() {
        for duration in [Duration::from_nanos(1), Duration::from_micros(1), Duration::from_millis(100), Duration::MAX] {
            let seconds = duration.as_secs_f64();
            let index = index_of(seconds);
            assert!(upper_bound(index - 1) < seconds && seconds <= upper_bound(index), "{duration:?}: {index}");
        }
    }

    #[test]
    fn only_no_time_at_all_is_zero() {
        assert_eq!(ZERO_THRESHOLD, 2_f64.powi(-128));
        let buckets = of(&[0.0, Duration::from_nanos(1).as_secs_f64(), 0.0]);
        assert_eq!((buckets.zeros(), buckets.counts), (2, vec![1]));
    }

    #[test]
    fn nothing_observed_is_no_span() {
        assert_eq!((of(&[]).spans().count(), of(&[]).deltas().count()), (0, 0));
    }

    #[test]
    fn spans_join_over_two_empty_buckets_and_part_over_three() {
        // Buckets 0, 3 and 7: what lies in the middle of each.
        let buckets = of(&[0.96, 0.96, 1.24, 1.24, 1.24, 1.24, 1.76]);
        assert_eq!(buckets.indexes, [0, 3, 7]);
        assert!(buckets.spans().eq([Span { offset: 0, length: 4 }, Span { offset: 3, length: 1 }]));
        assert!(buckets.deltas().eq([2, -2, 0, 4, -3]));
    }

    #[test]
    fn first_span_begins_at_the_index_of_its_bucket() {
        // Bucket -2 is the second below the one that ends with 1, and no empty ones come before it.
        let buckets = of(&[0.8]);
        assert!(buckets.spans().eq([Span { offset: -2, length: 1 }]));
        assert!(buckets.deltas().eq([1]));
    }

    #[test]
    fn there_are_134_buckets_from_a_tenth_of_a_millisecond_to_ten_seconds() {
        let mut seconds = 1e-4;
        let mut buckets = NativeBuckets::default();
        while seconds < 10.0 {
            buckets.observe(seconds);
            seconds *= 1.01;
        }
        buckets.observe(10.0);
        assert_eq!(buckets.indexes.len(), 134);
        assert!(buckets.indexes.capacity() < buckets.indexes.len() + ROOM);
        assert_eq!(buckets.indexes.capacity(), buckets.counts.capacity());
    }
}
