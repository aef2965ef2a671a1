//! How many requests are taken: a bucket of tokens that fills again with time.

use std::sync::{Mutex, PoisonError};

use tokio::time::Instant;

use crate::model::web::RateLimit;

/// One bucket for all clients.
#[derive(Debug)]
pub(super) struct Bucket {
    limit: RateLimit,
    level: Mutex<Level>,
}

#[derive(Debug)]
struct Level {
    tokens: f64,
    at: Instant,
}

impl Bucket {
    /// A full one.
    pub(super) fn new(limit: RateLimit) -> Self {
        Self { limit, level: Mutex::new(Level { tokens: limit.burst.get().into(), at: Instant::now() }) }
    }

    /// Takes a token, if there is one.
    pub(super) fn take(&self) -> bool {
        let mut level = self.level.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        let come = now.duration_since(level.at).div_duration_f64(self.limit.interval);
        level.tokens = (level.tokens + come).min(self.limit.burst.get().into());
        level.at = now;
        let is_there = level.tokens >= 1.0;
        if is_there {
            level.tokens -= 1.0;
        }
        is_there
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;
    use std::time::Duration;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn burst_is_taken_at_once_and_then_one_with_each_interval() {
        let burst = NonZeroU32::new(3).expect("not zero");
        let bucket = Bucket::new(RateLimit { interval: Duration::from_secs(2), burst });
        let taken = || (0..10).filter(|_| bucket.take()).count();
        assert_eq!(taken(), 3);
        tokio::time::advance(Duration::from_secs(1)).await;
        assert_eq!(taken(), 0);
        tokio::time::advance(Duration::from_secs(3)).await;
        assert_eq!(taken(), 2);
        tokio::time::advance(Duration::from_secs(3600)).await;
        assert_eq!(taken(), 3);
    }
}
